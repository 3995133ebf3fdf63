// SPDX-License-Identifier: Apache-2.0

package manager

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/rouse-init/rouse/internal/bus/systemd1"
	"github.com/rouse-init/rouse/internal/bus/upstart"
	"github.com/rouse-init/rouse/internal/engine"
	"github.com/rouse-init/rouse/internal/guardian"
	"github.com/rouse-init/rouse/internal/guardian/wire"
	"github.com/rouse-init/rouse/internal/linux/cgroup"
	"github.com/rouse-init/rouse/internal/linux/poll"
	"github.com/rouse-init/rouse/internal/linux/spawn"
)

// inheritance is what the guardian kept for us.
type inheritance struct {
	stored map[string][]int
	exits  []wire.Msg
}

// open makes everything that does not depend on the past.
func open(cfg Config) (*Manager, error) {
	m := &Manager{
		cfg: cfg, uid: os.Getuid(), reexec: -1,
		pending: make(map[uint64]engine.Effect), emptying: make(map[string]uint64), sockets: make(map[string]*openSocket), groups: make(map[string][]string), chosenOf: make(map[string][]string),
		conns: make(map[uint64]conn), serves: make(map[int32]servedConn), awaited: make(map[uint64]bool), launches: make(map[int32]*launch),
		replies: make(map[uint64]func(engine.Reply)), stored: make(map[string][]storedFD), handed: make(map[string]*handedOver),
		freezing: make(map[string]freezing), reclaims: make(map[string]*reclaiming), said: make(map[string]bool),
		eventFDs: make(map[string]int), keepers: make(map[int32]bool),
	}
	m.pidfiles = newPidFiles(m)
	m.jobFiles = jobFiles{m: m, fd: -1}
	m.forks.m, m.buses.m = m, m
	m.watched.want(nil, false)
	var err error
	if m.loop, err = poll.New(); err != nil {
		return nil, err
	}
	if m.guard, err = wire.Open(wire.FD); err != nil {
		return nil, err
	}
	if m.spawn, err = spawn.New(spawn.Options{Sibling: true}); err != nil {
		return nil, err
	}
	return m, nil
}

// begin hears what the guardian kept, recovers or begins, and settles what
// the last manager left open.
func (m *Manager) begin() error {
	inherited, err := m.inherit()
	if err != nil {
		return err
	}
	if err := m.directory(); err != nil {
		return err
	}
	if err := m.openCgroups(); err != nil {
		return err
	}
	if err := m.openOutput(); err != nil {
		return err
	}
	if err := m.openLooker(); err != nil {
		return err
	}
	m.openLoader()
	fresh, err := m.recover(inherited)
	if err != nil {
		return err
	}
	if err := m.openNotify(inherited.stored[notifyKey]); err != nil {
		return err
	}
	if err := m.openBus(inherited.stored[busKey]); err != nil {
		return err
	}
	if err := m.loop.Add(m.guard.FD(), poll.In, m.fromGuardian); err != nil {
		return err
	}
	if !fresh {
		m.settle(inherited)
		if m.engine.Watching() {
			m.feed(engine.AskedWatch{}) // those who watched are gone
		}
	}
	m.followLog()
	if m.saved.FinishedAt == 0 {
		// Also where the last one died before all that is enabled was
		// started: asking again does no harm to what is.
		m.firstStart()
	}
	for i := range inherited.exits {
		m.exited(&inherited.exits[i])
	}
	if m.start.Terminate {
		m.terminate(m.start.Force)
	}
	if err := m.work(); err != nil {
		return err
	}
	// What the end of a turn does, for a manager that hears nothing at first.
	m.refreshPorts()
	m.jobsDue = true
	m.refreshJobs()
	m.settleSoon()
	return nil
}

// inherit reads up to Go.
func (m *Manager) inherit() (*inheritance, error) {
	in := &inheritance{stored: make(map[string][]int)}
	var msg wire.Msg
	for {
		ok, err := m.guard.Read(&msg)
		if errors.Is(err, io.EOF) {
			return nil, errors.New("the guardian is gone")
		}
		if err != nil {
			return nil, err
		}
		if !ok {
			if _, err := unix.Poll([]unix.PollFd{{Fd: int32(m.guard.FD()), Events: unix.POLLIN}}, -1); err != nil && !errors.Is(err, unix.EINTR) {
				return nil, err
			}
			continue
		}
		switch msg.Kind {
		case wire.Stored:
			in.stored[msg.Key] = append(in.stored[msg.Key], msg.FDs...)
		case wire.Exited:
			in.exits = append(in.exits, msg)
		case wire.Go:
			m.start = msg.Start
			if m.start.Notice != "" {
				m.say("%s", m.start.Notice)
			}
			return in, nil
		default:
			// Terminate and signals come again in Go.
		}
	}
}

// directory makes the runtime directory; nobody else may own it.
func (m *Manager) directory() error {
	mode := os.FileMode(0o755)
	if m.uid != 0 {
		mode = 0o700
	}
	if err := os.MkdirAll(m.cfg.Runtime, mode); err != nil {
		return fmt.Errorf("cannot make the runtime directory: %w", err)
	}
	var st unix.Stat_t
	if err := unix.Lstat(m.cfg.Runtime, &st); err != nil {
		return fmt.Errorf("cannot use the runtime directory %s: %w", m.cfg.Runtime, err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR || int(st.Uid) != m.uid || st.Mode&0o022 != 0 {
		return fmt.Errorf("cannot use the runtime directory %s: it must be a directory of user %d that nobody else can write to", m.cfg.Runtime, m.uid)
	}
	return nil
}

// openCgroups finds out what there is. A manager that comes back finds the
// base that it had.
func (m *Manager) openCgroups() error {
	o := cgroup.Options{Base: m.start.Base}
	if o.Base == "" {
		o.Sub = fmt.Sprintf("rouse-%d", m.start.Guardian)
		if m.start.Pid1 {
			// Every PID namespace has a process 1, and several may share a
			// cgroup: it is ours alone on a machine of our own, or in a cgroup
			// namespace.
			o.Sub = fmt.Sprintf("rouse-ns-%d", namespace("pid"))
			o.Whole = guardian.FirstNamespace() || namespace("cgroup") != firstCgroupNamespace
		}
	}
	tree, facts, err := cgroup.Open(o)
	if err != nil {
		return err
	}
	m.cg, m.facts = tree, facts
	if tree == nil {
		return nil
	}
	if m.cgWatch, err = cgroup.NewWatcher(tree); err != nil {
		return err
	}
	if err := m.guard.Base(facts.Base); err != nil {
		return err
	}
	// Who finds our directory without us finds what is left of us, too.
	if err := os.WriteFile(filepath.Join(m.cfg.Runtime, "cgroup"), []byte(facts.Base), 0o600); err != nil {
		return fmt.Errorf("cannot write to the runtime directory: %w", err)
	}
	return m.loop.Add(m.cgWatch.FD(), poll.In, func(uint32) { m.must(m.cgWatch.Dispatch()) })
}

// firstCgroupNamespace is the inode of the machine's own (PROC_CGROUP_INIT_INO
// of the kernel).
const firstCgroupNamespace = 0xeffffffb

// namespace is the inode of one of our namespaces, 0 when it cannot be told.
func namespace(kind string) uint64 {
	var st unix.Stat_t
	if unix.Stat("/proc/self/ns/"+kind, &st) != nil {
		return 0
	}
	return st.Ino
}

func (m *Manager) openOutput() error {
	var print io.Writer
	if (m.cfg.Mode == ModeUp || m.cfg.Mode == ModeOn) && !m.cfg.Quiet {
		print = os.Stdout
	}
	out, err := openOutput(filepath.Join(m.cfg.Runtime, "log"), print, m.cfg.Color)
	if err != nil {
		return err
	}
	m.out = out
	return m.loop.Add(out.inotify, poll.In, func(uint32) { out.changed() })
}

const busKey = "bus"

// openBus listens for clients; those that connect while there is no manager
// wait in the queue of the socket.
func (m *Manager) openBus(stored []int) error {
	var fd int
	if len(stored) > 0 {
		fd = stored[0]
	} else {
		var err error
		if fd, err = listenPrivate(m.cfg.Socket); err != nil {
			return err
		}
		if err := m.guard.Store(busKey, fd); err != nil {
			return err
		}
	}
	svc, err := systemd1.New(systemd1.Config{
		Loop: m.loop, Listener: fd, UID: uint32(m.uid), Backend: m, Now: m.now, Wall: wallClock,
		Broken: func(what string) { m.say("%s", what) },
	})
	if err != nil {
		return err
	}
	m.bus = svc
	m.standIn()
	m.upstart = upstart.New(upstart.Config{Server: svc.Server(), Backend: jobs{m}})
	m.buses.open()
	return nil
}

// listenPrivate binds the control socket. A node that nobody listens on is
// in the way of nobody.
func listenPrivate(path string) (int, error) {
	if len(path) >= 108 {
		return -1, fmt.Errorf("cannot use %s as control socket: a socket's path has at most 107 bytes; fix: --socket with a shorter one", path)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return -1, fmt.Errorf("cannot make the directory of the control socket: %w", err)
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return -1, err
	}
	addr := &unix.SockaddrUnix{Name: path}
	err = unix.Bind(fd, addr)
	if errors.Is(err, unix.EADDRINUSE) {
		probe, perr := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if perr == nil {
			perr = unix.Connect(probe, addr)
			unix.Close(probe)
		}
		if errors.Is(perr, unix.ECONNREFUSED) {
			_ = unix.Unlink(path)
			err = unix.Bind(fd, addr)
		}
	}
	if err == nil {
		err = unix.Chmod(path, 0o666) // who may do what is told by SO_PEERCRED
	}
	if err == nil {
		err = unix.Listen(fd, 128)
	}
	if err != nil {
		unix.Close(fd)
		hint := ""
		if errors.Is(err, unix.EADDRINUSE) {
			hint = ": another manager has it; fix: give --socket another path"
		}
		return -1, fmt.Errorf("cannot listen on the control socket %s: %w%s", path, err, hint)
	}
	return fd, nil
}

// newSeed is what INVOCATION_ID is made from.
func newSeed() (s [16]byte) {
	_, _ = rand.Read(s[:]) // never fails (crypto/rand)
	return s
}
