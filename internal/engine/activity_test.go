// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"testing"

	"github.com/rouse-init/rouse/internal/unit"
)

// TestActivity: what counts as heard of a service and of its socket.
func TestActivity(t *testing.T) {
	e := New(Config{MinIdleLook: 5e6})
	awake(t, e, 1e9, "a", "80", 10)
	service, socket := e.node("a.service"), e.node("a.socket")
	want := func(what string, n *node, at Time) {
		t.Helper()
		if n.view.Activity != at {
			t.Errorf("%s: %v, want %v", what, n.view.Activity, at)
		}
	}
	want("a knock", socket, 1e9)
	look := func(at Time, c Count) {
		t.Helper()
		x := service.service.Idle
		out := expect(t, e, at, TimerFired{Token{"a.service", x.Timer.Gen}, TimerIdle}, CountConnections{})
		c.Socket, c.CPU = "a.socket", -1
		expect(t, e, at, Connections{find[CountConnections](out).Token, []Count{c}})
	}
	look(3e9, Count{Open: 1})
	want("an open connection, of which no silence is counted", service, 0)
	look(5e9, Count{Open: 2, Queued: 1})
	want("a connection that waits", service, 5e9)
	service.service.Idle.Action = unit.IdleFreeze
	look(9e9, Count{Open: 1, Silence: 1e8})
	want("a byte since", service, 9e9-1e8)
	look(10e9, Count{Open: 1, Silence: 3e9})
	want("a byte before the last look", service, 9e9-1e8)
	expect(t, e, 11e9, ConnectionClosed{"a.socket"})
	want("the end of a connection", socket, 11e9)
}
