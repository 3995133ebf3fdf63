// SPDX-License-Identifier: Apache-2.0

package socket

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/rouse-init/rouse/internal/unit"
)

// gone tells whether nothing is at path.
func gone(path string) bool {
	_, err := os.Lstat(path)
	return errors.Is(err, os.ErrNotExist)
}

func write(t *testing.T, path string) {
	t.Helper()
	if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
}

// swap puts what make makes into the place of the node.
func swap(make func(path string) error) func(t *testing.T, path string) {
	return func(t *testing.T, path string) {
		t.Helper()
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		if err := make(path); err != nil {
			t.Fatal(err)
		}
	}
}

// bound leaves a dead socket node.
func bound(path string) error {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return unix.Bind(fd, &unix.SockaddrUnix{Name: path})
}

func TestRemoveOnlyItsOwn(t *testing.T) {
	file := func(path string) error { return os.WriteFile(path, nil, 0o600) }
	for _, c := range []struct {
		name   string
		kind   unit.ListenKind
		keep   bool // RemoveOnStop=no
		change func(t *testing.T, path string)
		gone   bool
	}{
		{name: "socket", kind: unit.ListenStream, gone: true},
		{name: "datagram socket", kind: unit.ListenDatagram, gone: true},
		{name: "fifo", kind: unit.ListenFIFO, gone: true},
		{name: "socket, RemoveOnStop=no", kind: unit.ListenStream, keep: true},
		{name: "fifo, RemoveOnStop=no", kind: unit.ListenFIFO, keep: true},
		{name: "socket became a file", kind: unit.ListenStream, change: swap(file)},
		{name: "socket became another socket", kind: unit.ListenStream, change: swap(bound)},
		{name: "socket became a link", kind: unit.ListenStream, change: swap(func(p string) error { return os.Symlink("/etc/passwd", p) })},
		{name: "fifo became a file", kind: unit.ListenFIFO, change: swap(file)},
		{name: "fifo became another", kind: unit.ListenFIFO, change: swap(func(p string) error { return unix.Mkfifo(p, 0o600) })},
		{name: "fifo became a link", kind: unit.ListenFIFO, change: swap(func(p string) error { return os.Symlink("/etc/passwd", p) })},
		{name: "somebody removed it", kind: unit.ListenStream, gone: true, change: func(t *testing.T, p string) {
			if err := os.Remove(p); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := t.TempDir() + "/s"
			s := sock(c.kind, path)
			s.RemoveOnStop = !c.keep
			ls := open(t, s)
			if c.change != nil {
				c.change(t, path)
			}
			if notes := Remove(s, ls); len(notes) > 0 {
				t.Error(notes)
			}
			if gone(path) != c.gone {
				t.Errorf("gone: %v", gone(path))
			}
		})
	}
}

// A start that fails half-way removes what it has made, and not what was in
// the way of the rest.
func TestRemoveAfterFailure(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/taken")
	s := sock(unit.ListenStream, dir+"/mine", dir+"/taken")
	s.RemoveOnStop = true
	l, err := OpenLine(s, 0, NoOwner, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(l.FD)
	if _, err := OpenLine(s, 1, NoOwner, nil); err == nil {
		t.Fatal("a file is in the way and it opened")
	}
	Remove(s, []Listener{l})
	if !gone(dir+"/mine") || gone(dir+"/taken") {
		t.Errorf("mine is gone: %v, taken is gone: %v", gone(dir+"/mine"), gone(dir+"/taken"))
	}
	Remove(s, nil)
	if gone(dir + "/taken") {
		t.Error("without a listener, somebody else's file was removed")
	}
}

func TestSymlinks(t *testing.T) {
	dir := t.TempDir()
	s := sock(unit.ListenStream, dir+"/s")
	s.Symlinks = []string{dir + "/x/one", dir + "/taken", dir + "/elsewhere", dir + "/later"}
	write(t, dir+"/taken")
	if err := os.Symlink("/nowhere", dir+"/elsewhere"); err != nil {
		t.Fatal(err)
	}
	ls, notes, err := Open(s, NoOwner)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(ls[0].FD)
	if l, err := os.Readlink(dir + "/x/one"); err != nil || l != dir+"/s" {
		t.Errorf("got %q, %v", l, err)
	}
	if len(notes) != 2 || !strings.Contains(notes[0].Msg, "/taken") || !strings.Contains(notes[1].Msg, "leads to /nowhere already") {
		t.Errorf("notes: %v", notes)
	}
	swap(func(p string) error { return os.Symlink("/other", p) })(t, dir+"/later")
	Remove(s, ls)
	if gone(dir+"/s") || gone(dir+"/x/one") {
		t.Error("removed without RemoveOnStop=")
	}
	s.RemoveOnStop = true
	Remove(s, ls)
	for path, want := range map[string]bool{"/s": true, "/x/one": true, "/taken": false, "/elsewhere": false, "/later": false} {
		if gone(dir+path) != want {
			t.Errorf("%s is gone: %v", path, !want)
		}
	}
}

func TestRemoveQueueOfAnother(t *testing.T) {
	s := sock(unit.ListenMessageQueue, fmt.Sprintf("/rouse-remove-%d", os.Getpid()))
	s.RemoveOnStop = true
	old, _, err := Open(s, NoOwner)
	if err != nil && strings.Contains(err.Error(), "the kernel has no") {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(old[0].FD)
	if err := unlinkQueue(s.Listens[0].Address); err != nil {
		t.Fatal(err)
	}
	fresh := open(t, s)
	Remove(s, old)
	if owns, err := ownsQueue(fresh[0].FD, s.Listens[0].Address); err != nil || !owns {
		t.Errorf("the queue of another was removed: %v", err)
	}
	Remove(s, fresh)
	if _, err := ownsQueue(fresh[0].FD, s.Listens[0].Address); !errors.Is(err, unix.ENOENT) {
		t.Errorf("its own is still there: %v", err)
	}
}

// Opening never removes what may still be of use to somebody.
func TestOpenRemovesNothingAlive(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/file")
	if err := bound(dir + "/dead"); err != nil {
		t.Fatal(err)
	}
	for name, to := range map[string]string{"/link": dir + "/file", "/dangling": "/nowhere", "/todead": dir + "/dead"} {
		if err := os.Symlink(to, dir+name); err != nil {
			t.Fatal(err)
		}
	}
	// Between bind and listen nobody can connect, and it is alive all the same.
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: dir + "/early"}); err != nil {
		t.Fatal(err)
	}
	open(t, sock(unit.ListenStream, dir+"/live"))
	open(t, sock(unit.ListenDatagram, dir+"/dgram"))
	for _, name := range []string{"/file", "/link", "/dangling", "/todead", "/early", "/live", "/dgram"} {
		var before, after unix.Stat_t
		if err := unix.Lstat(dir+name, &before); err != nil {
			t.Fatal(err)
		}
		for _, kind := range []unit.ListenKind{unit.ListenStream, unit.ListenDatagram, unit.ListenFIFO} {
			ls, _, err := Open(sock(kind, dir+name), NoOwner)
			if err == nil {
				t.Errorf("%s was opened as kind %d", name, kind)
				unix.Close(ls[0].FD)
			}
			if unix.Lstat(dir+name, &after) != nil || after.Ino != before.Ino || after.Mode != before.Mode {
				t.Errorf("%s was replaced", name)
			}
		}
	}
	open(t, sock(unit.ListenStream, dir+"/dead"))
}
