// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"testing"
	"time"
	"unsafe"

	"github.com/rouse-init/rouse/internal/unit"
)

// TestRestartTable is the table of systemd.service(5), "Exit causes and the
// effect of the Restart= settings", with the causes that it does not list.
func TestRestartTable(t *testing.T) {
	policies := []unit.RestartPolicy{
		unit.RestartNo, unit.RestartAlways, unit.RestartOnSuccess, unit.RestartOnFailure,
		unit.RestartOnAbnormal, unit.RestartOnAbort, unit.RestartOnWatchdog,
	}
	for _, row := range []struct {
		result result
		want   string // one letter per policy
	}{
		{resSuccess, "-xx----"},        // clean exit code or signal
		{resExitCode, "-x-x---"},       // unclean exit code
		{resSignal, "-x-xxx-"},         // unclean signal
		{resCoreDump, "-x-xxx-"},       // likewise
		{resTimeout, "-x-xx--"},        // timeout
		{resWatchdog, "-x-xx-x"},       // watchdog
		{resCondition, "--" + "-----"}, // skipped: never
		{resProtocol, "-x-xx--"},
		{resResources, "-x-xx--"},
		{resOOM, "-x-xx--"},
	} {
		for i, p := range policies {
			if got, want := restartsOn(p, row.result), row.want[i] == 'x'; got != want {
				t.Errorf("restart policy %d after %s: %v, want %v", p, row.result, got, want)
			}
		}
	}
}

func TestOutcome(t *testing.T) {
	set := &unit.ExitSet{Codes: []uint8{3}, Signals: []uint8{9}}
	for _, c := range []struct {
		in     Exited
		daemon bool
		want   result
	}{
		{Exited{Code: codeExited}, true, resSuccess},
		{Exited{Code: codeExited, Status: 1}, true, resExitCode},
		{Exited{Code: codeExited, Status: 3}, false, resSuccess},
		{Exited{Code: codeKilled, Status: sigTERM}, true, resSuccess},
		{Exited{Code: codeKilled, Status: sigPIPE}, true, resSuccess},
		{Exited{Code: codeKilled, Status: sigTERM}, false, resSignal},
		{Exited{Code: codeKilled, Status: sigKILL}, false, resSuccess},
		{Exited{Code: codeKilled, Status: sigABRT}, true, resSignal},
		{Exited{Code: codeDumped, Status: sigKILL}, true, resCoreDump},
	} {
		if got := outcome(c.in, c.daemon, set); got != c.want {
			t.Errorf("outcome(%+v, %v) = %s, want %s", c.in, c.daemon, got, c.want)
		}
	}
}

func TestRestartDelay(t *testing.T) {
	d := &unit.Service{RestartSec: time.Second, RestartMaxDelay: 16 * time.Second, RestartSteps: 4}
	for i, want := range []time.Duration{1, 2, 4, 8, 16, 16} {
		if got := restartDelay(d, uint32(i+1)); got != want*time.Second {
			t.Errorf("restart %d after %s, want %ds", i+1, got, want)
		}
	}
	d.RestartMaxDelay = unit.Infinity
	if got := restartDelay(d, 9); got != time.Second {
		t.Errorf("without RestartMaxDelaySec= restart after %s", got)
	}
}

func TestSignalNames(t *testing.T) {
	for sig, want := range map[uint8]string{1: "HUP", 9: "KILL", 15: "TERM", 31: "SYS", 34: "RTMIN+0", 64: "RTMIN+30"} {
		if got := signalName(sig); got != want {
			t.Errorf("signal %d is called %s, want %s", sig, got, want)
		}
	}
}

// TestServiceIsSmall keeps the promise of 4 KiB for a running service within
// reach.
func TestServiceIsSmall(t *testing.T) {
	if n := unsafe.Sizeof(service{}); n > 300 {
		t.Errorf("a service at rest takes %d bytes", n)
	}
}

// expect feeds an input and wants orders of the given kinds among the effects,
// in this order. It returns all.
func expect(t *testing.T, e *Engine, now Time, in Input, kinds ...Effect) []Effect {
	t.Helper()
	out := append([]Effect(nil), e.Step(now, in)...)
	i := 0
	for _, f := range out {
		if r, ok := f.(Record); ok && r.Level == RecordBug {
			t.Fatalf("bug: %s", r.Msg)
		}
		if i < len(kinds) && sameKind(f, kinds[i]) {
			i++
		}
	}
	if i < len(kinds) {
		t.Fatalf("%T%+v led to %+v, want a %T", in, in, out, kinds[i])
	}
	return out
}

func sameKind(a, b Effect) bool {
	switch a.(type) {
	case Spawn:
		_, ok := b.(Spawn)
		return ok
	case CountConnections:
		_, ok := b.(CountConnections)
		return ok
	case ArmTimer:
		_, ok := b.(ArmTimer)
		return ok
	}
	return false
}

func find[T Effect](out []Effect) (found T) {
	for _, f := range out {
		if x, ok := f.(T); ok {
			found = x
		}
	}
	return found
}

// awake starts name.service by a knock on name.socket.
func awake(t *testing.T, e *Engine, now Time, name string, listen string, pid int32) {
	sock := parseUnit(t, name+".socket", []string{"X-IdleSec=1s"})
	sock.Socket.Listens = []unit.Listen{{Kind: unit.ListenStream, Address: listen}}
	e.Step(now, Loaded{Units: []*unit.Unit{sock, parseUnit(t, name+".service", nil)}})
	out := expect(t, e, now, Asked{Unit: name + ".socket"})
	expect(t, e, now, SocketOpened{find[OpenSocket](out).Token})
	out = expect(t, e, now, Readable{name + ".socket"}, Spawn{})
	expect(t, e, now, Spawned{find[Spawn](out).Token, pid})
}

// TestOneLookForAll: services that are due at about the same time share one
// timer and one dump.
func TestOneLookForAll(t *testing.T) {
	e := New(Config{MinIdleLook: 5e6})
	for i, name := range []string{"a", "b", "c"} {
		awake(t, e, Time(i)*1e6, name, "80", int32(10+i))
	}
	arm := ArmTimer{}
	// The first one's timer serves all: 500 ms after it came to run.
	x := e.idleOf(e.keeper)
	arm.Token, arm.Timer = Token{"a.service", x.Timer.Gen}, TimerIdle
	out := expect(t, e, x.Timer.At, TimerFired{arm.Token, TimerIdle}, CountConnections{})
	if n := len(find[CountConnections](out).Sockets); n != 3 {
		t.Fatalf("%d sockets are looked at in one go, want 3: %+v", n, out)
	}
	// Its owner dies before the answer; the others get theirs all the same.
	tok := find[CountConnections](out).Token
	expect(t, e, x.Timer.At, Exited{Pid: 10, Code: codeExited})
	now := Time(600e6)
	expect(t, e, now, Connections{tok, []Count{{Socket: "a.socket"}, {Socket: "b.socket", Open: 1}, {Socket: "c.socket"}}})
	for _, name := range []string{"b", "c"} {
		if e.node(name+".service").service.Idle.Next <= now {
			t.Errorf("%s.service is not looked at again", name)
		}
	}
	if e.node("a.service").service.Idle.Next != 0 {
		t.Error("a.service is dead and still looked at")
	}
}

// TestDestroyEvents: where the kernel tells of the end of connections, nobody
// looks while one is open, except at unix sockets, of which it does not tell.
func TestDestroyEvents(t *testing.T) {
	for _, c := range []struct {
		listen string
		polled bool
	}{{"80", false}, {"127.0.0.1:80", false}, {"/run/x", true}, {"@x", true}} {
		e := New(Config{MinIdleLook: 5e6, DestroyEvents: true})
		awake(t, e, 0, "a", c.listen, 10)
		x := e.node("a.service").service.Idle
		out := expect(t, e, x.Next, TimerFired{Token{"a.service", x.Timer.Gen}, TimerIdle}, CountConnections{})
		expect(t, e, e.now, Connections{find[CountConnections](out).Token, []Count{{Socket: "a.socket", Open: 1, CPU: -1}}})
		if polled := x.Next != 0; polled != c.polled {
			t.Errorf("%s: looked at again: %v, want %v", c.listen, polled, c.polled)
		}
		if c.polled {
			continue
		}
		closed := e.now + 5e9
		expect(t, e, closed, ConnectionClosed{"a.socket"}, ArmTimer{})
		expect(t, e, closed+5e8, ConnectionClosed{"a.socket"})
		// The second end moves the time, not the timer.
		expect(t, e, closed+1e9, TimerFired{Token{"a.service", x.Timer.Gen}, TimerIdle}, ArmTimer{})
		out = expect(t, e, closed+15e8, TimerFired{Token{"a.service", x.Timer.Gen}, TimerIdle}, CountConnections{})
		expect(t, e, e.now, Connections{find[CountConnections](out).Token, []Count{{Socket: "a.socket", CPU: -1}}})
		if x.Phase != idleFreezing {
			t.Errorf("%s: not asleep a second after the last connection", c.listen)
		}
	}
}

// TestManySleepsHitNoLimit: 300 sleeps in a minute are no crash loop.
func TestManySleepsHitNoLimit(t *testing.T) {
	e := New(Config{MinIdleLook: 5e6})
	awake(t, e, 0, "a", "80", 10)
	n := e.node("a.service")
	now := Time(0)
	for i := range int32(300) {
		for n.service.Idle.Phase != idleFreezing {
			x := n.service.Idle
			now = x.Timer.At
			out := expect(t, e, now, TimerFired{Token{"a.service", x.Timer.Gen}, TimerIdle}, CountConnections{})
			expect(t, e, now, Connections{find[CountConnections](out).Token, []Count{{Socket: "a.socket", CPU: -1}}})
		}
		now += 1e6
		out := expect(t, e, now, Frozen{Token: Token{"a.service", n.service.Idle.Gen}}, CountConnections{})
		out = expect(t, e, now, Connections{find[CountConnections](out).Token, []Count{{Socket: "a.socket", CPU: -1}}}, CountConnections{})
		out = expect(t, e, now, Connections{find[CountConnections](out).Token, []Count{{Socket: "a.socket", CPU: -1}}})
		expect(t, e, now, Thawed{find[Thaw](out).Token})
		expect(t, e, now, Exited{Pid: 10 + i, Code: codeKilled, Status: sigTERM})
		expect(t, e, now, CgroupEmptied{Token{"a.service", n.service.Watch}})
		out = expect(t, e, now, Readable{"a.socket"}, Spawn{})
		expect(t, e, now, Spawned{find[Spawn](out).Token, 11 + i})
	}
	if v := n.view; v.Sleeps != 300 || v.Wakes != 301 || v.Active != Active || v.NRestarts != 0 {
		t.Errorf("after 300 sleeps: %+v", v)
	}
}
