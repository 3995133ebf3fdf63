// SPDX-License-Identifier: Apache-2.0

// Package utmp reads and writes the records of utmp(5): who is logged in, and
// which runlevel the machine is in. It knows the files' format and nothing of
// units; the callers say which files are meant.
package utmp

import (
	"bytes"
	"encoding/binary"
	"runtime"
	"time"
)

// Type is what a record tells.
type Type int16

// The types that are used here, by their numbers in utmp(5).
const (
	Runlevel Type = 1
	BootTime Type = 2
	Login    Type = 6
	User     Type = 7
	Dead     Type = 8
)

// Record is one record. Texts that are too long are cut.
type Record struct {
	Type Type
	PID  int32
	Line string // the terminal below /dev
	ID   string
	User string
	Host string
	Time time.Time
}

// The sizes of the fields in bytes (bits/utmp.h of glibc).
const (
	lineLen = 32
	idLen   = 4
	userLen = 32
	hostLen = 256
	// The offsets of what is the same everywhere.
	offPID  = 4
	offLine = 8
	offID   = offLine + lineLen
	offUser = offID + idLen
	offHost = offUser + userLen
	offExit = offHost + hostLen
	offRest = offExit + 4
)

// layout is where the time stands, which depends on whether programs of 32
// and of 64 bits share the files of an architecture.
type layout struct{ size, sec, usec, word int }

var (
	shared   = layout{size: 384, sec: offRest + 4, usec: offRest + 8, word: 4}
	separate = layout{size: 400, sec: offRest + 8, usec: offRest + 16, word: 8}
)

// host is the layout of this machine.
func host() layout {
	switch runtime.GOARCH {
	case "arm64", "riscv64", "loong64":
		return separate
	}
	return shared
}

// Size is the size of a record in bytes.
func Size() int { return host().size }

// Append appends the record as it is in the file.
func (r *Record) Append(b []byte) []byte { return r.append(b, host()) }

func (r *Record) append(b []byte, l layout) []byte {
	rec := make([]byte, l.size)
	binary.NativeEndian.PutUint16(rec, uint16(r.Type))
	binary.NativeEndian.PutUint32(rec[offPID:], uint32(r.PID))
	copy(rec[offLine:offID], r.Line)
	copy(rec[offID:offUser], r.ID)
	copy(rec[offUser:offHost], r.User)
	copy(rec[offHost:offExit], r.Host)
	if !r.Time.IsZero() {
		putInt(rec[l.sec:], l.word, r.Time.Unix())
		putInt(rec[l.usec:], l.word, int64(r.Time.Nanosecond()/1000))
	}
	return append(b, rec...)
}

// parse reads a record of l.size bytes.
func parse(b []byte, l layout) Record {
	r := Record{
		Type: Type(binary.NativeEndian.Uint16(b)),
		PID:  int32(binary.NativeEndian.Uint32(b[offPID:])),
		Line: text(b[offLine:offID]), ID: text(b[offID:offUser]), User: text(b[offUser:offHost]), Host: text(b[offHost:offExit]),
	}
	if sec, usec := getInt(b[l.sec:], l.word), getInt(b[l.usec:], l.word); sec != 0 || usec != 0 {
		r.Time = time.Unix(sec, usec*1000)
	}
	return r
}

// text is a field up to its end or the first zero.
func text(b []byte) string {
	if i := bytes.IndexByte(b, 0); i >= 0 {
		b = b[:i]
	}
	return string(b)
}

func putInt(b []byte, word int, v int64) {
	if word == 4 {
		binary.NativeEndian.PutUint32(b, uint32(v))
		return
	}
	binary.NativeEndian.PutUint64(b, uint64(v))
}

func getInt(b []byte, word int) int64 {
	if word == 4 {
		// Without a sign: such a file works until 2106.
		return int64(binary.NativeEndian.Uint32(b))
	}
	return int64(binary.NativeEndian.Uint64(b))
}
