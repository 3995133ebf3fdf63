// SPDX-License-Identifier: Apache-2.0

package spawn

import (
	"fmt"
	"maps"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// ways are all ways of making a child; each must give the same process.
func ways(t *testing.T, run func(t *testing.T, s *Spawner)) {
	for _, w := range []struct {
		name string
		set  func(s *Spawner)
	}{
		{"shared", func(*Spawner) {}},
		{"vfork", func(s *Spawner) { s.variant = vfork }},
		{"forked", func(s *Spawner) { s.variant = forked }},
		{"legacy", func(s *Spawner) { s.legacy = true }},
		{"portable", func(s *Spawner) { s.portable = true }},
	} {
		t.Run(w.name, func(t *testing.T) {
			s := newSpawner(t, Options{})
			if w.name == "legacy" && !haveAssembly {
				t.Skip("needs the assembly loop")
			}
			w.set(s)
			run(t, s)
		})
	}
}

func TestDefaults(t *testing.T) {
	ways(t, func(t *testing.T, s *Spawner) {
		st := runReport(t, s, &Spec{Umask: -1, PidEnv: []string{"LISTEN_PID", "WATCHDOG_PID"}, Env: []string{"A=b c"}, IgnoreSIGPIPE: true})
		if st.Session != st.Pid {
			t.Errorf("session %d, not its own", st.Session)
		}
		if st.Parent != os.Getpid() || st.Dir != "/" || st.Umask != 0o022 {
			t.Errorf("parent %d, directory %q, umask %o", st.Parent, st.Dir, st.Umask)
		}
		want := []string{"A=b c", helperEnv + "=report", fmt.Sprint("LISTEN_PID=", st.Pid), fmt.Sprint("WATCHDOG_PID=", st.Pid)}
		if !slices.Equal(st.Env, want) {
			t.Errorf("environment %q, want %q", st.Env, want)
		}
		if got := slices.Sorted(maps.Keys(st.Fds)); !slices.Equal(got, []string{"0", "1", "2"}) {
			t.Errorf("descriptors %v", st.Fds)
		}
		if st.Fds["0"] != "/dev/null" {
			t.Errorf("stdin is %q", st.Fds["0"])
		}
		if st.Files[0] != min(1024, s.hard[unix.RLIMIT_NOFILE]) || st.Files[1] != s.hard[unix.RLIMIT_NOFILE] {
			t.Errorf("limit of files %v", st.Files)
		}
	})
}

// What cat sees, since a Go program changes its own signals at once.
func TestSignals(t *testing.T) {
	signal.Ignore(unix.SIGUSR2)
	defer signal.Reset(unix.SIGUSR2)
	ways(t, func(t *testing.T, s *Spawner) {
		for _, ignore := range []bool{false, true} {
			r, w := pipe(t)
			pid, res, err := s.Start(&Spec{
				Path: []string{"/bin/cat"}, Argv: []string{"cat", "/proc/self/status"}, Stdout: FromFd(w),
				IgnoreSIGPIPE: ignore, SigMask: 1 << (unix.SIGHUP - 1),
			})
			_ = unix.Close(w)
			if err != nil {
				t.Fatal(err)
			}
			text := readAll(t, r)
			if fail := answer(t, res); fail != nil {
				t.Fatal(fail)
			}
			reap(t, pid)
			want := "SigBlk:\t0000000000000001\nSigIgn:\t0000000000000000\nSigCgt:\t0000000000000000\n"
			if ignore {
				want = strings.Replace(want, "SigIgn:\t0000000000000000", "SigIgn:\t0000000000001000", 1)
			}
			if !strings.Contains(text, want) {
				t.Errorf("%s\ndoes not have\n%s", text, want)
			}
		}
	})
}

// The helper is a Go program, which changes the flags of no descriptor but
// those that it polls.
func TestDescriptors(t *testing.T) {
	dir := t.TempDir()
	ways(t, func(t *testing.T, s *Spawner) {
		// Low numbers on purpose, and crossing: 4 becomes 3, 3 becomes 4, one twice.
		var fds []int
		for i := range 4 {
			fd, err := unix.Open(filepath.Join(dir, fmt.Sprint("f", i)), unix.O_RDWR|unix.O_CREAT|unix.O_CLOEXEC, 0o600)
			if err != nil {
				t.Fatal(err)
			}
			defer unix.Close(fd)
			fds = append(fds, fd)
		}
		slices.Reverse(fds)
		log := filepath.Join(dir, "log-"+s.name())
		spec := &Spec{
			Umask: 0o077, Stdin: FromFd(fds[0]), Stderr: Append(log),
			Fds: append(fds, fds[0]), Sockets: 1, NonBlocking: true,
		}
		st := runReport(t, s, spec)
		for i := range 5 {
			want := filepath.Join(dir, fmt.Sprint("f", (3-i+4)%4))
			if got := st.Fds[fmt.Sprint(3+i)]; got != want {
				t.Errorf("descriptor %d is %q, want %q", 3+i, got, want)
			}
		}
		if st.Fds["0"] != st.Fds["3"] || st.Fds["2"] != log || len(st.Fds) != 8 {
			t.Errorf("descriptors %v", st.Fds)
		}
		if st.Flags["3"]&unix.O_NONBLOCK == 0 || st.Flags["4"]&unix.O_NONBLOCK != 0 || st.Flags["2"]&unix.O_APPEND == 0 {
			t.Errorf("flags %v", st.Flags)
		}
		info, err := os.Stat(log)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%v, %v: want mode 0600 by the umask", info, err)
		}
	})
}

func (s *Spawner) name() string {
	return fmt.Sprint(s.variant, s.legacy, s.portable)
}

func TestSameStream(t *testing.T) {
	s := newSpawner(t, Options{})
	st := runReport(t, s, &Spec{Stderr: Stdio{Kind: StdioSame}})
	if st.Fds["1"] != st.Fds["2"] || !strings.HasPrefix(st.Fds["1"], "pipe:") {
		t.Errorf("descriptors %v", st.Fds)
	}
}

func TestAttributes(t *testing.T) {
	nice, oom := int8(5), int16(321)
	oomHere, filterHere := readLine("/proc/self/oom_score_adj"), readLine("/proc/self/coredump_filter")
	ways(t, func(t *testing.T, s *Spawner) {
		st := runReport(t, s, &Spec{
			Umask: 0o027, Dir: "/tmp", Nice: &nice, OOM: &oom, NoNewPrivs: true, SigMask: 1 << (unix.SIGUSR1 - 1),
			Limits: []Limit{{Resource: unix.RLIMIT_NOFILE, Soft: 100, Hard: 200}, {Resource: unix.RLIMIT_CORE, Soft: 0, Hard: 1 << 62}},
			Sched:  &Sched{Policy: -1, IOClass: 3, Affinity: []uint32{0}, TimerSlack: 1000, CoredumpFilter: 0x3f},
		})
		if st.Dir != "/tmp" || st.Umask != 0o027 || st.Nice != 5 || st.OOM != "321" || st.Filter != "0000003f" {
			t.Errorf("got %+v", st)
		}
		if st.Files != [2]uint64{100, 200} {
			t.Errorf("limit of files %v", st.Files)
		}
		if st.Status["NoNewPrivs"] != "1" || st.Status["SigBlk"] != "0000000000000200" || st.Status["Cpus_allowed_list"] != "0" {
			t.Errorf("status %v", st.Status)
		}
		// These are attributes of the memory that a child shares with us.
		if got := readLine("/proc/self/oom_score_adj"); got != oomHere {
			t.Errorf("our own oom_score_adj became %s, was %s", got, oomHere)
		}
		if got := readLine("/proc/self/coredump_filter"); got != filterHere {
			t.Errorf("our own coredump_filter became %s, was %s", got, filterHere)
		}
	})
}

func TestIdentity(t *testing.T) {
	needRoot(t)
	const netBind, chown = 10, 0
	ways(t, func(t *testing.T, s *Spawner) {
		st := runReport(t, s, &Spec{
			IDs:         &IDs{UID: 65534, GID: 65533, HasUID: true, HasGID: true, Groups: []uint32{7, 8}},
			Caps:        &Caps{SetBounding: true, Bounding: 1<<netBind | 1<<chown, Ambient: 1 << netBind},
			ParentDeath: int(unix.SIGKILL), Stderr: FromFd(2),
		})
		if st.UID != 65534 || st.GID != 65533 || !slices.Equal(st.Groups, []int{7, 8}) {
			t.Errorf("uid %d gid %d groups %v", st.UID, st.GID, st.Groups)
		}
		if st.Status["CapBnd"] != "0000000000000401" || st.Status["CapAmb"] != "0000000000000400" || st.Status["CapEff"] != "0000000000000400" {
			t.Errorf("capabilities %v", st.Status)
		}
	})
}

func TestOwnUserNeedsNoPrivilege(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("needs to be no root")
	}
	st := runReport(t, newSpawner(t, Options{}), &Spec{IDs: &IDs{UID: uint32(os.Getuid()), HasUID: true, Groups: []uint32{1}}})
	if st.UID != os.Getuid() {
		t.Errorf("uid %d", st.UID)
	}
}

func TestRoot(t *testing.T) {
	needRoot(t)
	ways(t, func(t *testing.T, s *Spawner) {
		root := t.TempDir()
		// No program is in there: that it is not found proves the root.
		pid, res, err := s.Start(&Spec{Path: []string{self(t)}, Argv: []string{"x"}, Root: root})
		if err != nil {
			t.Fatal(err)
		}
		fail := answer(t, res)
		if fail == nil || fail.Step != StepExec || fail.Errno != unix.ENOENT {
			t.Errorf("got %v", fail)
		}
		reap(t, pid)
	})
}

// A search path: candidates that are not there, or not executable, lead on.
func TestCandidates(t *testing.T) {
	dir := t.TempDir()
	plain := filepath.Join(dir, "plain")
	if err := os.WriteFile(plain, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	ways(t, func(t *testing.T, s *Spawner) {
		pid, res, err := s.Start(&Spec{Path: []string{dir + "/none", plain + "/x", plain, "/bin/true", "/bin/false"}, Argv: []string{"true"}})
		if err != nil {
			t.Fatal(err)
		}
		if fail := answer(t, res); fail != nil {
			t.Error(fail)
		}
		if ws := reap(t, pid); ws.ExitStatus() != 0 {
			t.Error(ws)
		}
	})
}
