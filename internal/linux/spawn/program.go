// SPDX-License-Identifier: Apache-2.0

package spawn

import (
	"encoding/binary"
	"fmt"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Program is a compiled list of system calls, not yet placed in memory.
type Program struct {
	steps []step
	// data holds strings and structures; relocs are the offsets in it of
	// words that are offsets in it, and become addresses.
	data   []byte
	relocs []int
	// ownMemory: a step changes what belongs to the address space, so the
	// child gets a copy of it (see the package comment).
	ownMemory bool
}

// argKind is what an argument of a step is.
type argKind uint8

const (
	argConst argKind = iota
	argData          // an offset in data
	argStep          // the result of an earlier step, whose out is set
)

// outKind is where the result of a step goes.
type outKind uint8

const (
	outNone   outKind = iota
	outArg            // argument outIndex%6 of step outIndex/6
	outData           // the word at offset outIndex of data
	outResult         // header.result
)

// step is one instruction of a Program.
type step struct {
	nr       uint64
	args     [6]uint64
	kinds    [6]argKind
	out      outKind
	outIndex int
	ignore   uint64
	what     Step
	detail   uint16
	path     string
}

// The record that a failing child writes: step and detail of 2 bytes, errno
// of 4 (which the child fills in), then the path. All in native byte order.
const (
	recordSize    = 8
	maxRecordPath = 1024 // well below PIPE_BUF, so that the write is atomic
)

func decodeRecord(b []byte) *Failure {
	if len(b) < recordSize {
		return newFailure(StepOther, 0, syscall.EPROTO, "")
	}
	order := binary.NativeEndian
	return newFailure(Step(order.Uint16(b)), order.Uint16(b[2:]), syscall.Errno(order.Uint32(b[4:])), string(b[recordSize:]))
}

// size is the room that the program takes in a block.
func (p *Program) size() int {
	n := int(headerSize) + len(p.steps)*int(insnSize) + (len(p.data)+7)&^7
	for i := range p.steps {
		n += recordSize + (min(len(p.steps[i].path), maxRecordPath)+7)&^7
	}
	return n
}

// place writes the program into mem, which is at least size long. The first
// instruction is at headerSize.
func (p *Program) place(mem []byte) {
	base := uint64(uintptr(unsafe.Pointer(&mem[0])))
	list := unsafe.Slice((*insn)(unsafe.Pointer(&mem[headerSize])), len(p.steps))
	dataOff := uint64(headerSize) + uint64(len(p.steps))*uint64(insnSize)
	data := base + dataOff
	copy(mem[dataOff:], p.data)
	for _, off := range p.relocs {
		word := mem[dataOff+uint64(off):]
		binary.NativeEndian.PutUint64(word, binary.NativeEndian.Uint64(word)+data)
	}
	rec := dataOff + uint64(len(p.data)+7)&^7
	for i := range p.steps {
		s, in := &p.steps[i], &list[i]
		*in = insn{nr: s.nr, ignore: s.ignore, rec: base + rec, status: uint64(s.what.Status())}
		for j, a := range s.args {
			if s.kinds[j] == argData {
				a += data
			}
			in.args[j] = a
		}
		switch s.out {
		case outNone:
		case outArg:
			target := &list[s.outIndex/6].args[s.outIndex%6]
			in.out = uint64(uintptr(unsafe.Pointer(target)))
		case outData:
			in.out = data + uint64(s.outIndex)
		case outResult:
			in.out = base + uint64(unsafe.Offsetof(header{}.result))
		}
		binary.NativeEndian.PutUint16(mem[rec:], uint16(s.what))
		binary.NativeEndian.PutUint16(mem[rec+2:], s.detail)
		in.recLen = recordSize + uint64(copy(mem[rec+recordSize:], s.path[:min(len(s.path), maxRecordPath)]))
		rec += (in.recLen + 7) &^ 7
	}
}

// String prints the program, one step per line: the call, and after the
// number sign what it is for.
func (p *Program) String() string {
	var b strings.Builder
	for i := range p.steps {
		s := &p.steps[i]
		line := p.call(i)
		fmt.Fprintf(&b, "%-60s # %s", line, s.what)
		if s.ignore != 0 {
			fmt.Fprintf(&b, ", ignoring %s", ignored(s.ignore))
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// call prints step i as a call.
func (p *Program) call(i int) string {
	s := &p.steps[i]
	name, n := callName(s.nr)
	args := make([]string, 0, n)
	for j := range n {
		switch s.kinds[j] {
		case argData:
			args = append(args, p.dataString(s.args[j]))
		case argStep:
			args = append(args, fmt.Sprintf("$%d", s.args[j]))
		default:
			args = append(args, constString(s.args[j]))
		}
	}
	line := fmt.Sprintf("%d: %s(%s)", i, name, strings.Join(args, ", "))
	switch s.out {
	case outResult:
		line += " = result"
	case outData:
		line += " = " + p.dataString(uint64(s.outIndex))
	case outNone, outArg:
	}
	return line
}

func constString(v uint64) string {
	if v > 1<<63 {
		return fmt.Sprint(int64(v))
	}
	if v > 0xffff {
		return fmt.Sprintf("%#x", v)
	}
	return fmt.Sprint(v)
}

// dataString prints what is at an offset of the data: text in quotes, else
// only the place.
func (p *Program) dataString(off uint64) string {
	rest := p.data[off:]
	for i, c := range rest {
		switch {
		case c == 0 && i > 0:
			return fmt.Sprintf("%q", rest[:i])
		case c < ' ' || c > '~':
			return fmt.Sprintf("&%d", off)
		}
	}
	return fmt.Sprintf("&%d", off)
}

func ignored(mask uint64) string {
	if mask == ignoreAll {
		return "all errors"
	}
	var names []string
	for e := range 64 {
		if mask>>e&1 != 0 {
			names = append(names, unix.ErrnoName(syscall.Errno(e)))
		}
	}
	return strings.Join(names, " ")
}
