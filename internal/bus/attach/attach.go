// SPDX-License-Identifier: Apache-2.0

// Package attach is the manager's connection to a real message bus. It owns
// names there, answers calls with the objects of a bus.Server, sends its
// signals, starts what the bus wants started (--systemd-activation), watches
// names, and makes signals of others into events. It runs on the goroutine of
// a poll.Loop and never blocks; when the bus is not there or goes away it
// connects again, as soon as it can. It imports bus, bus/client for the form
// of addresses, and unit.
package attach

import (
	"errors"
	"time"

	"github.com/rouse-init/rouse/internal/bus"
	"github.com/rouse-init/rouse/internal/bus/client"
	"github.com/rouse-init/rouse/internal/linux/poll"
)

// Config is what a Bus is made with.
type Config struct {
	Loop *poll.Loop
	// Address is a D-Bus address: "unix:path=...", "unix:abstract=...", or
	// several of them with ";" between, which are tried in turn.
	Address string
	// Names are requested after each connect. Where a name has another owner
	// the bus keeps us in the queue for it.
	Names []string
	// Server answers the calls and makes the signals; nil answers nothing.
	Server *bus.Server
	// UID is the user to authenticate as: the manager's own.
	UID uint32
	// Label is the variable BUS of events (upstart-dbus-bridge --bus-name),
	// "" for none.
	Label string
	// Always sends the signals of com.ubuntu.Upstart also while nobody on the
	// bus has ever called it, as Upstart did.
	Always bool
	// Keep is told of the socket of each connection, to be kept for Drain in
	// case that the manager dies, and Forget when it is closed. Both may be nil.
	Keep   func(fd int)
	Forget func()
	// Now reads a clock that does not jump.
	Now    func() time.Duration
	Events Events
}

// Events is who is told. All are called on the loop's goroutine and may be nil.
type Events struct {
	// Up: the bus is there, the names were requested. Calls of others may be
	// answered before.
	Up func()
	// Down: it is gone. Nothing is said of the names on it until it is back.
	Down func(why string)
	// Name tells who has a name of WatchName: once after each connect, and
	// when it changes. pid is 0 where the bus does not tell.
	Name func(name string, owned bool, pid int32)
	// Activation: the bus holds messages for a name whose .service file has
	// SystemdService=unit. It ends when the name appears, by
	// ActivationFailed, or after the bus's service_start_timeout.
	Activation func(unit string)
	// Event: a signal that a term of SetEvents may wait for; env are the
	// variables of dbus-event(7).
	Event func(env []string)
	// Trouble is something that the administrator should know.
	Trouble func(msg string)
}

// The limits of a connection to a bus.
const (
	// loginTime is how long the bus may take to let us in.
	loginTime = 10 * time.Second
	// firstDelay is the pause before the second attempt to connect; it
	// doubles up to lastDelay, or blindDelay where the socket cannot be
	// watched because it is in the abstract namespace.
	firstDelay = 20 * time.Millisecond
	lastDelay  = 10 * time.Second
	blindDelay = time.Second
	// steadyTime is how long a connection must last to begin again with firstDelay.
	steadyTime = 5 * time.Second
)

// Bus is the connection, whether it is there or not.
type Bus struct {
	cfg   Config
	paths []string // of the sockets
	link  *link    // nil while there is none
	held  bool
	up    bool
	since time.Duration // the link's begin
	due   time.Duration // the next attempt
	delay time.Duration
	wait  waiter
	told  string // the last trouble with connecting
	buf   []byte // that all is read into
	oob   []byte

	rules   map[string]int // match rules by how many want them
	names   map[string]*name
	matches []*Match
	events  eventTerms
	peers   peers
}

// New makes a Bus; the first Tick connects. It fails only for an address that
// cannot be understood.
func New(cfg Config) (*Bus, error) {
	paths, err := client.ParseAddress(cfg.Address)
	if err != nil {
		return nil, err
	}
	b := &Bus{cfg: cfg, paths: paths, delay: firstDelay, rules: make(map[string]int), names: make(map[string]*name)}
	b.wait = waiter{loop: cfg.Loop, fd: -1, woken: b.hurry}
	b.peers.bus = b
	if cfg.Server != nil {
		cfg.Server.Attach(b)
	}
	return b, nil
}

// Up tells whether the bus is there and has our names.
func (b *Bus) Up() bool { return b.up }

// Hold keeps from connecting, and disconnects: for a bus whose socket is
// listened to by the manager itself, since connecting would start it.
func (b *Bus) Hold(on bool) {
	if b.held == on {
		return
	}
	b.held = on
	if on {
		b.drop(errors.New("it is stopped"))
		b.wait.close()
		return
	}
	b.hurry()
}

// Close disconnects for good.
func (b *Bus) Close() {
	b.cfg.Events = Events{}
	b.held = true
	b.Flush()
	b.drop(errors.New("the manager ends"))
	b.wait.close()
}

// Tick connects when it is time to. It returns when to call it next; false
// means that there is no need until the loop has called us.
func (b *Bus) Tick(now time.Duration) (next time.Duration, ok bool) {
	if b.held {
		return 0, false
	}
	if l := b.link; l != nil {
		if l.greeted {
			return b.awaitNames(now)
		}
		if now < b.since+loginTime {
			return b.since + loginTime, true
		}
		b.drop(errors.New("it does not answer"))
	}
	if now >= b.due {
		b.connect(now)
	}
	if b.link != nil {
		return b.since + loginTime, true
	}
	return b.due, true
}

// Flush writes what is queued. To be called once per turn of the loop, after
// all that may have queued something.
func (b *Bus) Flush() {
	if b.link != nil {
		b.link.flush()
	}
}

// connect makes one attempt.
func (b *Bus) connect(now time.Duration) {
	var failed error
	for _, path := range b.paths {
		fd, err := dial(path)
		if err == nil {
			err = b.open(fd, now)
		}
		if err == nil {
			b.wait.close()
			return
		}
		failed = err
	}
	// What is missing now may be there before the watch is, hence once more.
	if b.wait.open(b.paths) {
		b.due = now
	} else {
		b.later(now)
	}
	if b.told == "" {
		b.told = failed.Error()
		b.trouble("message bus: " + b.told + "; waiting for it")
	}
}

// later puts the next attempt off.
func (b *Bus) later(now time.Duration) {
	b.due = now + b.delay
	last := lastDelay
	if b.wait.fd < 0 {
		last = blindDelay
	}
	b.delay = min(2*b.delay, last)
}

// hurry has the next Tick connect.
func (b *Bus) hurry() { b.due, b.delay = 0, firstDelay }

// drop ends the connection. All that the bus knew of us is forgotten and
// asked for again after the next connect.
func (b *Bus) drop(why error) {
	l := b.link
	if l == nil {
		return
	}
	b.link = nil
	l.close()
	now := b.cfg.Now()
	if b.up && now-b.since >= steadyTime {
		b.delay = firstDelay
	}
	b.later(now)
	b.peers.clear()
	for _, n := range b.names {
		n.forget()
	}
	l.failCalls(why)
	if b.up {
		b.up = false
		if b.cfg.Events.Down != nil {
			b.cfg.Events.Down(why.Error())
		}
	} else if b.told == "" && !b.held {
		b.told = why.Error()
		b.trouble("message bus: cannot connect: " + b.told + "; trying again")
	}
}

// arrived is called when all names have been asked for.
func (b *Bus) arrived() {
	b.up, b.told = true, ""
	if b.cfg.Events.Up != nil {
		b.cfg.Events.Up()
	}
}

func (b *Bus) trouble(msg string) {
	if b.cfg.Events.Trouble != nil {
		b.cfg.Events.Trouble(msg)
	}
}
