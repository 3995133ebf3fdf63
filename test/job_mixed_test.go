// SPDX-License-Identifier: Apache-2.0

package test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// loggedService is a unit that logs its beginning and its end.
func loggedService(name, head string) string {
	return fmt.Sprintf("[Unit]\n%s\n[Service]\nExecStart=/bin/sleep 1000\nExecStartPre=/bin/sh -c 'echo %s up >> @D/log'\nExecStopPost=/bin/sh -c 'echo %s down >> @D/log'\n", head, name, name)
}

// loggedJob is a job that does the same.
func loggedJob(name, head string) string {
	return fmt.Sprintf("%s\npre-start exec echo %s up >> @D/log\nexec sleep 1000\npost-stop exec echo %s down >> @D/log\n", head, name, name)
}

// mixtures are jobs and units that depend on each other: what is started and
// what follows it, what is stopped and what goes with it.
var mixtures = []struct {
	name            string
	files           map[string]string
	start, stop     string
	up, down        []string
	alsoUp, stopped string
}{
	{
		name: "job follows a unit",
		files: map[string]string{
			"nginx.service": loggedService("nginx", ""),
			"stats.conf":    loggedJob("stats", "start on started nginx\nstop on stopping nginx"),
		},
		start: "nginx", up: []string{"nginx up", "stats up"}, alsoUp: "stats",
		stop: "nginx", down: []string{"stats down", "nginx down"}, stopped: "stats",
	},
	{
		name: "unit requires a job",
		files: map[string]string{
			"db.conf":     loggedJob("db", ""),
			"web.service": loggedService("web", "Requires=db.service\nAfter=db.service"),
		},
		start: "web", up: []string{"db up", "web up"}, alsoUp: "db",
		stop: "db", down: []string{"web down", "db down"}, stopped: "web",
	},
	{
		name: "unit is wanted by a job",
		files: map[string]string{
			"db.conf":      loggedJob("db", ""),
			"side.service": loggedService("side", "After=db.service\nPartOf=db.service") + "[Install]\nWantedBy=db.service\n",
			// As `enable` leaves it.
			"db.service.wants/side.service": "link:../side.service",
		},
		start: "db", up: []string{"db up", "side up"}, alsoUp: "side",
		stop: "db", down: []string{"side down", "db down"}, stopped: "side",
	},
	{
		name: "job helps a unit",
		files: map[string]string{
			"nfs.service":  loggedService("nfs", ""),
			"portmap.conf": loggedJob("portmap", "start on starting nfs\nstop on stopped nfs"),
		},
		start: "nfs", up: []string{"portmap up", "nfs up"}, alsoUp: "portmap",
		stop: "nfs", down: []string{"nfs down", "portmap down"}, stopped: "portmap",
	},
	{
		name: "unit helps a job",
		files: map[string]string{
			"app.conf":      loggedJob("app", "needs cache"),
			"cache.service": loggedService("cache", ""),
		},
		start: "app", up: []string{"cache up", "app up"}, alsoUp: "cache",
		stop: "cache", down: []string{"app down", "cache down"}, stopped: "app",
	},
	{
		name: "both name each other",
		files: map[string]string{
			"a.conf":    loggedJob("a", "start on started b\nstop on stopping b"),
			"b.service": loggedService("b", "Before=a.service"),
		},
		start: "b", up: []string{"b up", "a up"}, alsoUp: "a",
		stop: "b", down: []string{"a down", "b down"}, stopped: "a",
	},
}

// TestMixed: jobs and systemd units depend on each other, in both directions.
func TestMixed(t *testing.T) {
	t.Parallel()
	for _, c := range mixtures {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p, dir := jobs(t, c.files, "--unit", c.start)
			log := filepath.Join(dir, "log")
			p.awaitState(c.start+" start/running, process N", c.start)
			p.awaitState(c.alsoUp+" start/running, process N", c.alsoUp)
			awaitText(t, log, c.up...)
			p.ok("stop", c.stop)
			awaitText(t, log, append(c.up, c.down...)...)
			p.awaitState(c.stopped+" stop/waiting", c.stopped)
			// And once more, by the other client.
			if code, out := p.ctl("start", c.start); code != 0 {
				t.Fatalf("start: %s", out)
			}
			p.await(c.alsoUp+".service", "ActiveState", "active")
			awaitText(t, log, append(append(c.up, c.down...), c.up...)...)
			if code, out := p.ctl("stop", c.stop); code != 0 {
				t.Fatalf("stop: %s", out)
			}
			p.await(c.stopped+".service", "ActiveState", "inactive")
		})
	}
}

// TestMixedBoot: in one directory, what startup starts and what default.target
// wants, with an order between them both ways.
func TestMixedBoot(t *testing.T) {
	t.Parallel()
	p, dir := jobs(t, map[string]string{
		"first.conf":     loggedJob("first", "start on startup"),
		"second.service": loggedService("second", "After=first.service\nRequires=first.service") + "[Install]\nWantedBy=default.target\n",
		"third.conf":     loggedJob("third", "start on started second"),
		"fourth.service": loggedService("fourth", "After=third.service\nBindsTo=third.service"),
		"all.conf":       "start on started third and started second\nexec sleep 1000\n",
		"last.conf":      "start on started fourth\ntask\nexec echo last JOB=$JOB >> @D/log\n",
	})
	p.awaitState("all start/running, process N", "all")
	p.ok("start", "fourth")
	awaitText(t, filepath.Join(dir, "log"), "first up", "second up", "third up", "fourth up", "last JOB=fourth")
	if out := p.ok("list"); !strings.Contains(out, "third start/running") || !strings.Contains(out, "second start/running") {
		t.Errorf("list:\n%s", out)
	}
	_, out := p.ctl("why", "third")
	for _, want := range []string{"started JOB=second", "second"} {
		if !strings.Contains(out, want) {
			t.Errorf("why third does not say %q:\n%s", want, out)
		}
	}
	p.ok("stop", "third")
	p.await("fourth.service", "ActiveState", "inactive")
}
