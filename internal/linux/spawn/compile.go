// SPDX-License-Identifier: Apache-2.0

package spawn

import (
	"errors"
	"math"

	"golang.org/x/sys/unix"
)

// firstFd is the number of the first passed descriptor (sd_listen_fds(3)).
const firstFd = 3

// compile makes the spawner's program from spec. The order is that of
// systemd's own child: what needs privileges before the change of user, paths
// that the user must be able to reach after it, seccomp last.
func (s *Spawner) compile(spec *Spec, result int) error {
	if len(spec.Path) == 0 || len(spec.Argv) == 0 {
		return errors.New("cannot start: no program given")
	}
	b := &s.builder
	b.reset()
	if s.legacy {
		s.oldKernel(b, spec)
	}
	s.announce(b, spec)
	s.signals(b, spec)
	if spec.Held != nil {
		s.hold(b)
	}
	if !spec.KeepSession {
		b.For(StepSession)
		b.Call(unix.SYS_SETSID)
		b.Ignore(unix.EPERM) // it leads one already
	}
	b.For(StepUmask)
	b.Call(unix.SYS_UMASK, Int(umaskOf(spec)))
	s.descriptors(b, spec, result)
	s.scheduling(b, spec)
	if spec.PrivateKeyring {
		b.For(StepKeyring)
		b.Call(unix.SYS_KEYCTL, Int(unix.KEYCTL_JOIN_SESSION_KEYRING), Int(0))
		// As in systemd: no keyrings here, by the kernel or by seccomp.
		b.Ignore(unix.ENOSYS, unix.EPERM, unix.EACCES, unix.EDQUOT)
	}
	if spec.Root != "" && spec.Root != "/" {
		b.ForPath(StepRoot, spec.Root)
		path := b.Str(spec.Root)
		b.Call(unix.SYS_CHROOT, path)
	}
	s.limits(b, spec)
	identity(b, spec)
	if spec.ParentDeath != 0 {
		s.parentDeath(b, spec)
	}
	directory(b, spec)
	if spec.Caps != nil && spec.Caps.SecureBits != 0 {
		b.For(StepSecureBits)
		b.Prctl(unix.PR_SET_SECUREBITS, Int(spec.Caps.SecureBits))
	}
	if spec.NoNewPrivs {
		b.For(StepNoNewPrivileges)
		b.Prctl(unix.PR_SET_NO_NEW_PRIVS, Int(1), Int(0), Int(0), Int(0))
	}
	if spec.Extra != nil {
		b.For(StepOther)
		spec.Extra(b)
	}
	argv, envp := vectors(b, spec)
	for i := range spec.Seccomp {
		b.For(StepSeccomp)
		b.Seccomp(&spec.Seccomp[i], listenerFd(spec, i))
	}
	execve(b, spec, argv, envp)
	return nil
}

// Compile returns the program that Start would run for spec, to be read; it
// is valid until the next call of a method of s.
func (s *Spawner) Compile(spec *Spec) (*Program, error) {
	const anyFd = 1000 // stands for the result pipe
	s.gate = [2]int{anyFd + 1, anyFd + 2}
	if err := s.compile(spec, anyFd); err != nil {
		return nil, err
	}
	return &s.builder.p, nil
}

// oldKernel does what clone3 would have done: it enters the cgroup, and takes
// away Go's signal handlers while all signals are still blocked.
func (s *Spawner) oldKernel(b *Builder, spec *Spec) {
	if spec.Cgroup > 0 {
		b.For(StepCgroup)
		fd := b.Call(unix.SYS_OPENAT, Int(spec.Cgroup), b.Str("cgroup.procs"), Int(unix.O_WRONLY|unix.O_CLOEXEC), Int(0))
		b.Call(unix.SYS_WRITE, fd.Arg(), b.Str("0"), Int(1))
	}
	b.For(StepSignals)
	for sig := 1; sig <= 64; sig++ {
		if sig != int(unix.SIGKILL) && sig != int(unix.SIGSTOP) {
			b.SignalAction(sig, false)
		}
	}
}

func umaskOf(spec *Spec) int32 {
	if spec.Umask < 0 {
		return 0o022
	}
	return spec.Umask
}

func (s *Spawner) announce(b *Builder, spec *Spec) {
	if spec.Announce == nil {
		return
	}
	b.For(StepAnnounce)
	b.Call(unix.SYS_WRITE, Int(spec.Announce.Fd), b.Bytes(spec.Announce.Data), Int(len(spec.Announce.Data)))
}

// hold waits until nobody has the gate's other end. The process has a copy of
// it itself.
func (s *Spawner) hold(b *Builder) {
	b.For(StepHold)
	b.Call(unix.SYS_CLOSE, Int(s.gate[1]))
	b.Call(unix.SYS_READ, Int(s.gate[0]), b.Words(Int(0)), Int(1))
}

// signals lets signals through again, so that a process that waits in a later
// step can be ended. Handlers are the default here: clone3 took Go's away.
func (s *Spawner) signals(b *Builder, spec *Spec) {
	b.For(StepSignals)
	for sig := 1; sig <= 64 && !s.legacy; sig++ {
		if s.ignoredHere>>(sig-1)&1 != 0 && (sig != int(unix.SIGPIPE) || !spec.IgnoreSIGPIPE) {
			b.SignalAction(sig, false)
		}
	}
	if spec.IgnoreSIGPIPE {
		b.SignalAction(int(unix.SIGPIPE), true)
	}
	b.SigMask(spec.SigMask)
}

// parentDeath asks for a signal at the parent's death, and fails with ESRCH
// if the parent has died already. It comes after the change of user, which
// clears it (prctl(2)).
func (s *Spawner) parentDeath(b *Builder, spec *Spec) {
	b.For(StepParentDeath)
	b.Prctl(unix.PR_SET_PDEATHSIG, Int(spec.ParentDeath))
	parent := unix.Getpid()
	if s.sibling {
		parent = unix.Getppid()
	}
	if parent == 0 {
		return // the parent is in an outer PID namespace
	}
	b.Call(opExpect, b.Call(unix.SYS_GETPPID).Arg(), Int(parent), Int(int(unix.ESRCH)))
}

func directory(b *Builder, spec *Spec) {
	dir := spec.Dir
	if dir == "" || spec.DirOptional {
		b.ForPath(StepDirectory, "/")
		b.Call(unix.SYS_CHDIR, b.Str("/"))
	}
	if dir != "" {
		b.ForPath(StepDirectory, dir)
		b.Call(unix.SYS_CHDIR, b.Str(dir))
		if spec.DirOptional {
			b.IgnoreAll()
		}
	}
}

// vectors builds argv and the environment.
func vectors(b *Builder, spec *Spec) (argv, envp Arg) {
	words := make([]Arg, 0, len(spec.Argv)+len(spec.Env)+len(spec.PidEnv)+2)
	for _, a := range spec.Argv {
		words = append(words, b.Str(a))
	}
	argv = b.Words(append(words, Int(0))...)
	words = words[:0]
	for _, e := range spec.Env {
		words = append(words, b.Str(e))
	}
	b.For(StepEnvironment)
	for _, name := range spec.PidEnv {
		// Room for the 10 digits of the largest pid; Str ends it with a NUL.
		a := b.Str(name + "=\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00")
		b.pidDigits(a, len(name)+1)
		words = append(words, a)
	}
	return argv, b.Words(append(words, Int(0))...)
}

// execve tries each candidate; the errors that mean "not here" lead to the
// next, as in execvp(3).
func execve(b *Builder, spec *Spec, argv, envp Arg) {
	for i, path := range spec.Path {
		b.ForPath(StepExec, path)
		b.Call(unix.SYS_EXECVE, b.Str(path), argv, envp)
		if i < len(spec.Path)-1 {
			b.Ignore(unix.ENOENT, unix.ENOTDIR, unix.EACCES)
		}
	}
}

// limits sets the resource limits. Where a hard limit is above the manager's
// own, what is allowed is set first and the full value tried after it.
func (s *Spawner) limits(b *Builder, spec *Spec) {
	b.For(StepLimits)
	files := false
	for _, l := range spec.Limits {
		files = files || l.Resource == unix.RLIMIT_NOFILE
		b.detail = uint16(l.Resource)
		own := s.hardLimit(l.Resource)
		if l.Hard > own {
			b.Limit(l.Resource, min(l.Soft, own), own)
			b.Limit(l.Resource, l.Soft, l.Hard)
			b.Ignore(unix.EPERM)
			continue
		}
		b.Limit(l.Resource, l.Soft, l.Hard)
	}
	if !files {
		// Go raises the soft limit of its own process to the hard one;
		// programs that use select(2) need the 1024 that they expect.
		b.detail = unix.RLIMIT_NOFILE
		hard := s.hardLimit(unix.RLIMIT_NOFILE)
		b.Limit(unix.RLIMIT_NOFILE, min(1024, hard), hard)
	}
	b.detail = 0
}

// hardLimit is the manager's own hard limit, MaxUint64 if it cannot be read.
func (s *Spawner) hardLimit(resource uint8) uint64 {
	if int(resource) >= len(s.hard) {
		return math.MaxUint64
	}
	return s.hard[resource]
}
