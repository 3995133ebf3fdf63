// SPDX-License-Identifier: Apache-2.0

package test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// TestReloadKeepsTheCgroup: a service that sleeps is woken where it is, though
// its file says another slice, or is gone. The next run is where the file says.
func TestReloadKeepsTheCgroup(t *testing.T) {
	port := freePort(t)
	service := "[Service]\nExecStart=" + self(t, "count") + "\n"
	p := up(t, map[string]string{
		"sl.socket":  fmt.Sprintf("[Socket]\nListenStream=127.0.0.1:%d\nX-IdleSec=50ms\nX-IdleAction=freeze\n", port),
		"sl.service": service,
	})
	if n := counted(t, port); n != 1 {
		t.Fatalf("the first answer is %d", n)
	}
	p.await("sl.service", "FreezerState", "frozen")
	group := p.property("sl.service", "ControlGroup")
	p.rewrite("sl.service", service+"Slice=foo.slice\n")
	if n := counted(t, port); n != 2 {
		t.Errorf("in another slice: the second answer is %d", n)
	}
	if g := p.property("sl.service", "ControlGroup"); g != group {
		t.Errorf("it was in %s and is in %s", group, g)
	}
	p.await("sl.service", "FreezerState", "frozen")
	if err := os.Remove(filepath.Join(p.dir(), "sl.service")); err != nil {
		t.Fatal(err)
	}
	p.rewrite("other.service", service)
	if n := counted(t, port); n != 3 {
		t.Errorf("without its file: the third answer is %d", n)
	}
	p.await("sl.service", "FreezerState", "frozen")
	p.killManager()
	p.rewrite("sl.service", service+"Slice=foo.slice\n")
	if code, out := p.ctl("restart", "sl.service"); code != 0 {
		t.Fatalf("restart: status %d: %s", code, out)
	}
	if n := counted(t, port); n != 1 {
		t.Errorf("after a restart the answer is %d", n)
	}
	if g := p.property("sl.service", "ControlGroup"); group != "" && filepath.Base(filepath.Dir(g)) != "foo.slice" {
		t.Errorf("the new run is in %s", g)
	}
}

// TestReloadOfIdleKeys: a service that runs, or sleeps, goes by the keys that its
// files have after a daemon-reload, in either of them.
func TestReloadOfIdleKeys(t *testing.T) {
	port := freePort(t)
	socket := fmt.Sprintf("[Socket]\nListenStream=127.0.0.1:%d\n", port)
	service := "[Service]\nExecStart=" + self(t, "count") + "\n"
	p := up(t, map[string]string{"a.socket": socket, "a.service": service})
	if n := counted(t, port); n != 1 {
		t.Fatalf("the first answer is %d", n)
	}
	p.rewrite("a.socket", socket+"X-IdleSec=50ms\nX-IdleAction=freeze\n")
	p.await("a.service", "FreezerState", "frozen")
	p.rewrite("a.service", service+"X-IdleReclaimSec=1ms\n")
	p.reclaims("a.service")
	p.rewrite("a.socket", socket)
	p.await("a.service", "FreezerState", "running")
	if n := counted(t, port); n != 2 {
		t.Errorf("the second answer is %d", n)
	}
	p.rewrite("a.service", service+"X-IdleSec=50ms\n")
	p.await("a.service", "SleepTier", "stopped")
	if n := counted(t, port); n != 1 {
		t.Errorf("it was stopped, but its answer is %d", n)
	}
}
