// SPDX-License-Identifier: Apache-2.0

package spawn

import (
	"errors"
	"testing"

	"golang.org/x/sys/unix"
)

// TestKeep: what is opened after the keeper was made is to be had from it.
func TestKeep(t *testing.T) {
	s, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	pid, err := s.Keep()
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
