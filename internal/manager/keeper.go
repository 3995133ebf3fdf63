// SPDX-License-Identifier: Apache-2.0

package manager

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// The keeper shares the manager's table of descriptors and outlives it, so that
// a connection is not closed which was accepted in the instant of the
// manager's death, before the guardian had it. The guardian has its pidfd, under
// a key with its pid, until its end was heard.
const keeperPrefix = "keeper\x1f"

func keeperKey(pid int32) string { return keeperPrefix + strconv.Itoa(int(pid)) }

// keep starts the keeper, once there is something to keep.
func (m *Manager) keep() {
	if m.keeping {
		return
	}
	m.keeping = true
	pid, err := m.spawn.Keep()
	if err != nil {
		return // then only that instant is unguarded
	}
	m.keepers[int32(pid)] = true
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		_ = unix.Kill(pid, unix.SIGKILL)
		return
	}
	m.must(m.guard.Store(keeperKey(int32(pid)), fd))
	unix.Close(fd)
}

// keeperEnded takes the exit of a keeper off the books.
func (m *Manager) keeperEnded(pid int32) {
	if m.keepers[pid] {
		delete(m.keepers, pid)
		m.must(m.guard.DropSoon(keeperKey(pid)))
	}
}

// takeKept takes over the connections that only the keepers of dead managers
// hold, and ends them.
func (m *Manager) takeKept(in *inheritance) {
	for key, fds := range in.stored {
		number, ok := strings.CutPrefix(key, keeperPrefix)
		if pid, err := strconv.Atoi(number); ok && err == nil {
			m.keepers[int32(pid)] = true
			m.takeFrom(in, pid, fds[0])
			_ = unix.PidfdSendSignal(fds[0], unix.SIGKILL, nil, 0) // gone already, at worst
			unix.Close(fds[0])
		}
	}
}

// takeFrom takes them from one, under the numbers that they would have got.
func (m *Manager) takeFrom(in *inheritance, pid, pidfd int) {
	listeners := m.acceptors()
	if len(listeners) == 0 {
		return
	}
	known := make(map[uint64]bool)
	for _, list := range in.stored {
		for _, fd := range list {
			known[inode(fd)] = true
		}
	}
	dir := fmt.Sprintf("/proc/%d/fd", pid)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	next := m.saved.NextConn
	for key := range in.stored {
		if f := strings.SplitN(key, "\x1f", 3); f[0] == "conn" && len(f) == 3 {
			n, _ := strconv.ParseUint(f[1], 10, 64)
			next = max(next, n)
		}
	}
	for _, e := range entries {
		link, err := os.Readlink(filepath.Join(dir, e.Name()))
		number, isSocket := strings.CutPrefix(link, "socket:[")
		n, perr := strconv.ParseUint(strings.TrimSuffix(number, "]"), 10, 64)
		if err != nil || !isSocket || perr != nil || known[n] {
			continue
		}
		there, _ := strconv.Atoi(e.Name())
		fd, err := unix.PidfdGetfd(pidfd, there, 0)
		if err != nil {
			return // not allowed here: none can be had
		}
		name, ok := listeners[localName(fd)]
		if _, perr := unix.Getpeername(fd); !ok || perr != nil {
			unix.Close(fd)
			continue
		}
		known[n] = true
		next++
		key := connKey(next, name)
		m.must(m.guard.Store(key, fd))
		in.stored[key] = []int{fd}
	}
}

// acceptors are the addresses of the open sockets whose connections the manager
// accepts, and their units.
func (m *Manager) acceptors() map[string]string {
	out := make(map[string]string)
	for name, s := range m.sockets {
		if u := m.engine.Def(name); u == nil || u.Socket == nil || !u.Socket.Accept {
			continue
		}
		for _, l := range s.listeners {
			if local := localName(l.FD); local != "" {
				out[local] = name
			}
		}
	}
	return out
}

// localName is what a connection and its listener have in common: the port, or
// the path.
func localName(fd int) string {
	sa, err := unix.Getsockname(fd)
	if err != nil {
		return ""
	}
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return "port " + strconv.Itoa(sa.Port)
	case *unix.SockaddrInet6:
		return "port " + strconv.Itoa(sa.Port)
	case *unix.SockaddrUnix:
		return "path " + sa.Name
	}
	return ""
}

// inode tells descriptors of one socket from those of others.
func inode(fd int) uint64 {
	var st unix.Stat_t
	if unix.Fstat(fd, &st) != nil {
		return 0
	}
	return st.Ino
}
