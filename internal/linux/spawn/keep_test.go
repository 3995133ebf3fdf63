// SPDX-License-Identifier: Apache-2.0

package spawn

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestKeep: what is opened after the keeper was made is to be had from it.
func TestKeep(t *testing.T) {
	s, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	pid, err := s.Keep(time.Minute)
	if errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EPERM) {
		t.Skipf("no keeper can be had here: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = unix.Kill(pid, unix.SIGKILL)
		if _, err := unix.Wait4(pid, nil, unix.WALL, nil); err != nil {
			t.Error(err)
		}
	}()
	var pipe [2]int
	if err := unix.Pipe2(pipe[:], unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	if _, err := unix.Write(pipe[1], []byte("x")); err != nil {
		t.Fatal(err)
	}
	pidfd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(pidfd)
	// Closed here, it is closed there: it is one table.
	got, err := unix.PidfdGetfd(pidfd, pipe[0], 0)
	if err != nil {
		t.Fatalf("the pipe is not to be had: %v", err)
	}
	_ = unix.Close(pipe[0])
	if fd, err := unix.PidfdGetfd(pidfd, pipe[0], 0); !errors.Is(err, unix.EBADF) {
		t.Errorf("a closed descriptor is there still: %d, %v", fd, err)
	}
	var b [1]byte
	if n, err := unix.Read(got, b[:]); n != 1 || err != nil || b[0] != 'x' {
		t.Errorf("read %d bytes %q, %v", n, b, err)
	}
	_ = unix.Close(got)
	_ = unix.Close(pipe[1])
}

// keepAndEnd is a helper: it leaves a keeper behind.
func keepAndEnd() {
	s, err := New(Options{Sibling: true})
	if err != nil {
		panic(err)
	}
	pid, err := s.Keep(50 * time.Millisecond)
	if errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EPERM) {
		pid, err = 0, nil
	}
	if err != nil {
		panic(err)
	}
	fmt.Println(pid)
}

// TestKeepEnds: a keeper that nobody asks for anything does not stay for ever.
func TestKeepEnds(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), helperEnv+"=keep")
	f, err := os.Create(t.TempDir() + "/pid") // a pipe would be kept open
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	cmd.Stdout, cmd.Stderr = f, os.Stderr
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(f.Name())
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	if pid == 0 {
		t.Skip("no keeper can be had here")
	}
	var status unix.WaitStatus
	for end := time.Now().Add(5 * time.Second); ; {
		n, err := unix.Wait4(pid, &status, unix.WALL|unix.WNOHANG, nil)
		if err != nil {
			t.Fatal(err)
		}
		if n == pid {
			break
		}
		if time.Now().After(end) {
			_ = unix.Kill(pid, unix.SIGKILL)
			t.Fatal("it is still there after 5 s")
		}
		_, _ = unix.Poll(nil, 5)
	}
	if !status.Exited() || status.ExitStatus() != 0 {
		t.Errorf("it ended with %v", status)
	}
}
