// SPDX-License-Identifier: Apache-2.0

package spawn

import (
	"math"

	"golang.org/x/sys/unix"
)

// stdioSteps are the steps of the three standard streams.
//
//nolint:gochecknoglobals // a constant table
var stdioSteps = [3]Step{StepStdin, StepStdout, StepStderr}

// descriptors puts every descriptor in its place and closes all others at
// once. The places are: 0 to 2 the standard streams, from 3 spec.Fds, then,
// close-on-exec, the result pipe and the sockets of seccomp listeners. What
// lies there is first moved up, out of the way.
//
// Files are opened last: an open may wait (a FIFO), and until then the child
// must not hold descriptors of the manager's, whose peers would not see them
// closed.
func (s *Spawner) descriptors(b *Builder, spec *Spec, result int) {
	place := firstFd + len(spec.Fds)
	top := place + 1 + len(spec.Seccomp)
	up := func(fd int) Arg {
		if fd >= top {
			return Int(fd)
		}
		return b.DupAbove(fd, top).Arg()
	}
	streams := [3]*Stdio{&spec.Stdin, &spec.Stdout, &spec.Stderr}

	b.For(StepFds)
	from := s.sources[:0]
	from = append(from, up(result))
	for _, fd := range spec.Fds {
		from = append(from, up(fd))
	}
	for i := range spec.Seccomp {
		from = append(from, s.listener(&spec.Seccomp[i], up))
	}
	for i, st := range streams {
		b.For(stdioSteps[i])
		switch st.Kind {
		case StdioNull:
			from = append(from, up(s.null))
		case StdioFd:
			from = append(from, up(st.Fd))
		case StdioInherit, StdioFile, StdioSame, StdioTTY:
			from = append(from, Arg{})
		}
	}
	s.sources = from

	b.For(StepFds)
	b.Dup3(from[0], place, unix.O_CLOEXEC)
	b.p.steps[len(b.p.steps)-1].out = outResult
	from = from[1:]
	for i := range spec.Fds {
		b.Dup3(from[i], firstFd+i, 0)
		if i < spec.Sockets {
			b.NonBlocking(firstFd+i, spec.NonBlocking)
		}
	}
	from = from[len(spec.Fds):]
	for i := range spec.Seccomp {
		if spec.Seccomp[i].Listener != nil {
			b.Dup3(from[i], place+1+i, unix.O_CLOEXEC)
		}
	}
	from = from[len(spec.Seccomp):]
	for i, st := range streams {
		if st.Kind == StdioNull || st.Kind == StdioFd {
			b.For(stdioSteps[i])
			b.Dup3(from[i], i, 0)
		}
	}
	b.For(StepFds)
	b.Call(unix.SYS_CLOSE_RANGE, Int(top), Int(uint32(math.MaxUint32)), Int(0))
	b.Ignore(unix.ENOSYS) // before Linux 5.9; all of rouse's own are close-on-exec
	for i, st := range streams {
		b.stream(i, st)
	}
}

func (s *Spawner) listener(f *Filter, up func(int) Arg) Arg {
	if f.Listener == nil {
		return Arg{}
	}
	return up(f.Listener.Fd)
}

// listenerFd is where the socket of filter i is in the child.
func listenerFd(spec *Spec, i int) int { return firstFd + len(spec.Fds) + 1 + i }

// stream opens standard stream n where that is the child's business.
func (b *Builder) stream(n int, st *Stdio) {
	b.For(stdioSteps[n])
	switch st.Kind {
	case StdioSame:
		if n > 0 {
			b.Dup3(Int(n-1), n, 0)
		}
	case StdioFile:
		b.ForPath(stdioSteps[n], st.Path)
		fd := b.Open(st.Path, st.Flags|unix.O_CLOEXEC|unix.O_NOCTTY, 0o666)
		b.Dup3(fd.Arg(), n, 0)
	case StdioTTY:
		b.ForPath(stdioSteps[n], st.Path)
		b.ControllingTTY(n, st.Path, st.Force, st.Hangup)
	case StdioNull, StdioFd, StdioInherit:
	}
}

// ControllingTTY opens a terminal as descriptor n and makes it the session's
// controlling terminal; force takes it away from the session that has it,
// hangup first makes all others lose it. Several steps.
func (b *Builder) ControllingTTY(n int, path string, force, hangup bool) {
	const flags = unix.O_RDWR | unix.O_NOCTTY | unix.O_CLOEXEC
	if hangup {
		b.Call(unix.SYS_IOCTL, b.Open(path, flags, 0).Arg(), Int(unix.TIOCVHANGUP), Int(0))
	}
	b.Dup3(b.Open(path, flags, 0).Arg(), n, 0)
	steal := 0
	if force {
		steal = 1
	}
	b.Call(unix.SYS_IOCTL, Int(n), Int(unix.TIOCSCTTY), Int(steal))
}

// fionbio is FIONBIO of ioctl(2) (asm-generic/ioctls.h; MIPS, PowerPC and
// SPARC differ).
const fionbio = 0x5421

// NonBlocking sets or clears O_NONBLOCK of the open file, and nothing else.
func (b *Builder) NonBlocking(fd int, on bool) {
	word := []byte{0, 0, 0, 0, 0, 0, 0, 0} // an int of either byte order: any bit counts
	if on {
		word[0], word[3] = 1, 1
	}
	b.Call(unix.SYS_IOCTL, Int(fd), Int(fionbio), b.Bytes(word))
}
