// SPDX-License-Identifier: Apache-2.0

package statelog

import (
	"bytes"
	"encoding/binary"
	"testing"
)

// Whatever is read without an error is a value that can be written, and
// comes back the same.
func FuzzDecode(f *testing.F) {
	c := testCodec(f)
	for _, v := range []any{full(), exited{1, 2, 3}, loaded{Gone: []string{"a"}}, single{&inner{A: 1}}} {
		b, err := c.Append(nil, v)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := c.Decode(b)
		if err != nil {
			return
		}
		once, err := c.Append(nil, v)
		if err != nil {
			t.Fatalf("cannot write what was read: %v", err)
		}
		again, err := c.Decode(once)
		if err != nil {
			t.Fatalf("cannot read what was written: %v", err)
		}
		twice, err := c.Append(nil, again)
		if err != nil || !bytes.Equal(once, twice) {
			t.Fatalf("%x, then %x (%v)", once, twice, err)
		}
	})
}

// Schemas come from other builds, or from nowhere.
func FuzzSchema(f *testing.F) {
	c := testCodec(f)
	v, err := c.Append(nil, full())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(c.Schema(), v)
	other, err := NewCodec(everything{}, square{}, oldState{})
	if err != nil {
		f.Fatal(err)
	}
	v, err = other.Append(nil, oldState{Name: "x", Bits: [9]bool{1: true}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(other.Schema(), v)
	f.Fuzz(func(t *testing.T, schema, b []byte) {
		r, err := c.Reader(schema)
		if err != nil {
			return
		}
		if got, err := r.Decode(b); err == nil {
			if _, err := c.Append(nil, got); err != nil {
				t.Fatalf("cannot write what was read: %v", err)
			}
		}
	})
}

// A log file can be anything from its first segment on.
func FuzzOpen(f *testing.F) {
	c := testCodec(f)
	l := newLog(f, c)
	for i := range 3 {
		mustAppend(f, l, int64(i), exited{Pid: int32(i)})
	}
	image := contentOf(f, l)[headerSize:]
	f.Add(image)
	f.Add(image[:len(image)-1])
	if err := l.Compact(&everything{S: "state"}); err != nil {
		f.Fatal(err)
	}
	f.Add(contentOf(f, l)[l.seg.start:])
	f.Fuzz(func(t *testing.T, b []byte) {
		repair(b)
		fd := imageFile(t, b, headerSize)
		l, err := Open(fd, c)
		if err != nil {
			return
		}
		defer func() { _ = l.Close() }()
		var s everything
		_, _ = l.Snapshot(&s) // any error is fine
		seq := l.seg.first - 1
		for r := range l.Records() {
			if seq++; r.Seq != seq {
				t.Fatalf("record %d after %d", r.Seq, seq-1)
			}
		}
		if l.Foreign() {
			return
		}
		mustAppend(t, l, 1, exited{Pid: 77})
		if err := l.Compact(&s); err != nil {
			t.Fatal(err)
		}
	})
}

// repair makes all checksums right, so that what they guard is tried too.
func repair(b []byte) {
	if len(b) < segmentSize {
		return
	}
	room := uint64(len(b) - segmentSize)
	schema, snapshot := binary.LittleEndian.Uint64(b[16:]), binary.LittleEndian.Uint64(b[24:])
	if schema > room || snapshot > room-schema {
		return
	}
	end := segmentSize + schema + snapshot
	binary.LittleEndian.PutUint32(b[36:], segmentSum(b[:end]))
	seq := binary.LittleEndian.Uint64(b[8:])
	for b = b[end:]; len(b) >= recordSize; seq++ {
		n := uint64(binary.LittleEndian.Uint32(b))
		if n > uint64(len(b)-recordSize) {
			return
		}
		binary.LittleEndian.PutUint32(b[4:], checksum(seq, b[8:recordSize+n]))
		b = b[recordSize+n:]
	}
}
