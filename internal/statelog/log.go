// SPDX-License-Identifier: Apache-2.0

package statelog

import (
	"errors"
	"fmt"
	"iter"

	"golang.org/x/sys/unix"
)

// compactAt is how many bytes of records make a log full. They are read
// again after every death of the manager, at some 100 MB/s.
const compactAt = 8 << 20

// ErrForeign says that another build has written the log: Compact first.
var ErrForeign = errors.New("the state log is of another build and has no room for records of this one")

// Log is a snapshot and the records since, in one file. It is for one
// goroutine, and nobody else may write to the file.
type Log struct {
	fd      int
	codec   *Codec
	reader  *Reader // of the segment
	head    *header
	seg     segment
	end     int64  // of the last record
	seq     uint64 // of the last record
	foreign bool
	buf     []byte // of Append
	content []byte // the segment, mapped, until the first change
}

// Record is one input of the log.
type Record struct {
	// Seq numbers the records of a log from 1, for ever.
	Seq uint64
	// Now is the time that Append was given.
	Now   int64
	Input any // a value of a registered type
	// Poisoned: the manager has died twice while it applied this record.
	// It must not be applied; say so, and park its unit.
	Poisoned bool
}

// Create makes an empty log in a new memfd.
func Create(c *Codec) (*Log, error) {
	fd, err := unix.MemfdCreate("rouse-state", unix.MFD_CLOEXEC|unix.MFD_NOEXEC_SEAL)
	if errors.Is(err, unix.EINVAL) { // before Linux 6.3
		fd, err = unix.MemfdCreate("rouse-state", unix.MFD_CLOEXEC)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot create the state log: %w", err)
	}
	l := &Log{fd: fd, codec: c, reader: c.reader}
	if err = l.create(); err != nil {
		_ = l.Close()
		return nil, fmt.Errorf("cannot create the state log: %w", err)
	}
	return l, nil
}

func (l *Log) create() (err error) {
	if err = unix.Ftruncate(l.fd, headerSize); err != nil {
		return err
	}
	if l.head, err = mapHeader(l.fd); err != nil {
		return err
	}
	l.head.init()
	seg, err := l.writeSegment(headerSize, nil, false)
	if err != nil {
		return err
	}
	l.adopt(seg)
	return nil
}

// Open takes fd, a log that Create made, perhaps in another process and
// build. What was not written to the end is cut off.
func Open(fd int, c *Codec) (*Log, error) {
	l := &Log{fd: fd, codec: c}
	if err := l.open(); err != nil {
		_ = l.Close()
		return nil, fmt.Errorf("cannot open the state log: %w", err)
	}
	return l, nil
}

func (l *Log) open() (err error) {
	if l.head, err = mapHeader(l.fd); err != nil {
		return err
	}
	if err = l.head.check(); err != nil {
		return err
	}
	var st unix.Stat_t
	if err = unix.Fstat(l.fd, &st); err != nil {
		return err
	}
	at := int64(l.head.active())
	if at < headerSize || at%pageSize != 0 || at >= st.Size {
		return errCorrupt
	}
	if l.content, err = unix.Mmap(l.fd, at, int(st.Size-at), unix.PROT_READ, unix.MAP_SHARED); err != nil {
		return fmt.Errorf("mmap: %w", err)
	}
	if l.seg, err = parseSegment(at, l.content); err != nil {
		return err
	}
	schema := l.content[l.seg.schema:l.seg.snapshot]
	if l.reader, err = l.codec.Reader(schema); err != nil {
		return err
	}
	l.foreign = l.reader != l.codec.reader
	l.head.countDeath()
	l.seq = l.seg.first - 1
	l.end = at + l.seg.records
	for {
		_, body := l.record(l.end, l.seq+1)
		if body == nil {
			break
		}
		l.seq++
		l.end += recordSize + int64(len(body))
	}
	if l.end < st.Size {
		err = unix.Ftruncate(l.fd, l.end)
	}
	l.punch()
	return err
}

// FD is the file, to be stored with the guardian. It stays the Log's and
// stays the same for ever.
func (l *Log) FD() int { return l.fd }

// Seq is the number of the last record; 0: there never was one.
func (l *Log) Seq() uint64 { return l.seq }

// Foreign tells that the log was written by another build. It can be read,
// and must be compacted before the next Append.
func (l *Log) Foreign() bool { return l.foreign }

// Snapshot reads the last snapshot into the value that into points to;
// found is false when there is none yet. It fails after the first Append.
func (l *Log) Snapshot(into any) (found bool, err error) {
	if l.content == nil {
		return false, errReleased
	}
	if !l.seg.hasSnapshot {
		return false, nil
	}
	if err := l.reader.DecodeInto(l.content[l.seg.snapshot:l.seg.records], into); err != nil {
		return false, fmt.Errorf("cannot read the snapshot in the state log: %w", err)
	}
	return true, nil
}

// Records goes through the records since the snapshot, before the first
// Append. While a record is handed out it counts as being applied. A record
// that cannot be read comes with an error and without Input; the next ones
// can follow all the same.
func (l *Log) Records() iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		if l.content == nil {
			yield(Record{}, errReleased)
			return
		}
		at := l.seg.start + l.seg.records
		for seq := l.seg.first; seq <= l.seq; seq++ {
			now, body := l.record(at, seq)
			at += recordSize + int64(len(body))
			r := Record{Seq: seq, Now: now, Poisoned: l.head.poisoned(seq)}
			var err error
			if r.Input, err = l.reader.Decode(body); err != nil {
				err = fmt.Errorf("cannot read record %d of the state log: %w", seq, err)
			}
			l.head.setApplying(seq)
			more := yield(r, err)
			l.head.setApplying(0)
			if !more {
				return
			}
		}
	}
}

// record finds the record with number seq at the offset at of the file; nil:
// it is not there, or not whole.
func (l *Log) record(at int64, seq uint64) (now int64, body []byte) {
	return parseRecord(l.content[at-l.seg.start:], seq)
}

// Append writes one input, a value of a registered type, before it is
// applied, by one system call. Until Done the manager's death counts against
// it. When it fails the log is as before.
func (l *Log) Append(now int64, input any) error {
	if l.foreign {
		return ErrForeign
	}
	l.release()
	b := append(l.buf[:0], make([]byte, recordSize)...)
	b, err := l.codec.Append(b, input)
	if err != nil {
		return err
	}
	l.buf = b
	if cap(b) > 1<<20 {
		l.buf = nil // a large one is rare: Loaded
	}
	finishRecord(b, now, l.seq+1)
	if err := writeAll(l.fd, b, l.end); err != nil {
		return fmt.Errorf("cannot write to the state log: %w", err)
	}
	l.end += int64(len(b))
	l.seq++
	l.head.setApplying(l.seq)
	return nil
}

// Mark counts the manager's death until Done against record seq: for orders
// of an earlier record that are carried out after the records were gone
// through.
func (l *Log) Mark(seq uint64) { l.head.setApplying(seq) }

// Done says that the last input is applied and its effects are performed. It
// costs one store into shared memory.
func (l *Log) Done() { l.head.setApplying(0) }

// Full tells that it is time to Compact: the records are longer than 8 MiB,
// and than the snapshot.
func (l *Log) Full() bool {
	records := l.seg.start + l.seg.records
	return l.end-records > max(compactAt, l.seg.records)
}

// Compact replaces everything by a snapshot of the value that state points
// to, which must be what the records lead to. The new content is written
// behind the old; one store into the header then makes it count, so that the
// log is whole at any instant.
func (l *Log) Compact(state any) error {
	l.release()
	snapshot, err := l.codec.Append(nil, state)
	if err != nil {
		return err
	}
	seg, err := l.writeSegment((l.end+pageSize-1)&^(pageSize-1), snapshot, true)
	if err != nil {
		_ = unix.Ftruncate(l.fd, l.end) // Open would do it too
		return fmt.Errorf("cannot compact the state log: %w", err)
	}
	l.adopt(seg)
	return nil
}

// writeSegment writes a segment at the offset at, which does not count yet.
func (l *Log) writeSegment(at int64, snapshot []byte, has bool) (segment, error) {
	seg, b := appendSegment(at, l.seq+1, l.codec.schema, snapshot, has)
	return seg, writeAll(l.fd, b, at)
}

// adopt makes seg count and frees the memory of what was before it.
func (l *Log) adopt(seg segment) {
	l.head.setActive(uint64(seg.start))
	l.seg, l.end = seg, seg.start+seg.records
	l.reader, l.foreign = l.codec.reader, false
	l.punch()
}

// punch frees what lies before the segment. Where the file system cannot,
// the file only gets longer.
func (l *Log) punch() {
	if n := l.seg.start - headerSize; n > 0 {
		_ = unix.Fallocate(l.fd, unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, headerSize, n)
	}
}

// release gives up the mapping for reading.
func (l *Log) release() {
	if l.content != nil {
		_ = unix.Munmap(l.content) // fails for what is no mapping only
		l.content = nil
	}
}

// Close closes the file; the log lives on where else the file is held.
func (l *Log) Close() error {
	l.release()
	if l.head != nil {
		l.head.unmap()
		l.head = nil
	}
	return unix.Close(l.fd)
}

func writeAll(fd int, b []byte, at int64) error {
	for len(b) > 0 {
		n, err := unix.Pwrite(fd, b, at)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return err
		}
		b, at = b[n:], at+int64(n)
	}
	return nil
}
