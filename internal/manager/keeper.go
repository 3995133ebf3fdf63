// SPDX-License-Identifier: Apache-2.0

package manager

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rouse-init/rouse/internal/linux/sockdiag"
)

// The keeper shares the manager's table of descriptors and outlives it, so that
// a connection is not closed which was accepted in the instant of the
// manager's death, before the guardian had it. The guardian has its pidfd, under
// a key with its pid, until its end was heard.
const keeperPrefix = "keeper\x1f"

// keeperPatience is how long one waits for the next manager: longer than the
// guardian ever does. One whose manager died before the guardian had its pidfd
// would else keep connections, and addresses, for ever.
const keeperPatience = time.Minute

func keeperKey(pid int32) string { return keeperPrefix + strconv.Itoa(int(pid)) }

// keep starts the keeper, once there is something to keep.
func (m *Manager) keep() {
	if m.keeping {
		return
	}
	m.keeping = true
	pid, err := m.spawn.Keep(keeperPatience)
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
	listeners, units := m.acceptors()
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
		from := sockdiag.ListenerOf(fd, listeners)
		if _, perr := unix.Getpeername(fd); from < 0 || perr != nil {
			unix.Close(fd)
			continue
		}
		known[n] = true
		next++
		key := connKey(next, units[from])
		m.must(m.guard.Store(key, fd))
		in.stored[key] = []int{fd}
	}
}

// acceptors are the open listeners whose connections the manager accepts, and
// the units of each.
func (m *Manager) acceptors() (keys []sockdiag.Key, units []string) {
	for name, s := range m.sockets {
		if u := m.engine.Def(name); u == nil || u.Socket == nil || !u.Socket.Accept {
			continue
		}
		for _, l := range s.listeners {
			if k, ok := sockdiag.KeyOf(l.FD); ok {
				keys, units = append(keys, k), append(units, name)
			}
		}
	}
	return keys, units
}

// inode tells descriptors of one socket from those of others.
func inode(fd int) uint64 {
	var st unix.Stat_t
	if unix.Fstat(fd, &st) != nil {
		return 0
	}
	return st.Ino
}
