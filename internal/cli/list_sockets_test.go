// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"slices"
	"strings"
	"testing"
)

// TestSocketState is the word for each way in which a knock can find a service.
func TestSocketState(t *testing.T) {
	up, watched := "listening", &listen{Watched: true}
	for _, c := range []struct {
		want string
		s    sleeper
		l    *listen
	}{
		{"listening", sleeper{SocketSub: up, Active: "inactive", Sub: "dead", Freezer: "running"}, watched},
		{"listening", sleeper{SocketSub: up}, watched}, // its service is not loaded
		{"listening", sleeper{SocketSub: up, Active: "failed", Sub: "failed"}, watched},
		{"waiting", sleeper{SocketSub: up, Active: "inactive", Sub: "dead"}, &listen{}},
		{"waiting", sleeper{SocketSub: "running", Active: "activating", Sub: "auto-restart"}, &listen{}},
		{"starting", sleeper{SocketSub: "running", Active: "activating", Sub: "start-pre"}, &listen{}},
		{"running", sleeper{SocketSub: "running", Active: "active", Sub: "running", Freezer: "running"}, &listen{}},
		{"exited", sleeper{SocketSub: "running", Active: "active", Sub: "exited", Freezer: "running"}, &listen{}},
		{"frozen", sleeper{SocketSub: "running", Active: "active", Sub: "running", Freezer: "frozen"}, watched},
		{"stopping", sleeper{SocketSub: "running", Active: "deactivating", Sub: "stop-sigterm"}, &listen{}},
		{"listening", sleeper{SocketSub: up, Accept: true}, watched},
		{"running", sleeper{SocketSub: up, Accept: true, Connections: 2}, watched},
		{"waiting", sleeper{SocketSub: up, Accept: true}, &listen{}},
		{"failed", sleeper{SocketSub: "failed", Active: "inactive"}, &listen{}},
		{"start-chown", sleeper{SocketSub: "start-chown"}, &listen{}},
	} {
		if got := c.s.state(c.l); got != c.want {
			t.Errorf("%+v: %s, want %s", c.s, got, c.want)
		}
	}
}

func TestSortByPort(t *testing.T) {
	list := []string{"@x", "/run/a", "[::]:80", "127.0.0.1:8080", "0.0.0.0:80", "127.0.0.1:9", "audit 1"}
	slices.SortFunc(list, byPort)
	if got, want := strings.Join(list, ", "), "127.0.0.1:9, 0.0.0.0:80, [::]:80, 127.0.0.1:8080, /run/a, @x, audit 1"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
