// SPDX-License-Identifier: Apache-2.0

package sockdiag

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// TestClients: the ends that a process has connected itself are found, and what
// it has not read, by one question however many sockets it has.
func TestClients(t *testing.T) {
	d := Open()
	defer d.Close()
	if d.fd < 0 || d.dumpUnix(1<<tcpListen, showName, 0, func(unixMsg) {}) != nil {
		t.Skip("the kernel has no UNIX_DIAG")
	}
	l, other := listen(t, "unix", filepath.Join(t.TempDir(), "s")), listen(t, "unix", filepath.Join(t.TempDir(), "other"))
	for range 20 {
		other.dial(t, "unix", other.Addr().String())
		other.accept(t)
	}
	find := func(want ...uint32) {
		t.Helper()
		before := d.seq
		list, err := d.Clients(Inodes([]int{os.Getpid()}), []string{l.key.Path})
		if err != nil {
			t.Fatal(err)
		}
		if n := d.seq - before; n != 1 {
			t.Errorf("asked %d times", n)
		}
		var got []uint32
		for _, c := range list {
			got = append(got, c.Unread)
		}
		if !slices.Equal(got, want) {
			t.Errorf("unread: %v, want %v", got, want)
		}
	}
	find()
	l.dial(t, "unix", l.Addr().String())
	s := l.accept(t)
	find(0)
	if _, err := s.Write([]byte("four")); err != nil {
		t.Fatal(err)
	}
	find(4)
	s.Close()
	find()
}
