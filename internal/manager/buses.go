// SPDX-License-Identifier: Apache-2.0

package manager

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rouse-init/rouse/internal/bus/attach"
	"github.com/rouse-init/rouse/internal/bus/systemd1"
	"github.com/rouse-init/rouse/internal/bus/upstart"
	"github.com/rouse-init/rouse/internal/engine"
	"github.com/rouse-init/rouse/internal/guardian/wire"
	"github.com/rouse-init/rouse/internal/unit"
)

// buses are the manager's connections to message buses: to the one that it
// owns its names on, and to the other where a job names it.
type buses struct {
	m    *Manager
	list []*busLink
	// offered are the names that WriteActivationFiles was told of last.
	offered map[string]string
	activations
	due engine.Time // of the next Tick, 0 for none
	// moved: a unit, or a connection, is not what it was at the last Tick, so that
	// holdsBus may answer otherwise.
	moved bool
}

// busLink is one connection.
type busLink struct {
	bus     *attach.Bus
	address string
	// kinds are which bus it is to jobs: {false} the system's, {true} the
	// session's, both for one that was given by name.
	kinds []bool
	// owner: our names are on it, and it starts what others call.
	owner bool
	met   bool            // it was there since this manager began
	names map[string]bool // that are watched
	// unread: the activation files have changed while the bus was away.
	unread bool
}

// open makes the connections that the mode calls for.
func (b *buses) open() {
	m := b.m
	b.offered, b.activations = make(map[string]string), newActivations()
	switch {
	case m.cfg.NoDBus || m.cfg.Mode == ModeOn:
	case m.saved.BusAddress != "":
		b.add(m.saved.BusAddress, b.kinds(), true)
	case m.cfg.Bus != "":
		b.add(m.cfg.Bus, b.kinds(), true)
	case m.cfg.Mode == ModeInit && !m.cfg.SessionBus:
		b.add(systemAddress(), b.kinds(), true)
	case m.cfg.Mode == ModeUser || m.cfg.Mode == ModeInit:
		if a := sessionAddress(); a != "" {
			b.add(a, b.kinds(), true)
		}
	}
}

// kinds are which bus the one with our names is to jobs.
func (b *buses) kinds() []bool {
	switch cfg := &b.m.cfg; {
	case cfg.Mode == ModeInit && !cfg.SessionBus:
		return []bool{false}
	case cfg.Mode == ModeInit || cfg.Mode == ModeUser:
		return []bool{true}
	}
	return []bool{false, true}
}

func systemAddress() string {
	if a := os.Getenv("DBUS_SYSTEM_BUS_ADDRESS"); a != "" {
		return a
	}
	return "unix:path=/run/dbus/system_bus_socket"
}

// sessionAddress is where a session's bus is, "" where that is not known.
func sessionAddress() string {
	if a := os.Getenv("DBUS_SESSION_BUS_ADDRESS"); a != "" {
		return a
	}
	if dir := os.Getenv("XDG_RUNTIME_DIR"); dir != "" {
		return "unix:path=" + filepath.Join(dir, "bus")
	}
	return ""
}

// add makes one connection; it is tried until it can be had.
func (b *buses) add(address string, kinds []bool, owner bool) {
	m := b.m
	l := &busLink{address: address, kinds: kinds, owner: owner, names: make(map[string]bool)}
	cfg := attach.Config{
		Loop: m.loop, Address: address, UID: uint32(m.uid), Now: func() time.Duration { return time.Duration(m.now()) },
		Events: attach.Events{
			Up:    func() { b.changed(l, true) },
			Down:  func(string) { b.changed(l, false) },
			Name:  func(name string, owned bool, pid int32) { b.name(l, name, owned, pid) },
			Event: func(env []string) { m.happened("dbus", env, "the message bus") },
			Trouble: func(msg string) {
				if len(l.names) > 0 || m.cfg.Bus != "" || m.cfg.Debug {
					m.sayOnce("bus:"+msg, "%s", msg)
				}
			},
			Activation: func(unitName string) { b.activate(l, unitName) },
		},
	}
	if owner {
		key := busLinkKey + strconv.FormatUint(uint64(m.start.Restarts), 10) + " " + address[:min(len(address), 200)]
		cfg.Keep = func(fd int) { m.must(m.guard.Store(key, fd)) }
		cfg.Forget = func() { m.must(m.guard.Drop(key)) }
		cfg.Names = []string{systemd1.Name, upstart.Name}
		cfg.Server = m.bus.Server()
	}
	var err error
	if l.bus, err = attach.New(cfg); err != nil {
		m.say("cannot use the message bus: %v", err)
		return
	}
	b.list = append(b.list, l)
	b.moved = true
}

// busLinkKey is what the keys of connections that own our names begin with.
const busLinkKey = wire.HangUp + "bus "

// adopt reads what a bus wanted of the manager before this one.
func (b *buses) adopt(stored map[string][]int) {
	for key, fds := range stored {
		if !strings.HasPrefix(key, busLinkKey) {
			continue
		}
		start := func(unitName string) {
			for _, l := range b.list {
				if l.owner {
					b.activate(l, unitName)
				}
			}
		}
		if err := attach.Drain(b.m.loop, fds[0], start, func() { b.m.must(b.m.guard.Drop(key)) }); err != nil {
			b.m.must(b.m.guard.Drop(key))
		}
	}
}

// changed tells the engine that a bus has come or gone.
func (b *buses) changed(l *busLink, up bool) {
	for _, session := range l.kinds {
		b.m.feed(engine.BusChanged{Session: session, Up: up})
	}
	if up {
		b.meet(l)
		b.offer(l)
	}
}

func (b *buses) name(l *busLink, name string, owned bool, pid int32) {
	if owned {
		maps.DeleteFunc(b.owed, func(_ string, a activation) bool { return a.link == l && a.name == name })
	}
	for _, session := range l.kinds {
		b.m.feed(engine.NameChanged{Name: name, Session: session, Owned: owned, Pid: pid})
	}
}

// want watches the names of all Type=dbus units, and the signals that jobs wait
// for. A bus that nothing needs is not connected to.
func (b *buses) want() {
	m := b.m
	names := [2]map[string]bool{{}, {}} // of the system's bus, and the session's
	for v := range m.engine.Units() {
		s := v.Unit.Service
		if s == nil || s.Type != unit.TypeDBus || s.BusName == "" {
			continue
		}
		session := m.cfg.user(m.uid)
		if s.Job != nil {
			session = s.Job.SessionBus
		}
		if session {
			names[1][s.BusName] = true
		} else {
			names[0][s.BusName] = true
		}
	}
	var terms []unit.Term
	m.engine.Terms(func(_ *unit.Unit, t *unit.Term) {
		if t.Event == "dbus" {
			terms = append(terms, *t)
		}
	})
	b.needed(len(names[0]) > 0 || len(terms) > 0, len(names[1]) > 0)
	for _, l := range b.list {
		all := map[string]bool{}
		for _, session := range l.kinds {
			i := 0
			if session {
				i = 1
			}
			maps.Copy(all, names[i])
		}
		l.watch(all)
		l.bus.SetEvents(terms)
		b.offer(l)
	}
}

// needed adds the connection to a bus that a unit names and that the mode does
// not call for.
func (b *buses) needed(system, session bool) {
	if b.m.cfg.NoDBus || b.m.cfg.Mode == ModeOn || b.m.cfg.Bus != "" {
		return
	}
	has := func(session bool) bool {
		return slices.ContainsFunc(b.list, func(l *busLink) bool { return slices.Contains(l.kinds, session) })
	}
	if system && !has(false) {
		b.add(systemAddress(), []bool{false}, false)
	}
	if session && !has(true) {
		if a := sessionAddress(); a != "" {
			b.add(a, []bool{true}, false)
		}
	}
}

func (l *busLink) watch(want map[string]bool) {
	for name := range want {
		if !l.names[name] {
			l.names[name] = true
			l.bus.WatchName(name)
		}
	}
	for name := range l.names {
		if !want[name] {
			delete(l.names, name)
			l.bus.UnwatchName(name)
		}
	}
}

// offer has the bus start the units of names that have no .service file: those
// that are only declared by a unit or a job.
func (b *buses) offer(l *busLink) {
	if !l.owner {
		return
	}
	offers := make(map[string]string)
	for v := range b.m.engine.Units() {
		if s := v.Unit.Service; s != nil && s.Type == unit.TypeDBus && l.names[s.BusName] && !b.m.engine.IsInstance(v.Unit.Name) {
			offers[s.BusName] = v.Unit.Name
		}
	}
	if len(offers) == 0 && len(b.offered) == 0 {
		return
	}
	dir := attach.ActivationDir(l.kinds[len(l.kinds)-1], os.Getenv("XDG_RUNTIME_DIR"))
	if b.m.cfg.BusServices != "" {
		dir = b.m.cfg.BusServices
	}
	if dir == "" {
		return
	}
	changed, err := attach.WriteActivationFiles(dir, offers)
	if err != nil {
		b.m.sayOnce("offer", "cannot offer bus names for activation: %v", err)
		return
	}
	b.offered = offers
	l.unread = l.unread || changed
	if l.unread && l.bus.Up() {
		l.unread = false
		l.bus.Reload(func(err error) {
			if err != nil {
				b.m.say("the message bus does not read its services again: %v", err)
			}
		})
	}
}

// tick lets the connections do what is due, and holds back from a bus that
// would be started by connecting to it.
func (b *buses) tick() {
	b.due = 0
	look := b.moved
	b.moved = false
	for _, l := range b.list {
		if look {
			l.bus.Hold(b.m.holdsBus(l.address))
		}
		if next, ok := l.bus.Tick(time.Duration(b.m.now())); ok && (b.due == 0 || engine.Time(next) < b.due) {
			b.due = engine.Time(next)
		}
	}
}

func (b *buses) flush() {
	for _, l := range b.list {
		l.bus.Flush()
	}
}

// close takes back what was offered.
func (b *buses) close() {
	for _, l := range b.list {
		l.bus.Close()
	}
	b.list = nil
}

// holdsBus tells whether the socket of a bus is one of ours, and its service is
// not up.
func (m *Manager) holdsBus(address string) bool {
	path, ok := strings.CutPrefix(address, "unix:path=")
	if !ok {
		return false
	}
	for name, s := range m.sockets {
		for _, l := range s.listeners {
			if l.Address != path {
				continue
			}
			if u := m.engine.Def(name); u != nil && u.Socket != nil {
				v, ok := m.engine.Unit(u.Socket.Service)
				return !ok || v.Active != engine.Active && v.Active != engine.Reloading
			}
		}
	}
	return false
}

// busAddress is where initctl notify-dbus-address says that the bus is.
func (m *Manager) busAddress(addr string) error {
	if _, err := attach.New(attach.Config{Loop: m.loop, Address: addr}); err != nil {
		return err
	}
	if slices.ContainsFunc(m.buses.list, func(l *busLink) bool { return l.owner && l.address == addr }) {
		return nil
	}
	m.buses.list = slices.DeleteFunc(m.buses.list, func(l *busLink) bool {
		old := l.owner || l.address == addr
		if old {
			l.bus.Close()
		}
		return old
	})
	m.buses.add(addr, m.buses.kinds(), true)
	m.saved.BusAddress = addr
	m.compactDue, m.jobsDue = true, true
	return nil
}
