// SPDX-License-Identifier: Apache-2.0

package spawn

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// ignoreAll ignores every error of a step.
const ignoreAll = ^uint64(0)

// errnos makes a mask for Builder.Ignore.
func errnos(list ...unix.Errno) (mask uint64) {
	for _, e := range list {
		mask |= 1 << min(uint(e), 63)
	}
	return mask
}

// Builder makes a Program, step by step. Its methods append one step each,
// unless they say otherwise.
type Builder struct {
	p Program
	// what the steps that are being added are for.
	what   Step
	detail uint16
	path   string
}

// Arg is an argument of a system call.
type Arg struct {
	value uint64
	kind  argKind
}

// Int is a constant argument.
func Int[T ~int | ~int32 | ~int64 | ~uint | ~uint16 | ~uint32 | ~uint64 | ~uintptr](v T) Arg {
	return Arg{value: uint64(v)}
}

// Ref names the result of a step. It can be used by one later step only.
type Ref int

// Arg is the result as an argument.
func (r Ref) Arg() Arg { return Arg{value: uint64(r), kind: argStep} }

// reset empties the builder and keeps its memory.
func (b *Builder) reset() {
	clear(b.p.steps) // paths
	b.p = Program{steps: b.p.steps[:0], data: b.p.data[:0], relocs: b.p.relocs[:0]}
	b.For(StepOther)
}

// Program is what was built so far.
func (b *Builder) Program() *Program { return &b.p }

// For says what the following steps are for.
func (b *Builder) For(s Step) { b.what, b.detail, b.path = s, 0, "" }

// ForPath says what the following steps are for and which file they are about.
func (b *Builder) ForPath(s Step, path string) { b.what, b.detail, b.path = s, 0, path }

// Call appends a system call.
func (b *Builder) Call(nr uintptr, args ...Arg) Ref {
	n := len(b.p.steps)
	b.p.steps = append(b.p.steps, step{nr: uint64(nr), what: b.what, detail: b.detail, path: b.path})
	s := &b.p.steps[n]
	for i, a := range args {
		s.args[i], s.kinds[i] = a.value, a.kind
		if a.kind == argStep {
			from := &b.p.steps[a.value]
			from.out, from.outIndex = outArg, n*6+i
		}
	}
	return Ref(n)
}

// Ignore makes the last step's failure with one of these no failure.
func (b *Builder) Ignore(list ...unix.Errno) { b.p.steps[len(b.p.steps)-1].ignore |= errnos(list...) }

// IgnoreAll makes no failure of the last step count.
func (b *Builder) IgnoreAll() { b.p.steps[len(b.p.steps)-1].ignore = ignoreAll }

// align makes the next piece of data start at a multiple of 8.
func (b *Builder) align() {
	for len(b.p.data)%8 != 0 {
		b.p.data = append(b.p.data, 0)
	}
}

// Str puts a string with a NUL behind it into the program's memory.
func (b *Builder) Str(s string) Arg {
	off := len(b.p.data)
	b.p.data = append(append(b.p.data, s...), 0)
	return Arg{value: uint64(off), kind: argData}
}

// Bytes puts bytes there, aligned to 8.
func (b *Builder) Bytes(p []byte) Arg {
	b.align()
	off := len(b.p.data)
	b.p.data = append(b.p.data, p...)
	return Arg{value: uint64(off), kind: argData}
}

// Words puts 64-bit words there. A word that is an Arg of Str, Bytes or
// Words becomes its address.
func (b *Builder) Words(words ...Arg) Arg {
	b.align()
	off := len(b.p.data)
	for _, w := range words {
		if w.kind == argData {
			b.p.relocs = append(b.p.relocs, len(b.p.data))
		}
		b.p.data = binary.NativeEndian.AppendUint64(b.p.data, w.value)
	}
	return Arg{value: uint64(off), kind: argData}
}

// Open opens a file.
func (b *Builder) Open(path string, flags, mode int) Ref {
	return b.Call(unix.SYS_OPENAT, Int(unix.AT_FDCWD), b.Str(path), Int(flags), Int(mode))
}

// Dup3 makes to a duplicate of from, which must be another descriptor.
func (b *Builder) Dup3(from Arg, to, flags int) Ref {
	return b.Call(unix.SYS_DUP3, from, Int(to), Int(flags))
}

// DupAbove duplicates fd to a descriptor that is least or higher, close-on-exec.
func (b *Builder) DupAbove(fd, least int) Ref {
	return b.Call(unix.SYS_FCNTL, Int(fd), Int(unix.F_DUPFD_CLOEXEC), Int(least))
}

// WriteFile writes value to a file that exists, as one write. The errors in
// ignore are no failure of either of its two steps.
func (b *Builder) WriteFile(path, value string, ignore ...unix.Errno) {
	fd := b.Open(path, unix.O_WRONLY|unix.O_CLOEXEC, 0)
	b.Ignore(ignore...)
	b.Call(unix.SYS_WRITE, fd.Arg(), b.Str(value), Int(len(value)))
	b.Ignore(ignore...)
	if len(ignore) > 0 {
		b.Ignore(unix.EBADF) // the open that was ignored
	}
}

// Prctl is prctl(2).
func (b *Builder) Prctl(option int, args ...Arg) {
	b.Call(unix.SYS_PRCTL, append([]Arg{Int(option)}, args...)...)
}

// pidDigits writes the pid of the process as digits behind the string at a,
// which has length skip and room for 11 bytes after it. Two steps.
func (b *Builder) pidDigits(a Arg, skip int) {
	pid := b.Call(unix.SYS_GETPID)
	b.Call(opDecimal, pid.Arg(), Arg{value: a.value + uint64(skip), kind: argData})
}
