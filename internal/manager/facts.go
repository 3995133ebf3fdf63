// SPDX-License-Identifier: Apache-2.0

package manager

import (
	"fmt"
	"os"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/rouse-init/rouse/internal/bus/systemd1"
	"github.com/rouse-init/rouse/internal/bus/systemd1/files"
	"github.com/rouse-init/rouse/internal/unit"
)

// Files implements systemd1.Backend.
func (m *Manager) Files() systemd1.Files { return files.Files{Config: m.loadConfig()} }

// Usage implements systemd1.Backend.
func (m *Manager) Usage(name string) systemd1.Usage {
	out := systemd1.Usage{
		Memory: systemd1.Unknown, MemoryPeak: systemd1.Unknown, Tasks: systemd1.Unknown, CPU: systemd1.Unknown,
		StoredFDs: uint32(len(m.stored[name])),
	}
	u := m.engine.Def(name)
	if u == nil {
		return out
	}
	if m.cg == nil {
		out.Tasks = uint64(len(m.pidsOf(u)))
		return out
	}
	path := m.cgroupOf(u)
	if !m.cg.Exists(path) {
		return out
	}
	out.ControlGroup = strings.TrimPrefix(m.facts.Base+"/"+path, m.facts.Mount)
	if d, err := m.cg.CPUUsage(path); err == nil {
		out.CPU = uint64(d)
	}
	if n, ok := m.cg.MemoryCurrent(path); ok {
		out.Memory = n
	}
	if pids, err := m.cg.Procs(path); err == nil {
		out.Tasks = uint64(len(pids))
	}
	return out
}

// Processes implements systemd1.Backend.
func (m *Manager) Processes(name string) []systemd1.Process {
	u := m.engine.Def(name)
	if u == nil {
		return nil
	}
	group := ""
	if m.cg != nil {
		group = strings.TrimPrefix(m.facts.Base+"/"+m.cgroupOf(u), m.facts.Mount)
	}
	var out []systemd1.Process
	for _, pid := range m.pidsOf(u) {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if err != nil {
			continue
		}
		cmd := strings.TrimSpace(strings.ReplaceAll(string(b), "\x00", " "))
		out = append(out, systemd1.Process{Cgroup: group, Pid: uint32(pid), Command: cmd})
	}
	return out
}

// Listens implements systemd1.Backend.
func (m *Manager) Listens(name string) []systemd1.Listen {
	u, s := m.engine.Def(name), m.sockets[name]
	if u == nil || u.Socket == nil || s == nil {
		return nil
	}
	var out []systemd1.Listen
	for _, l := range s.listeners {
		if l.Index < len(u.Socket.Listens) {
			out = append(out, systemd1.Listen{Kind: listenKinds[u.Socket.Listens[l.Index].Kind], Address: l.Address})
		}
	}
	return out
}

// NeedReload implements systemd1.Backend.
func (m *Manager) NeedReload(name string) bool { return m.loader.Changed(name) }

// Log implements systemd1.Backend.
func (m *Manager) Log(name string, n int) []string {
	if path := m.jobLog(m.engine.Def(name)); path != "" {
		return tailOf(path, n)
	}
	return m.out.tail(name, n)
}

// OpenLog implements systemd1.Backend.
func (m *Manager) OpenLog(name string) (int, error) {
	path := m.out.path(name)
	if p := m.jobLog(m.engine.Def(name)); p != "" {
		path = p
	}
	return unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
}

// Facts implements systemd1.Backend.
func (m *Manager) Facts() systemd1.Facts {
	f := systemd1.Facts{
		Version: Version(), Scope: string(m.cfg.Mode), State: m.state(),
		CgroupMode: m.facts.String(), HandoverMode: m.handoverMode(), FreezeMode: m.freezeMode(),
		ManagerStarts: m.start.Restarts + 1, LastDeath: m.start.Death,
		GuardianPid: m.start.Guardian, ManagerPid: int32(os.Getpid()),
		StartedAt: m.saved.StartedAt, FinishedAt: m.saved.FinishedAt,
		InstalledJobs: m.saved.Jobs, FailedJobs: m.saved.FailedJobs,
		ControlGroup:        strings.TrimPrefix(m.facts.Base, m.facts.Mount),
		DefaultTimeoutStart: 90 * time.Second, DefaultTimeoutStop: 90 * time.Second, DefaultTimeoutAbort: 90 * time.Second,
		DefaultRestart: 100 * time.Millisecond, DefaultStartLimitInterval: 10 * time.Second, DefaultStartLimitBurst: 5,
		DefaultStandardOutput: "journal", DefaultStandardError: "inherit",
		Counters: []systemd1.Counter{
			{Name: "effects", Value: m.counters.effects},
			{Name: "inputs", Value: m.counters.inputs},
			{Name: "late answers", Value: m.engine.Late()},
			{Name: "turns of the loop", Value: m.counters.turns},
		},
	}
	if m.diag.destroyed == nil {
		f.Notes = append(f.Notes, "the kernel does not announce closed connections here: idle services are looked at by timer")
	}
	if m.noReclaim != "" {
		f.Notes = append(f.Notes, "the memory of sleepers cannot be paged out here: "+m.noReclaim)
	}
	for name, s := range m.sockets {
		u := m.engine.Def(name)
		if !m.maySleep(name) || m.freezes(name) {
			continue
		}
		for _, l := range s.listeners {
			if l.Accepts() && cannotHold(l.Address) && !m.killsAtOnce(u) {
				f.Notes = append(f.Notes, fmt.Sprintf("%s: may lose a connection to %s while its service is being stopped", name, l.Address))
			}
		}
	}
	return f
}

func (m *Manager) killsAtOnce(sock *unit.Unit) bool {
	s := m.engine.Def(sock.Socket.Service)
	return s != nil && s.Service != nil && s.Service.Kill.Signal == uint8(unix.SIGKILL)
}

// state is what is-system-running says.
func (m *Manager) state() string {
	switch {
	case m.stopping:
		return "stopping"
	case m.saved.FinishedAt == 0:
		return "starting"
	}
	return "running"
}

func (m *Manager) freezeMode() string {
	if m.cg != nil && m.facts.Freezer {
		return "by cgroup"
	}
	return "by signal, escapes possible"
}

// sigqueue sends a signal with a value to one process (sigqueue(3)).
func sigqueue(pid int, sig, value int32) error {
	const siQueue = -1
	var info [128]byte
	*(*int32)(unsafe.Pointer(&info[0])) = sig
	*(*int32)(unsafe.Pointer(&info[8])) = siQueue
	*(*int32)(unsafe.Pointer(&info[16])) = int32(os.Getpid())
	*(*int32)(unsafe.Pointer(&info[20])) = int32(os.Getuid())
	*(*int32)(unsafe.Pointer(&info[24])) = value
	_, _, errno := unix.Syscall(unix.SYS_RT_SIGQUEUEINFO, uintptr(pid), uintptr(sig), uintptr(unsafe.Pointer(&info)))
	if errno != 0 {
		return errno
	}
	return nil
}
