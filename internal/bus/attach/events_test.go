// SPDX-License-Identifier: Apache-2.0

package attach

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/godbus/dbus/v5"

	"github.com/rouse-init/rouse/internal/unit"
)

// term makes a term of KEY=value words; "!=" negates, a word without "=" is
// positional.
func term(words ...string) unit.Term {
	t := unit.Term{Event: EventName}
	for _, w := range words {
		key, value, keyed := strings.Cut(w, "=")
		m := unit.Match{Key: strings.TrimSuffix(key, "!"), Value: value, Negate: strings.HasSuffix(key, "!")}
		if !keyed {
			m = unit.Match{Value: w}
		}
		t.Match = append(t.Match, m)
	}
	return t
}

func TestSignalsBecomeEvents(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Label = "system" })
	r.bus.SetEvents([]unit.Term{term("SIGNAL=Said", "INTERFACE=t.I", "ARG0=7"), {Event: "other"}})
	r.boot()
	r.saw("up")
	c := r.dial()
	r.await(func() error { return c.Emit("/o", "t.I.Said", "8") })
	r.await(func() error { return c.Emit("/o", "t.I.Else", int32(7)) })
	r.await(func() error {
		return c.Emit("/o/p", "t.I.Said", int32(7), true, 1.5, dbus.ObjectPath("/x"), []string{"a"}, "end", byte(3), uint64(1<<63))
	})
	r.saw("event SIGNAL=Said BUS=system INTERFACE=t.I OBJPATH=/o/p SENDER=" + c.Names()[0] +
		" ARG0=7 ARG1=TRUE ARG2=1.500000 ARG3=/x ARG5=end ARG6=3 ARG7=" + strconv.FormatUint(1<<63, 10))
	if len(r.seen) > 0 {
		t.Errorf("told %q", r.seen)
	}
	// What is replaced takes the rule with it.
	r.bus.SetEvents(nil)
	if len(r.bus.rules) != 0 {
		t.Errorf("rules %v are left", r.bus.rules)
	}
}

func TestSenderByName(t *testing.T) {
	r := newRig(t, nil)
	r.boot()
	r.saw("up")
	r.bus.SetEvents([]unit.Term{term("SIGNAL=Said", "SENDER=t.Service")})
	r.settle()
	c := r.dial()
	r.await(func() error { return c.Emit("/o", "t.I.Said", "too early") })
	r.await(func() error { _, err := c.RequestName("t.Service", 0); return err })
	r.await(func() error { return c.Emit("/o", "t.I.Said", "now") })
	r.saw("event SIGNAL=Said INTERFACE=t.I OBJPATH=/o SENDER=t.Service ARG0=now")
	r.bus.SetEvents(nil)
	if len(r.bus.names) != 0 || len(r.bus.rules) != 0 {
		t.Errorf("left: %v, %v", r.bus.names, r.bus.rules)
	}
}

// TestNamesOfOthers is the example of dbus-event(7), which cannot come true
// with a dbus-daemon of today unless it is made of NameOwnerChanged.
func TestNamesOfOthers(t *testing.T) {
	r := newRig(t, nil)
	r.boot()
	r.saw("up")
	r.bus.SetEvents([]unit.Term{
		term("SIGNAL=NameAcquired", "INTERFACE="+driver, "OBJPATH="+driverPath, "SENDER="+driver, "ARG0=com.mycorp.foo"),
		term("SIGNAL=NameLost", "ARG0=com.mycorp.foo"),
	})
	r.settle()
	c := r.dial()
	r.await(func() error { _, err := c.RequestName("com.mycorp.bar", 0); return err })
	r.await(func() error { _, err := c.RequestName("com.mycorp.foo", 0); return err })
	tail := " INTERFACE=" + driver + " OBJPATH=" + driverPath + " SENDER=" + driver + " DESTINATION=" + c.Names()[0] + " ARG0=com.mycorp.foo"
	r.until("the event", func() bool { return len(r.seen) > 0 })
	r.saw("event SIGNAL=NameAcquired" + tail)
	r.await(func() error { _, err := c.ReleaseName("com.mycorp.foo"); return err })
	r.saw("event SIGNAL=NameLost" + tail)
}

func TestTermsToRules(t *testing.T) {
	for _, c := range []struct {
		term unit.Term
		want []string
	}{
		{term(), []string{"type='signal'"}},
		{term("NameAcquired"), []string{"type='signal'"}},
		{term("SIGNAL=S", "OBJPATH=/a"), []string{"type='signal',member='S',path='/a'"}},
		{term("SIGNAL=S*", "INTERFACE!=a.b", "SENDER=$X", "ARG0=x"), []string{"type='signal'"}},
		// A bus would refuse a rule with these.
		{term("SIGNAL=a b", "INTERFACE=x", "OBJPATH=//", "SENDER=a'b"), []string{"type='signal'"}},
		{term("SIGNAL=S", "SENDER=:1.7"), []string{"type='signal',sender=':1.7',member='S'"}},
		{term("SIGNAL=NameLost", "ARG0=a.*"), []string{wideRule, "type='signal',member='NameLost'"}},
		{term("SIGNAL=NameLost", "INTERFACE="+driver, "ARG0=a.b"), []string{narrowRule("a.b")}},
	} {
		if got := termRules(&c.term, termRule(&c.term)); !slices.Equal(got, c.want) {
			t.Errorf("%v: got %q, want %q", c.term.Match, got, c.want)
		}
	}
}

// TestMayFit: what only the engine can decide is let through.
func TestMayFit(t *testing.T) {
	env := []string{"SIGNAL=S", "INTERFACE=a.b", "ARG0=v"}
	for _, c := range []struct {
		term unit.Term
		want bool
	}{
		{term("S", "SIGNAL=S", "ARG0=v"), true},
		{term("ARG0=w"), false},
		{term("ARG1=v"), false},
		{term("ARG0!=v"), true},
		{term("ARG0=w*"), true},
		{term("ARG0=$X"), true},
	} {
		if got := mayFit(&c.term, env); got != c.want {
			t.Errorf("%v: got %v, want %v", c.term.Match, got, c.want)
		}
	}
}

func TestFloodOfSignals(t *testing.T) {
	r := newRig(t, nil)
	r.boot()
	r.saw("up")
	r.bus.SetEvents([]unit.Term{term("INTERFACE=t.I")})
	r.settle()
	c, d := r.dial(), r.dial()
	for range 2 * burst {
		if err := c.Emit("/o", "t.I.Said"); err != nil {
			t.Fatal(err)
		}
	}
	r.await(func() error { return c.BusObject().Call("org.freedesktop.DBus.GetId", 0).Err })
	r.await(func() error { return d.Emit("/o", "t.I.Said", "by another") })
	last := "event SIGNAL=Said INTERFACE=t.I OBJPATH=/o SENDER=" + d.Names()[0] + " ARG0=by another"
	r.until(last, func() bool { return slices.Contains(r.seen, last) })
	events, trouble := 0, 0
	for _, s := range r.seen {
		if strings.HasPrefix(s, "trouble ") {
			trouble++
		} else {
			events++
		}
	}
	if events < burst || events > burst*3/2 || trouble != 1 {
		t.Errorf("%d events, trouble told %d times", events, trouble)
	}
}
