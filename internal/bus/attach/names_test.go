// SPDX-License-Identifier: Apache-2.0

package attach

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rouse-init/rouse/internal/bus/wire"
)

// An owner that connects to the bus again soon enough has never lost its name.
func TestNameOfABusThatRestarts(t *testing.T) {
	r := newRig(t, nil)
	r.bus.WatchName("org.example.Stay")
	r.bus.WatchName("org.example.Go")
	own := func(names ...string) {
		c := r.dial()
		for _, name := range names {
			r.await(func() error { _, err := c.RequestName(name, 0); return err })
		}
	}
	r.boot()
	r.saw("up")
	own("org.example.Stay", "org.example.Go")
	for _, n := range []string{"org.example.Stay", "org.example.Go"} {
		r.until(n, func() bool { return r.bus.names[n].toldOwned })
	}
	r.kill()
	r.saw("down")
	r.boot()
	r.saw("up")
	r.settle()
	if r.bus.Gone("org.example.Stay") || r.bus.Gone("org.example.Go") {
		t.Error("their owners are given no time")
	}
	own("org.example.Stay")
	r.saw("name org.example.Stay true " + strconv.Itoa(os.Getpid()))
	if slices.Contains(r.seen, "name org.example.Go false 0") {
		t.Error("the other is given no time")
	}
	if next, ok := r.bus.Tick(now()); !ok || next > now()+returnTime {
		t.Errorf("the next look is at %v, %v", next, ok)
	}
	r.bus.Tick(now() + returnTime)
	r.saw("name org.example.Go false 0")
	if !r.bus.Gone("org.example.Go") || slices.Contains(r.seen, "name org.example.Stay false 0") {
		t.Errorf("seen %q", r.seen)
	}
}

// A name that is given up at once was there nevertheless.
func TestNameForAMoment(t *testing.T) {
	r := newRig(t, nil)
	r.bus.WatchName("org.example.Quick")
	r.boot()
	r.saw("name org.example.Quick false 0")
	obj := r.dial().BusObject()
	for range 20 {
		obj.Go("org.freedesktop.DBus.RequestName", 0, nil, "org.example.Quick", uint32(0))
		obj.Go("org.freedesktop.DBus.ReleaseName", 0, nil, "org.example.Quick")
		r.until("the name", func() bool {
			return len(r.seen) > 0 && strings.HasPrefix(r.seen[0], "name org.example.Quick true ")
		})
		r.saw("name org.example.Quick false 0")
	}
}

// allNames is a rule for the changes of all names, as a term of SetEvents makes it.
var allNames = Rule{Sender: driver, Interface: driver, Member: "NameOwnerChanged"}

// Who wants the changes of all names takes them away from nobody.
func TestRuleForAllNamesIsShared(t *testing.T) {
	b := newWild(t).bus
	m := b.Match(allNames, func(*wire.Message) {})
	const n = maxNarrow + 2
	for i := range n {
		b.WatchName(fmt.Sprintf("t.N%d", i))
	}
	b.Unmatch(m)
	if b.rules[wideRule] == 0 {
		t.Error("nothing tells of the names that have no rule of their own")
	}
	for i := range n {
		b.UnwatchName(fmt.Sprintf("t.N%d", i))
	}
	if len(b.rules) != 0 {
		t.Errorf("left: %v", b.rules)
	}
}

// What was asked for besides is asked for again when the bus is back.
func TestRuleOfACallerIsShared(t *testing.T) {
	w := newWild(t)
	rule := allNames
	rule.Arg0 = ":1.7"
	w.bus.Match(rule, func(*wire.Message) {})
	w.meet()
	w.say(welcome)
	p := &w.bus.peers
	c := p.add(":1.7")
	if !p.attend(c) {
		t.Fatal("nobody may listen")
	}
	p.follow(c)
	w.bus.drop(errors.New("it ends"))
	if n := w.bus.rules[rule.String()]; n != 1 || p.systemd != 0 || len(p.byName) != 0 {
		t.Errorf("rule is wanted by %d, want 1; %d of %d callers listen", n, p.systemd, len(p.byName))
	}
}
