// SPDX-License-Identifier: Apache-2.0

package attach

import (
	"time"

	"github.com/rouse-init/rouse/internal/bus/wire"
)

// name is a name that is watched.
type name struct {
	name   string
	refs   int    // who watches it: WatchName, and terms of events
	wanted int    // those of refs that are WatchName
	rule   string // the match rule that tells of its changes, "" for none
	owner  string // unique name
	// known once the bus has said who owns it, with pid, or that nobody does.
	known bool
	pid   int32
	// toldAny: Events.Name was told something since the last connect;
	// toldOwned: it was that there is an owner.
	toldAny, toldOwned bool
	// asks numbers the questions, so that late answers are known.
	asks int
	// had an owner when the bus was lost; until then it may take it again
	// before anybody hears that it has none.
	had   bool
	until time.Duration
}

// returnTime is how long the owner of a name may take to connect to a bus
// that was away.
const returnTime = 3 * time.Second

// maxNarrow is how many watched names have a match rule of their own. The
// system bus allows 512 rules; with more names the changes of all are asked for.
const maxNarrow = 200

const wideRule = "type='signal',sender='" + driver + "',interface='" + driver + "',member='NameOwnerChanged'"

// narrowRule has a bus say when the owner of a name changes.
func narrowRule(name string) string { return wideRule + ",arg0='" + name + "'" }

// WatchName has Events.Name tell who owns a well-known name, now and whenever
// that changes, until UnwatchName was called as often. A name that is none is
// never owned.
func (b *Bus) WatchName(text string) {
	n := b.watch(text)
	if n.wanted++; n.wanted == 1 && n.known {
		n.toldAny = false
		b.tell(n)
	}
}

// UnwatchName takes back what one WatchName asked for.
func (b *Bus) UnwatchName(text string) {
	if n := b.names[text]; n != nil && n.wanted > 0 {
		n.wanted--
		b.unwatch(text)
	}
}

func (b *Bus) watch(text string) *name {
	n := b.names[text]
	if n == nil {
		n = &name{name: text}
		b.names[text] = n
		b.follow(n)
		b.ask(n)
	}
	n.refs++
	return n
}

func (b *Bus) unwatch(text string) {
	n := b.names[text]
	if n == nil {
		return
	}
	if n.refs--; n.refs > 0 {
		return
	}
	n.asks++
	delete(b.names, text)
	if n.rule != "" {
		b.removeRule(n.rule)
	}
}

// follow asks for the changes of a name. What cannot be a name would make the
// bus refuse the rule.
func (b *Bus) follow(n *name) {
	if !validName(n.name) {
		return
	}
	n.rule = wideRule
	if len(b.names) <= maxNarrow {
		n.rule = narrowRule(n.name)
	}
	b.addRule(n.rule)
}

// validName tells whether s can be a well-known bus name.
func validName(s string) bool {
	if len(s) > 255 || s == "" {
		return false
	}
	dots, start := 0, true
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '.':
			if start {
				return false
			}
			dots, start = dots+1, true
			continue
		case c >= '0' && c <= '9':
			if start {
				return false
			}
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c == '_', c == '-':
		default:
			return false
		}
		start = false
	}
	return dots > 0 && !start
}

// ask asks who owns a name.
func (b *Bus) ask(n *name) {
	if b.link == nil {
		return // hello asks
	}
	if !validName(n.name) {
		b.learn(n, "")
		return
	}
	n.asks++
	ask := n.asks
	b.call("GetNameOwner", "s", texts(n.name), func(m *wire.Message, err error) {
		switch {
		case ask != n.asks || m == nil:
		case err != nil:
			b.learn(n, "")
		default:
			b.learn(n, m.Decoder().String())
		}
	})
}

// ownerChanged is told by the bus.
func (b *Bus) ownerChanged(text, owner string) {
	if n := b.names[text]; n != nil {
		n.asks++ // an answer that is under way is older
		b.learn(n, owner)
	}
}

// learn takes note of a name's owner and finds out its process. That a name had
// an owner for too short a time for that is told, too: its service was ready.
func (b *Bus) learn(n *name, owner string) {
	if owner == "" && n.owner != "" && !n.known {
		b.tell(n)
	}
	n.owner, n.known, n.pid = owner, owner == "", 0
	if owner == "" {
		if n.had && n.until == 0 {
			n.until = b.cfg.Now() + returnTime
		}
		if n.until == 0 {
			b.tell(n)
		}
		return
	}
	n.had, n.until = false, 0
	n.asks++
	ask := n.asks
	b.call("GetConnectionUnixProcessID", "s", texts(owner), func(m *wire.Message, err error) {
		if ask != n.asks || m == nil {
			return
		}
		if err == nil {
			n.pid = int32(m.Decoder().Uint32())
		}
		n.known = true
		b.tell(n)
	})
}

// tell says who has a name. That it has no owner still is said once only.
func (b *Bus) tell(n *name) {
	if n.wanted == 0 || n.toldAny && !n.toldOwned && n.owner == "" {
		return
	}
	n.toldAny, n.toldOwned = true, n.owner != ""
	if b.cfg.Events.Name != nil {
		b.cfg.Events.Name(n.name, n.owner != "", n.pid)
	}
}

// forget is called when the bus is gone.
func (n *name) forget() {
	n.asks++
	n.had = n.had || n.toldAny && n.toldOwned
	n.owner, n.known, n.pid, n.toldAny, n.until = "", false, 0, false, 0
}

// Gone tells whether nobody has a watched name, and nobody is given time to
// take it again since the bus is back.
func (b *Bus) Gone(text string) bool {
	n := b.names[text]
	return n != nil && n.known && n.owner == "" && n.until == 0
}

// awaitNames tells of names whose owners have not come back in time. It
// returns when the next one is due.
func (b *Bus) awaitNames(now time.Duration) (next time.Duration, ok bool) {
	for _, n := range b.names {
		switch {
		case n.until == 0:
		case n.until <= now:
			n.had, n.until = false, 0
			b.tell(n)
		case !ok || n.until < next:
			next, ok = n.until, true
		}
	}
	return next, ok
}
