// SPDX-License-Identifier: Apache-2.0

package spawn

import (
	"testing"

	"golang.org/x/sys/unix"
)

// Every step that fails names itself, and the process ends with the status
// that systemd.exec(5) has for it.
func TestFailures(t *testing.T) {
	bad := int(9999)
	cases := []struct {
		name   string
		spec   Spec
		step   Step
		dir    string
		path   string
		errno  unix.Errno
		status int
	}{
		{"exec", Spec{Path: []string{"/usr/bin/wbe"}}, StepExec, "ExecStart", "/usr/bin/wbe", unix.ENOENT, 203},
		{"exec of a directory", Spec{Path: []string{"/tmp"}}, StepExec, "ExecStart", "/tmp", unix.EACCES, 203},
		{"last candidate", Spec{Path: []string{"/no/a", "/no/b"}}, StepExec, "ExecStart", "/no/b", unix.ENOENT, 203},
		{"chdir", Spec{Dir: "/nowhere"}, StepDirectory, "WorkingDirectory", "/nowhere", unix.ENOENT, 200},
		{"stdin", Spec{Stdin: Stdio{Kind: StdioFile, Path: "/nowhere/in"}}, StepStdin, "StandardInput", "/nowhere/in", unix.ENOENT, 208},
		{"stdout", Spec{Stdout: Append("/nowhere/out")}, StepStdout, "StandardOutput", "/nowhere/out", unix.ENOENT, 209},
		{"stderr", Spec{Stderr: FromFd(bad)}, StepStderr, "StandardError", "", unix.EBADF, 222},
		{"no terminal", Spec{Stdin: Stdio{Kind: StdioTTY, Path: "/dev/null"}}, StepStdin, "StandardInput", "/dev/null", unix.ENOTTY, 208},
		{"descriptor", Spec{Fds: []int{0, bad}}, StepFds, "Sockets", "", unix.EBADF, 202},
		{"chroot", Spec{Root: "/nowhere"}, StepRoot, "RootDirectory", "/nowhere", unix.ENOENT, 210},
		{"limit", Spec{Limits: []Limit{{Resource: unix.RLIMIT_CORE, Soft: 2, Hard: 1}}}, StepLimits, "LimitCORE", "", unix.EINVAL, 205},
		{"affinity", Spec{Sched: &Sched{Policy: -1, IOClass: -1, Affinity: []uint32{1000}}}, StepAffinity, "CPUAffinity", "", unix.EINVAL, 215},
		{"scheduler", Spec{Sched: &Sched{Policy: 99, IOClass: -1}}, StepScheduler, "CPUSchedulingPolicy", "", unix.EINVAL, 214},
		{"io", Spec{Sched: &Sched{Policy: -1, IOClass: 7}}, StepIOPriority, "IOSchedulingPriority", "", unix.EINVAL, 211},
		{"seccomp", Spec{NoNewPrivs: true, Seccomp: []Filter{{Prog: []unix.SockFilter{{Code: 0xffff}}}}}, StepSeccomp, "X-Handover", "", unix.EINVAL, 228},
		{"announce", Spec{Announce: &Message{Fd: bad, Data: []byte("x")}}, StepAnnounce, "", "", unix.EBADF, 202},
		{"ambient without the capability", Spec{Caps: &Caps{Ambient: 1 << 62}}, StepAmbient, "AmbientCapabilities", "", unix.EINVAL, 218},
	}
	ways(t, func(t *testing.T, s *Spawner) {
		for _, c := range cases {
			spec := c.spec
			if spec.Path == nil {
				spec.Path = []string{"/bin/true"}
			}
			spec.Argv = []string{"x"}
			pid, res, err := s.Start(&spec)
			if err != nil {
				t.Errorf("%s: %v", c.name, err)
				continue
			}
			fail := answer(t, res)
			ws := reap(t, pid)
			if fail == nil {
				t.Errorf("%s: no failure", c.name)
				continue
			}
			if fail.Step != c.step || fail.Directive != c.dir || fail.Path != c.path || fail.Errno != c.errno {
				t.Errorf("%s: got %+v", c.name, *fail)
			}
			if ws.ExitStatus() != c.status || int(fail.Status()) != c.status {
				t.Errorf("%s: exit status %d, want %d", c.name, ws.ExitStatus(), c.status)
			}
		}
	})
}

func TestCloneFailures(t *testing.T) {
	s := newSpawner(t, Options{})
	before := openFds(t)
	fd, err := unix.Open("/", unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = s.Start(&Spec{Path: []string{"/bin/true"}, Argv: []string{"true"}, Cgroup: fd})
	_ = unix.Close(fd)
	fail, ok := err.(*Failure) //nolint:errorlint // Start promises the type
	if !ok || fail.Step != StepCgroup || fail.Errno != unix.EBADF || fail.Status() != 219 {
		t.Errorf("a cgroup that is none: %v", err)
	}
	if _, _, err := s.Start(&Spec{Path: []string{"/bin/true"}}); err == nil {
		t.Error("no argv: no error")
	}
	if after := openFds(t); after != before {
		t.Errorf("%d descriptors became %d", before, after)
	}
	if s.legacy {
		t.Error("a bad cgroup was taken for an old kernel")
	}
}
