// SPDX-License-Identifier: Apache-2.0

package memory

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

const mapped = 32 << 20

// TestMain plays the part of a service that maps a file, too: it says "in" once
// all of it is in memory, and "good" when it has read it again.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "map" {
		os.Exit(hold(os.Args[2]))
	}
	os.Exit(m.Run())
}

func hold(file string) int {
	f, err := os.Open(file)
	if err != nil {
		return 1
	}
	b, err := unix.Mmap(int(f.Fd()), 0, mapped, unix.PROT_READ, unix.MAP_PRIVATE)
	if err != nil {
		return 1
	}
	whole := func() bool {
		for i := 0; i < len(b); i += 4096 {
			if b[i] != byte(i>>12) {
				return false
			}
		}
		return true
	}
	for range 2 {
		if !whole() {
			return 1
		}
		if _, err := os.Stdout.WriteString("in\n"); err != nil {
			return 1
		}
		if _, err := os.Stdin.Read(make([]byte, 1)); err != nil {
			return 1
		}
	}
	return 0
}

// TestPageOut: what a file backs leaves the memory of a stopped process, and
// comes back unharmed.
func TestPageOut(t *testing.T) {
	file := filepath.Join(t.TempDir(), "data")
	data := make([]byte, mapped)
	for i := 0; i < len(data); i += 4096 {
		data[i] = byte(i >> 12)
	}
	if err := os.WriteFile(file, data, 0o644); err != nil {
		t.Fatal(err)
	}
	var fs unix.Statfs_t
	if err := unix.Statfs(file, &fs); err != nil || fs.Type == unix.TMPFS_MAGIC {
		t.Skipf("%s is in memory itself", file)
	}
	unix.Sync() // only clean pages can go
	cmd := exec.Command(os.Args[0], "map", file)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	said := make([]byte, 3)
	if _, err := out.Read(said); err != nil || !bytes.Equal(said, []byte("in\n")) {
		t.Fatalf("%q, %v", said, err)
	}
	pids := []int{cmd.Process.Pid}
	before := Resident(pids)
	if before < mapped || Proportional(pids) == 0 {
		t.Fatalf("%d bytes resident, %d of its own", before, Proportional(pids))
	}
	_ = cmd.Process.Signal(unix.SIGSTOP)
	p := NewPager(pids)
	defer p.Close()
	steps := 0
	for {
		done, err := p.Step(1 << 20)
		if errors.Is(err, unix.EPERM) || errors.Is(err, unix.ENOSYS) {
			t.Skipf("nothing can be paged out here: %v", err)
		}
		if err != nil {
			t.Fatal(err)
		}
		steps++
		if done {
			break
		}
	}
	after := Resident(pids)
	t.Logf("%d KiB resident, %d after %d steps", before>>10, after>>10, steps)
	if after > before-mapped/2 || steps < mapped>>20 {
		t.Errorf("%d bytes were resident, %d are left after %d steps", before, after, steps)
	}
	_ = cmd.Process.Signal(unix.SIGCONT)
	if _, err := in.Write([]byte("g")); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(said); err != nil || !bytes.Equal(said, []byte("in\n")) {
		t.Errorf("it did not find its data again: %q, %v", said, err)
	}
}

// TestEndedProcess: there is nothing to page out, and no error.
func TestEndedProcess(t *testing.T) {
	cmd := exec.Command("/bin/true")
	if err := cmd.Run(); err != nil {
		t.Skip(err)
	}
	p := NewPager([]int{cmd.Process.Pid})
	if done, err := p.Step(1); !done || err != nil {
		t.Errorf("%v, %v", done, err)
	}
	if n := Resident([]int{cmd.Process.Pid}) + Proportional([]int{cmd.Process.Pid}); n != 0 {
		t.Errorf("%d bytes", n)
	}
}
