// SPDX-License-Identifier: Apache-2.0

package attach

import (
	"encoding/binary"
	"fmt"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/rouse-init/rouse/internal/linux/poll"
)

// dial connects to the socket at path; a path that begins with "@" is in the
// abstract namespace. A full backlog fails at once (EAGAIN): no waiting.
func dial(path string) (int, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("cannot make a socket: %w", err)
	}
	if err := unix.Connect(fd, &unix.SockaddrUnix{Name: path}); err != nil {
		_ = unix.Close(fd)
		return -1, fmt.Errorf("cannot connect to %s: %w", path, err)
	}
	return fd, nil
}

// waiter waits for a socket to appear in the file system, with one inotify
// descriptor that exists only as long as it waits.
type waiter struct {
	loop  *poll.Loop
	fd    int
	names map[string]bool // what may appear
	woken func()
}

// open begins to wait for one of the paths; where the directory is missing,
// too, for that. It tells whether it has just begun. A directory that
// disappears again is noticed by the attempts that go on beside it.
func (w *waiter) open(paths []string) bool {
	if w.fd >= 0 {
		return false
	}
	fd, err := unix.InotifyInit1(unix.IN_NONBLOCK | unix.IN_CLOEXEC)
	if err != nil {
		return false
	}
	names := make(map[string]bool)
	for _, path := range paths {
		for strings.HasPrefix(path, "/") && path != "/" {
			dir, name := filepath.Split(path)
			path = filepath.Clean(dir)
			_, err := unix.InotifyAddWatch(fd, path, unix.IN_CREATE|unix.IN_MOVED_TO|unix.IN_ONLYDIR)
			if err == nil {
				names[name] = true
				break
			}
		}
	}
	if len(names) == 0 || w.loop.Add(fd, poll.In, w.read) != nil {
		_ = unix.Close(fd)
		return false
	}
	w.fd, w.names = fd, names
	return true
}

// read looks at what has appeared. What it waits for may be a directory of
// the way, so that it is closed and opened anew by the next attempt.
func (w *waiter) read(uint32) {
	var buf [4096]byte
	n, err := unix.Read(w.fd, buf[:])
	if err != nil || n <= 0 {
		return
	}
	for _, name := range eventNames(buf[:n]) {
		if name == "" || w.names[name] {
			w.close()
			w.woken()
			return
		}
	}
}

// eventNames are the names in inotify events; "" for one without.
func eventNames(data []byte) []string {
	var names []string
	for len(data) >= unix.SizeofInotifyEvent {
		size := int(binary.NativeEndian.Uint32(data[12:])) // the field len, inotify(7)
		if size > len(data)-unix.SizeofInotifyEvent {
			break
		}
		text := data[unix.SizeofInotifyEvent : unix.SizeofInotifyEvent+size]
		names = append(names, strings.TrimRight(string(text), "\x00"))
		data = data[unix.SizeofInotifyEvent+size:]
	}
	return names
}

func (w *waiter) close() {
	if w.fd < 0 {
		return
	}
	w.loop.Remove(w.fd)
	_ = unix.Close(w.fd)
	w.fd = -1
}
