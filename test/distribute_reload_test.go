// SPDX-License-Identifier: Apache-2.0

package test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
)

// TestDistributeMistake: a number that is none, or 0, changes nothing, and the
// next one is taken.
func TestDistributeMistake(t *testing.T) {
	d := distribute(t, 4, "stream")
	for _, line := range []string{"Distribute=4k", "Distribute=0"} {
		d.resize(t, 0, line)
		for i := range 4 {
			if got := d.property(fmt.Sprintf("web@%d.socket", i), "LoadState"); got != "loaded" {
				t.Fatalf("after %s web@%d.socket is %s", line, i, got)
			}
		}
		d.resize(t, 3)
		d.await("web@3.socket", "LoadState", "not-found")
		d.resize(t, 2)
		d.await("web@2.socket", "LoadState", "not-found")
		if code, out := d.ctl("list-sockets", "--no-legend"); code != 0 || strings.Count(out, "\n") != 2 {
			t.Fatalf("after %s, 3 and 2: %d: %s", line, code, out)
		}
		d.resize(t, 4)
		d.await("web@3.socket", "ActiveState", "active")
		if who, err := d.ask("still there"); err != nil {
			t.Fatalf("%q, %v", who, err)
		}
	}
}

// TestDistributeMoves: another port and another number at once split nothing:
// both are taken by a restart.
func TestDistributeMoves(t *testing.T) {
	d := distribute(t, 2, "stream")
	old := d.port
	d.port = freePort(t)
	d.resize(t, 4)
	d.awaitLine("cannot change its addresses while it listens, going on at 127.0.0.1:" + strconv.Itoa(old))
	if out := d.property("web@2.socket", "ActiveState"); out != "inactive" {
		t.Errorf("web@2.socket is %s", out)
	}
	if code, out := d.ctl("start", "web@2.socket"); code == 0 {
		t.Errorf("web@2.socket is started: %s", out)
	}
	if who, err := d.ask("new port"); err == nil {
		t.Errorf("%s answers at the new port", who)
	}
	if code, out := d.ctl("restart", "web.socket"); code != 0 {
		t.Fatalf("restart: %s", out)
	}
	d.await("web@3.socket", "ActiveState", "active")
	if _, err := d.ask("new port"); err != nil {
		t.Error(err)
	}
	d.port = old
	if who, err := d.ask("old port"); err == nil {
		t.Errorf("%s answers at the old port", who)
	}
}
