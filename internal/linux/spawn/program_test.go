// SPDX-License-Identifier: Apache-2.0

package spawn

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The assembly has these offsets as constants.
func TestLayout(t *testing.T) {
	var in insn
	var h header
	for _, c := range []struct {
		name string
		got  uintptr
		want uintptr
	}{
		{"NR", unsafe.Offsetof(in.nr), 0},
		{"ARG0", unsafe.Offsetof(in.args), 8},
		{"OUT", unsafe.Offsetof(in.out), 56},
		{"IGNORE", unsafe.Offsetof(in.ignore), 64},
		{"REC", unsafe.Offsetof(in.rec), 72},
		{"RECLEN", unsafe.Offsetof(in.recLen), 80},
		{"STATUS", unsafe.Offsetof(in.status), 88},
		{"INSNSIZE", unsafe.Sizeof(in), 96},
		{"RESULT", unsafe.Offsetof(h.result), 8},
		{"CLONE_ARGS_SIZE_VER2", unsafe.Sizeof(h.clone), 88},
	} {
		if c.got != c.want {
			t.Errorf("%s is %d, the assembly says %d", c.name, c.got, c.want)
		}
	}
	for _, file := range []string{"run_amd64.s", "run_arm64.s"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range []string{"#define STATUS 88", "#define INSNSIZE 96", "#define OPFIRST 0x10000", "#define OPDECIMAL 0x10000", "#define OPEXPECT 0x10001"} {
			if !strings.Contains(string(text), line+"\n") {
				t.Errorf("%s has no %q", file, line)
			}
		}
	}
}

//nolint:gochecknoglobals // a constant
var trailing = regexp.MustCompile(` +#`)

// One program with everything in it, as it will run.
func TestProgram(t *testing.T) {
	if unix.Getuid() != 0 {
		t.Skip("needs root: others keep their own groups and limits")
	}
	s := newSpawner(t, Options{})
	s.null, s.ignoredHere = 50, 0
	for i := range s.hard {
		s.hard[i] = 4096
	}
	t.Cleanup(func() { s.null, _ = unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0) })
	nice, oom := int8(-5), int16(-100)
	p, err := s.Compile(&Spec{
		Path: []string{"/usr/bin/web", "/bin/web"}, Argv: []string{"web"}, PidEnv: []string{"LISTEN_PID"},
		Announce: &Message{Fd: 9, Data: []byte("hello")},
		Stdout:   Append("/run/web.out"), Stderr: Stdio{Kind: StdioSame}, Fds: []int{70, 3}, Sockets: 1,
		Dir: "/srv", DirOptional: true, Root: "/jail",
		IDs: &IDs{UID: 33, GID: 34, HasUID: true, HasGID: true, Groups: []uint32{1}}, Umask: 0o077,
		Limits: []Limit{{Resource: unix.RLIMIT_NOFILE, Soft: 8, Hard: 9000}}, Nice: &nice, OOM: &oom,
		NoNewPrivs: true, IgnoreSIGPIPE: true, ParentDeath: 9,
		Seccomp: []Filter{{Prog: notifyOn(1), Listener: &Message{Fd: 80, Data: []byte("id")}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Replace(p.String(), fmt.Sprintf(", %d, 3) ", unix.Getpid()), ", PARENT, 3) ", 1)
	got = trailing.ReplaceAllString(got, " #") // the width of PARENT varies
	const golden = "testdata/program.txt"
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("the program is now (UPDATE=1 accepts it):\n%s", got)
	}
}
