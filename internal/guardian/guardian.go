// SPDX-License-Identifier: Apache-2.0

package guardian

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rouse-init/rouse/internal/guardian/wire"
	"github.com/rouse-init/rouse/internal/linux/poll"
)

// guardian is all that there is. Whoever touches it holds mu, but for ep and
// the main thread's look at sock, which only the main thread changes.
type guardian struct {
	cfg  Config
	pid1 bool
	// machine: it is process 1 of a machine and not of a container. It must
	// never end: the kernel would panic.
	machine bool

	mu      sync.Mutex
	forked  *sync.Cond // signalled when there may be a child to wait for
	store   store
	exits   exits
	told    progress
	refused []refusal
	traps   traps
	packet  []byte   // the packet that flush fills
	fds     []int    // its descriptors
	out     wire.Msg // the message that fill adds
	ep      int      // epoll, of the main thread
	sock    int      // our end; -1: no manager
	blocked bool     // the socket was full: epoll waits for room
	crowded bool     // and epoll cannot tell when

	manager   int // pid; 0: none
	shell     int // pid of the emergency shell; 0: none
	childless bool
	died      chan wire.Exit // how the manager ended
	gone      chan struct{}  // any other child ended, or there is none left
	hurry     chan struct{}  // something happened that ends a back-off

	terminate, force bool
	termSig          uint8
	asked            time.Time // of the last SIGINT
	signals          chan os.Signal
	caught           atomic.Uint64 // bit n: signal n, not dealt with yet

	exe      int       // the program that managers are started from
	upgrade  *wire.Msg // Reexec that waits for the manager's exit
	trial    *trial    // of the upgraded manager, until it is ready
	ready    bool      // the present manager said so
	anyReady bool      // some manager did
	restarts uint32
	fast     uint32
	death    string
	crashed  bool
	notice   string
	base     string
	end      *wire.End // when it is set, the manager's death is the last
	rx       wire.Receiver
	in       wire.Msg
}

// Run is the guardian's whole life. It returns the exit status, at once
// when it cannot work at all; as PID 1 told to reboot it does not return.
// It takes the calling goroutine's thread, and the process's signals and
// children, for ever.
func Run(cfg Config) int {
	// Never unlocked: the manager's PDEATHSIG is about this thread.
	runtime.LockOSThread()
	g := &guardian{
		cfg: cfg, pid1: os.Getpid() == 1, sock: -1,
		exits: exits{first: 1},
		died:  make(chan wire.Exit, 1), gone: make(chan struct{}, 1), hurry: make(chan struct{}, 1),
		signals: make(chan os.Signal, 64),
	}
	if g.pid1 {
		mountProc()
	}
	g.machine = g.pid1 && FirstNamespace()
	g.forked = sync.NewCond(&g.mu)
	g.defaults()
	resumed, err := g.resume()
	if err == nil {
		err = g.prepare()
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "rouse: cannot guard the manager: %v\n", err)
		return 111
	}
	// Two threads wait in system calls. With processors to spare the scheduler
	// lets them keep theirs for 10 ms, and its monitor sleeps meanwhile.
	runtime.GOMAXPROCS(max(runtime.GOMAXPROCS(0), 4))
	_ = poll.CalmMonitor() // a matter of processor time only
	go g.watchSignals()
	go g.reap()
	for {
		if !resumed {
			g.start()
		}
		resumed = false
		g.serve()
		if code, done := g.afterDeath(g.await()); done {
			return code
		}
	}
}

func (g *guardian) defaults() {
	if g.cfg.FastDeaths == 0 {
		g.cfg.FastDeaths = 10
	}
	if g.cfg.ForceWait == 0 {
		g.cfg.ForceWait = 5 * time.Second
	}
	if g.cfg.Exe > 0 {
		unix.CloseOnExec(g.cfg.Exe)
	}
	g.exe = g.cfg.Exe
}

func (g *guardian) prepare() (err error) {
	if !g.pid1 {
		if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
			return fmt.Errorf("prctl(PR_SET_CHILD_SUBREAPER): %w", err)
		}
	}
	g.catchSignals()
	if g.machine && g.exe <= 0 {
		if err := mountSystem(); err != nil {
			fmt.Fprintf(os.Stderr, "rouse: %v\n", err)
		}
	}
	if g.exe <= 0 {
		if g.exe, err = openSelf(); err != nil {
			return err
		}
	}
	if g.ep, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return fmt.Errorf("epoll_create1: %w", err)
	}
	if g.sock >= 0 {
		if err := g.watch(); err != nil {
			return err
		}
		g.lookAtTraps()
	}
	return nil
}

// openSelf opens the running program without a path to it.
func openSelf() (int, error) {
	const path = "/proc/self/exe"
	fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, fmt.Errorf("open %s: %w", path, err)
	}
	// A process 1 has no descriptor but 0 to 2, so that this would be 3: the
	// number that the manager's socket gets in the child, before its execve.
	high, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, lowestOwn)
	_ = unix.Close(fd)
	if err != nil {
		return 0, fmt.Errorf("keep %s: %w", path, err)
	}
	return high, nil
}

// lowestOwn is above all numbers that descriptors have in a manager that starts.
const lowestOwn = 10

// serve reads from the manager until its socket is closed and empty.
func (g *guardian) serve() {
	var events [1]unix.EpollEvent
	for open := g.sock >= 0; open; {
		n, err := unix.EpollWait(g.ep, events[:], -1)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return // cannot happen: the set is ours
		}
		if n <= 0 {
			continue
		}
		var crowded bool
		open, crowded = g.event(events[0].Events)
		if crowded {
			// Nothing tells when fewer descriptors are in flight.
			_ = unix.Nanosleep(&unix.Timespec{Nsec: int64(time.Millisecond)}, nil)
		}
	}
}

func (g *guardian) event(events uint32) (open, crowded bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	open = true
	if events&^unix.EPOLLOUT != 0 {
		open = g.receive()
	}
	if events&unix.EPOLLOUT != 0 {
		g.crowded = false
		g.flush()
	}
	return open, g.crowded
}

// receive takes what the manager has sent; false: no more will come.
func (g *guardian) receive() bool {
	for {
		ok, err := g.rx.Next(&g.in)
		if ok {
			g.handle(&g.in)
			continue
		}
		if err == nil {
			err = g.rx.Fill(g.sock)
		}
		switch {
		case err == nil, errors.Is(err, wire.ErrMalformed):
		case errors.Is(err, unix.EAGAIN):
			return true
		default:
			return false
		}
	}
}

func (g *guardian) handle(m *wire.Msg) {
	switch m.Kind {
	case wire.Store:
		g.handleStore(m)
	case wire.Drop:
		g.store.drop(m.Key)
		if g.told.started {
			g.store.compact()
		}
	case wire.Ack:
		g.exits.ack(m.Seq)
		g.told.exit = max(g.told.exit, g.exits.first)
	case wire.Ready:
		g.becomeReady()
	case wire.Base:
		g.base = m.Text
	case wire.Bye:
		end := m.End
		g.end = &end
		g.expectExit()
	case wire.Reexec:
		g.keepUpgrade(m)
	case wire.Trap:
		g.trap(m.Pid)
	case wire.Stored, wire.Exited, wire.Go, wire.Terminate, wire.Signal, wire.Refused, wire.Lost, wire.Stopped:
		// Ours to say.
	}
}

// handleStore stores, or says why not. It refuses nothing half.
func (g *guardian) handleStore(m *wire.Msg) {
	switch {
	case len(m.FDs) < int(m.Count):
		closeAll(m.FDs)
		g.refuse(m.Key, "the guardian has too many open files")
	case len(m.FDs) == 0 || len(m.Key) == 0 || len(m.Key) > wire.MaxKey:
		closeAll(m.FDs)
		g.refuse(m.Key, "a key has 1 to 255 bytes and at least one descriptor")
	default:
		g.store.put(m.Key, m.FDs)
	}
}

func (g *guardian) refuse(key, why string) {
	if len(g.refused) >= 256 {
		return // a manager that does not listen
	}
	g.refused = append(g.refused, refusal{key[:min(len(key), wire.MaxKey)], why})
	g.flush()
}

func closeAll(fds []int) {
	for _, fd := range fds {
		_ = unix.Close(fd)
	}
}
