// SPDX-License-Identifier: Apache-2.0

package bridge

import (
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rouse-init/rouse/internal/linux/poll"
)

// Serve is a process that is a bridge: it takes the sockets of LISTEN_FDS,
// says READY=1, and runs until it was idle, or SIGTERM or SIGINT came, which
// let connections end; a second one does not, nor one before READY=1.
func Serve(cfg Config) error {
	_ = poll.CalmMonitor() // it works all the same
	// Executed by /proc/self/exe it would be called exe in ps(1).
	_ = os.WriteFile("/proc/self/comm", []byte("rouse-bridge"), 0)
	cfg.Inherited = append(cfg.Inherited, listenFDs()...)
	b, err := New(cfg)
	if err != nil {
		return err
	}
	// One processor more than there are loops, so that a loop finds one when it
	// comes back from the kernel.
	runtime.GOMAXPROCS(len(b.loops) + 1)
	signal.Ignore(unix.SIGPIPE, unix.SIGHUP)
	asked := make(chan os.Signal, 2)
	signal.Notify(asked, unix.SIGTERM, unix.SIGINT)
	tell := newTeller()
	var ready <-chan struct{}
	from, to := strings.Join(b.Addrs(), ", "), strings.Join(cfg.To, ", ")
	if cfg.Await {
		ready = b.awaitDaemon()
		tell.say("STATUS=waiting for " + to)
	} else {
		tell.say("READY=1\nSTATUS=bridging " + from + " to " + to)
	}
	done := make(chan error, 1)
	go func() { done <- b.Run() }()
	forgetStart()
	var started <-chan time.Time
	var deaf <-chan struct{}
	var watchdog <-chan time.Time
	if tell.watchdog > 0 {
		watchdog = time.Tick(tell.watchdog / 2)
	}
	for {
		select {
		case <-b.grown:
			started = time.After(startTime)
		case <-started:
			forgetStart() // what the loop's start needed
		case <-watchdog:
			tell.say("WATCHDOG=1")
		case <-ready:
			ready = nil
			tell.say("READY=1\nSTATUS=bridging " + from + " to " + to)
		case <-asked:
			if ready != nil { // who waits would wait in vain
				b.Stop()
			}
			b.Stop()
			deaf = b.Deaf
		case <-deaf:
			// Whoever connects from now on is left to the service manager.
			deaf = nil
			tell.say("STOPPING=1\nSTATUS=" + fmt.Sprintf("waiting for %d connections to end", b.Open()))
		case err := <-done:
			tell.say("STOPPING=1")
			return err
		}
	}
}

// startTime is after how long the start of a loop is over for sure; one that
// has work by then loses microseconds.
const startTime = 10 * time.Millisecond

// listenFirst is the first descriptor of LISTEN_FDS (sd_listen_fds(3)).
const listenFirst = 3

// listenFDs are the sockets that were passed to this process.
func listenFDs() []int {
	pid, n := os.Getenv("LISTEN_PID"), os.Getenv("LISTEN_FDS")
	for _, name := range []string{"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"} {
		_ = os.Unsetenv(name)
	}
	count, err := strconv.Atoi(n)
	if err != nil || count < 0 || count > 1<<16 || pid != "" && pid != strconv.Itoa(os.Getpid()) {
		return nil
	}
	var fds []int
	for i := range count {
		fds = append(fds, listenFirst+i)
	}
	return fds
}

// teller speaks to a service manager (sd_notify(3)).
type teller struct {
	fd       int // -1 nobody asked
	to       unix.Sockaddr
	watchdog time.Duration
}

func newTeller() *teller {
	t := &teller{fd: -1}
	path := os.Getenv("NOTIFY_SOCKET")
	_ = os.Unsetenv("NOTIFY_SOCKET")
	if path == "" || path[0] != '/' && path[0] != '@' || len(path) > maxPath {
		return t
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return t
	}
	t.fd, t.to = fd, &unix.SockaddrUnix{Name: path}
	pid := os.Getenv("WATCHDOG_PID")
	us, err := strconv.ParseUint(os.Getenv("WATCHDOG_USEC"), 10, 62)
	if err == nil && us > 0 && (pid == "" || pid == strconv.Itoa(os.Getpid())) {
		t.watchdog = time.Duration(min(us, uint64(24*time.Hour/time.Microsecond))) * time.Microsecond
	}
	return t
}

// say is lost in silence where nobody listens: it is for the manager's sake.
func (t *teller) say(text string) {
	if t.fd >= 0 {
		_ = unix.Sendto(t.fd, []byte(text), unix.MSG_NOSIGNAL, t.to)
	}
}
