// SPDX-License-Identifier: Apache-2.0

package manager

import (
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/rouse-init/rouse/internal/engine"
	"github.com/rouse-init/rouse/internal/linux/notify"
	"github.com/rouse-init/rouse/internal/linux/poll"
)

// notifySocket is where services say READY=1. The guardian holds it too, so
// that what is said while there is no manager waits.
type notifySocket struct {
	path string
	rx   *notify.Receiver
}

const notifyKey = "notify"

// notifyMax is how many messages one turn of the loop reads: a service that
// never stops talking must not stop the others.
const notifyMax = 64

func (m *Manager) openNotify(stored []int) error {
	m.notify.path = filepath.Join(m.cfg.Runtime, "notify")
	if len(stored) > 0 {
		m.notify.rx = notify.From(stored[0])
	} else {
		rx, err := notify.Open(m.notify.path, notify.Options{})
		if err != nil {
			return err
		}
		m.notify.rx = rx
		if err := m.guard.Store(notifyKey, rx.FD()); err != nil {
			return err
		}
	}
	return m.loop.Add(m.notify.rx.FD(), poll.In, func(uint32) { m.readNotify() })
}

func (m *Manager) readNotify() {
	for range notifyMax {
		msg, ok, err := m.notify.rx.Read()
		if err != nil {
			m.say("%v, ignoring it", err)
			continue
		}
		if !ok {
			return
		}
		m.notified(&msg)
	}
}

// notified passes on what a service said, if it is one of ours.
func (m *Manager) notified(msg *notify.Message) {
	defer msg.Close()
	name, ok := m.unitByPid(msg.Pid)
	if !ok {
		return // gone already, or nobody of ours
	}
	in := engine.Notified{
		Unit: name, Pid: msg.Pid,
		Ready: msg.Ready, Reloading: msg.Reloading, Stopping: msg.Stopping,
		Watchdog: msg.Watchdog, WatchdogTrigger: msg.WatchdogTrigger, Busy: msg.Busy,
		MonotonicUS: m.bootTime(msg.MonotonicUS), Status: msg.Status, Errno: msg.Errno, ExitStatus: msg.ExitStatus,
		WatchdogUS: msg.WatchdogUS, ExtendUS: msg.ExtendUS, NotifyAccess: msg.NotifyAccess,
	}
	if msg.MainPid > 0 {
		// A process outside the unit is accepted from root only (sd_notify(3)).
		owner, ok := m.unitByPid(msg.MainPid)
		if ok && owner == name || msg.UID == 0 && unix.Kill(int(msg.MainPid), 0) == nil && msg.MainPid > 1 {
			in.MainPid = msg.MainPid
		} else {
			m.say("%s: MAINPID=%d is no process of it, ignoring", name, msg.MainPid)
		}
	}
	if msg.FDStore {
		in.FDStore = m.store(name, msg)
	}
	if msg.FDStoreRemove {
		m.unstore(name, msg.FDName)
	}
	m.feed(in)
	if msg.Barrier >= 0 {
		// Closed once everything before it has been dealt with.
		fd := msg.Barrier
		msg.Barrier = -1
		m.barriers = append(m.barriers, fd)
	}
}

// storedFD is a descriptor that a service gave us to keep (FDSTORE=1).
type storedFD struct {
	fd   int
	name string
}

func storeKey(unit, name string) string { return "stored\x1f" + unit + "\x1f" + name }

// store keeps descriptors for a service, up to FileDescriptorStoreMax=.
func (m *Manager) store(name string, msg *notify.Message) uint16 {
	u := m.engine.Def(name)
	if u == nil || u.Service == nil || u.Service.FDStoreMax == 0 {
		return 0
	}
	label := msg.FDName
	if label == "" {
		label = "stored"
	}
	n := uint16(0)
	for i, fd := range msg.FDs {
		if uint32(len(m.stored[name])) >= u.Service.FDStoreMax {
			m.say("%s: its descriptor store is full (FileDescriptorStoreMax=%d), dropping one", name, u.Service.FDStoreMax)
			break
		}
		if m.hasStored(name, fd) {
			continue
		}
		m.stored[name] = append(m.stored[name], storedFD{fd, label})
		msg.FDs[i] = -1
		n++
	}
	m.keepStored(name)
	return n
}

// hasStored: the same file is stored once (sd_notify(3), FDSTORE=1).
func (m *Manager) hasStored(name string, fd int) bool {
	var a, b unix.Stat_t
	if unix.Fstat(fd, &a) != nil {
		return true
	}
	for _, s := range m.stored[name] {
		if unix.Fstat(s.fd, &b) == nil && a.Dev == b.Dev && a.Ino == b.Ino && a.Rdev == b.Rdev {
			return true
		}
	}
	return false
}

// keepStored tells the guardian what is stored, one entry for each name.
func (m *Manager) keepStored(name string) {
	byName := make(map[string][]int)
	for _, s := range m.stored[name] {
		byName[s.name] = append(byName[s.name], s.fd)
	}
	for label, fds := range byName {
		m.must(m.guard.Store(storeKey(name, label), fds...))
	}
}

func (m *Manager) unstore(name, label string) {
	keep := m.stored[name][:0]
	for _, s := range m.stored[name] {
		if s.name == label {
			unix.Close(s.fd)
			continue
		}
		keep = append(keep, s)
	}
	m.stored[name] = keep
	m.must(m.guard.Drop(storeKey(name, label)))
}

// dropStored performs DropStored.
func (m *Manager) dropStored(name string) {
	for _, s := range m.stored[name] {
		unix.Close(s.fd)
		m.must(m.guard.Drop(storeKey(name, s.name)))
	}
	delete(m.stored, name)
}

// bootTime turns a time of CLOCK_MONOTONIC, which services use, into one of
// the engine's clock, which goes on in suspend. Both in microseconds.
func (m *Manager) bootTime(monotonic uint64) uint64 {
	var ts unix.Timespec
	if monotonic == 0 || unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts) != nil {
		return monotonic
	}
	return monotonic + uint64(int64(m.now())-ts.Nano())/1000
}
