// SPDX-License-Identifier: Apache-2.0

package source

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rouse-init/rouse/internal/diag"
	"github.com/rouse-init/rouse/internal/linux/poll"
	"github.com/rouse-init/rouse/internal/linux/socket"
	"github.com/rouse-init/rouse/internal/unit"
)

const socketPrefix = "socket:"

// The pauses: before an address that could not be opened is tried again, and
// when connections come that nobody ever takes (burst events in burstTime).
const (
	retryFirst = time.Second
	retryMost  = time.Minute
	burst      = 20
	burstTime  = 2 * time.Second
)

// listener is one address that jobs wait at.
type listener struct {
	key   string
	def   *unit.Socket
	users []Wanted
	// spellings are the variables of the event, one list for each way in which
	// jobs write the address.
	spellings [][]string
	fd        int // -1 while it is not open
	armed     bool
	retry     time.Duration // the next pause
	due       time.Duration // when to open or to arm it; 0 for nothing
	since     time.Duration // start of the time in which count events came
	count     int
	last      time.Duration // the last connection; 0 for none
}

// Listening is one address that jobs wait at, as people are shown it.
type Listening struct {
	Unit    string // the unit of the job
	Listen  unit.Listen
	FD      int           // borrowed; -1 while it is not open
	Armed   bool          // a connection would be told
	Knocked time.Duration // the last connection; 0 for none
}

// Listening lists the addresses, with one entry for each job that waits there.
func (s *Set) Listening() []Listening {
	var out []Listening
	for _, key := range slices.Sorted(maps.Keys(s.sockets)) {
		l := s.sockets[key]
		for _, w := range l.users {
			listen := l.def.Listens[0]
			listen.Pos = w.Pos
			out = append(out, Listening{w.Unit, listen, l.fd, l.armed, l.last})
		}
	}
	return out
}

// FDs are the descriptors that a process gets which the source started. They
// stay ours.
func (s *Set) FDs(key string) []int {
	if l := s.sockets[key]; l != nil && l.fd >= 0 {
		return []int{l.fd}
	}
	return nil
}

// OfUnit are the keys of the sockets that the conditions of a unit name, in the
// order of the conditions.
func (s *Set) OfUnit(u *unit.Unit) []string {
	if u.Events == nil {
		return nil
	}
	var keys []string
	for i := range u.Events.StartOn {
		t := &u.Events.StartOn[i]
		if t.Op != unit.OpEvent || t.Event != "socket" {
			continue
		}
		if key, _, _, err := address(Wanted{Term: *t, Unit: u.Name}); err == nil && s.sockets[key] != nil && !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	return keys
}

// Arm has a source tell the next connection. One that waits already is told at
// once, but with a pause where that went on for too often.
func (s *Set) Arm(key string) {
	l := s.sockets[key]
	if l == nil || l.armed || l.fd < 0 {
		return
	}
	now := s.c.Now()
	if l.count >= burst && now-l.since < burstTime {
		if l.due == 0 {
			s.c.Say("%s: connections come that nobody takes, %d events in %v; the next in %v", l.key, burst, burstTime, l.retry)
			l.due = now + l.retry
			l.retry = min(2*l.retry, retryMost)
			s.wakeAt(l.due)
		}
		return
	}
	if now-l.since >= retryMost {
		l.retry = retryFirst
	}
	s.arm(l)
}

// arm watches a listener for one connection.
func (s *Set) arm(l *listener) {
	l.due = 0
	err := socket.Repair(l.fd, l.def.Backlog)
	if err == nil {
		err = s.c.Loop.Modify(l.fd, poll.In|poll.Once)
	}
	if err == nil {
		l.armed = true
		return
	}
	s.closeListener(l) // shut down by whoever had it
	s.c.Forget(l.key)  // that copy would keep the name
	s.openListener(l, err)
}

// wantSockets listens at the addresses of operands.
func (s *Set) wantSockets(list []Wanted) {
	if len(list) == 0 && len(s.sockets) == 0 {
		return
	}
	by, order := group(list, func(w Wanted) (string, error) {
		key, _, _, err := address(w)
		return key, err
	}, func(w Wanted, err error) {
		s.complain(w, "cannot listen: "+err.Error(), "write socket PROTO=inet PORT=80 ADDR=127.0.0.1, or socket PROTO=unix SOCKET_PATH=/run/name")
	})
	for key, l := range s.sockets {
		if by[key] == nil {
			s.dropListener(l)
		}
	}
	for _, key := range order {
		l := s.sockets[key]
		if l == nil {
			l = &listener{key: key, fd: -1, retry: retryFirst}
			s.sockets[key] = l
		}
		l.users, l.spellings = by[key], nil
		for _, w := range l.users {
			_, env, listen, _ := address(w)
			if env[1] == "PATH="+listen.Address {
				s.complain(w, "PATH= of the event becomes the PATH of what it starts", "write SOCKET_PATH=")
			}
			if !slices.ContainsFunc(l.spellings, func(o []string) bool { return slices.Equal(o, env) }) {
				l.spellings = append(l.spellings, env)
			}
			if l.def == nil {
				l.def = definition(listen)
			}
		}
		if l.fd < 0 && l.due == 0 {
			s.openListener(l, nil)
		}
	}
}

// definition is the socket unit that does what the bridge did. Anybody may
// connect, as to a socket unit; the job decides whom it serves.
func definition(listen unit.Listen) *unit.Socket {
	return &unit.Socket{
		Listens: []unit.Listen{listen}, Backlog: math.MaxUint32, Mode: 0o666, DirMode: 0o755,
		BindIPv6Only: unit.IPv6Only, RemoveOnStop: true,
	}
}

// address is where an operand has us listen: the key, the variables of its
// event, and the address for a socket unit.
func address(w Wanted) (key string, env []string, listen unit.Listen, err error) {
	order := []string{"PROTO", "PORT", "ADDR"}
	if accepts(w, "PROTO", 0, "unix") {
		order = []string{"PROTO", "SOCKET_PATH", "PATH"}
	}
	vars, err := values(w, order...)
	if err != nil {
		return "", nil, listen, err
	}
	listen = unit.Listen{Kind: unit.ListenStream, Pos: w.Pos}
	proto := vars["PROTO"]
	switch proto {
	case "inet", "inet6":
		listen.Address, env, err = inetAddress(proto, vars)
	case "unix":
		listen.Address, env, err = unixAddress(vars)
	default:
		err = fmt.Errorf("expected PROTO=inet, inet6 or unix, found %q", proto)
	}
	return socketPrefix + proto + " " + listen.Address, env, listen, err
}

func inetAddress(proto string, vars map[string]string) (string, []string, error) {
	port, err := strconv.ParseUint(vars["PORT"], 10, 16)
	if err != nil || port == 0 {
		return "", nil, fmt.Errorf("expected PORT=1 to 65535, found %q", vars["PORT"])
	}
	text, ok := vars["ADDR"]
	if !ok {
		text = map[string]string{"inet": "0.0.0.0", "inet6": "::"}[proto]
	}
	ip, err := netip.ParseAddr(text)
	if err != nil || ip.Is4() != (proto == "inet") || ip.Is4In6() {
		return "", nil, fmt.Errorf("expected ADDR= as an address of %s, found %q", proto, text)
	}
	return netip.AddrPortFrom(ip, uint16(port)).String(), []string{"PROTO=" + proto, "PORT=" + vars["PORT"], "ADDR=" + text}, nil
}

// unixAddress takes PATH= too, which is what Upstart's bridge really read.
func unixAddress(vars map[string]string) (string, []string, error) {
	name := "SOCKET_PATH"
	text, ok := vars[name]
	if !ok {
		name = "PATH"
		text = vars[name]
	}
	if len(text) < 2 || len(text) > 107 || text[0] != '/' && text[0] != '@' {
		return "", nil, fmt.Errorf("expected SOCKET_PATH= as an absolute path or @NAME of at most 107 bytes, found %.120q", text)
	}
	return text, []string{"PROTO=unix", name + "=" + text}, nil
}

// openListener opens an address, or takes what the guardian had. why is the
// reason for opening it again, if there is one.
func (s *Set) openListener(l *listener, why error) {
	l.due = 0
	owner := socket.NoOwner
	fd := s.adopt(l.key)
	if fd >= 0 {
		if _, ok := socket.MatchLine(fd, l.def, 0); !ok || socket.Repair(fd, l.def.Backlog) != nil {
			unix.Close(fd)
			fd = -1
			s.c.Forget(l.key)
		}
	}
	var err error
	if fd < 0 {
		var one socket.Listener
		var notes diag.List
		one, err = socket.OpenLine(l.def, 0, owner, &notes)
		fd = one.FD
		if err == nil {
			s.keep(l.key, fd)
		}
	}
	if err == nil {
		if err = s.c.Loop.Add(fd, poll.In|poll.Once, func(uint32) { s.connection(l) }); err != nil {
			unix.Close(fd)
		}
	}
	if err != nil {
		s.failed(l, errors.Join(why, err))
		return
	}
	l.fd, l.armed, l.retry = fd, true, retryFirst
}

// failed says why an address is not listened at, and has it tried again.
func (s *Set) failed(l *listener, err error) {
	l.fd, l.due = -1, s.c.Now()+l.retry
	l.retry = min(2*l.retry, retryMost)
	s.wakeAt(l.due)
	msg := fmt.Sprintf("cannot listen at %s: %v", strings.TrimPrefix(l.key, socketPrefix), err)
	fix := "it is tried again until it works"
	var d diag.Diagnostic
	if errors.As(err, &d) {
		msg = d.Msg
		if d.Fix != "" {
			fix = d.Fix + "; " + fix
		}
	}
	s.complain(l.users[0], msg, fix)
}

// connection tells a connection; the listener then sleeps until it is armed.
func (s *Set) connection(l *listener) {
	if s.sockets[l.key] != l || !l.armed {
		return
	}
	l.armed = false
	now := s.c.Now()
	l.last = now
	if now-l.since >= burstTime {
		l.since, l.count = now, 0
	}
	l.count++
	for _, env := range l.spellings {
		s.tell("socket", env, l.key)
	}
	s.flush()
}

// tickSockets opens and arms what is due.
func (s *Set) tickSockets(now time.Duration) {
	for _, l := range s.sockets {
		switch {
		case l.due == 0:
		case now < l.due:
			s.wakeAt(l.due)
		case l.fd < 0:
			s.openListener(l, nil)
		default:
			// One try; if that is not taken either, the next pause comes.
			l.since, l.count = now, burst-1
			s.arm(l)
		}
	}
}

func (s *Set) closeListener(l *listener) {
	if l.fd >= 0 {
		s.c.Loop.Remove(l.fd)
		unix.Close(l.fd)
	}
	l.fd, l.armed, l.due = -1, false, 0
}

// dropListener ends a listener that no job waits at any more.
func (s *Set) dropListener(l *listener) {
	if l.fd >= 0 {
		one, ok := socket.MatchLine(l.fd, l.def, 0)
		if ok {
			socket.Remove(l.def, []socket.Listener{one})
		}
	}
	s.closeListener(l)
	s.c.Forget(l.key)
	delete(s.sockets, l.key)
}
