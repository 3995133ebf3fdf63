// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bufio"
	"bytes"
	"flag"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/rouse-init/rouse/internal/bus/client"
	"github.com/rouse-init/rouse/internal/engine"
)

var update = flag.Bool("update", false, "write the golden files again")

// whyNow is a moment at which the machine has been up for an hour.
var whyNow = clocks{boot: engine.Time(time.Hour), wall: time.Date(2026, 11, 21, 14, 30, 0, 0, time.UTC)}

// before is a moment so long before whyNow.
func before(d time.Duration) engine.Time { return whyNow.boot - engine.Time(d) }

func event(text string) *engine.ExprState { return &engine.ExprState{Op: "event", Text: text} }

func happened(text string, ago time.Duration, by string) *engine.ExprState {
	return &engine.ExprState{Op: "event", Text: text, True: true, At: before(ago), By: by}
}

func node(op string, sub ...*engine.ExprState) *engine.ExprState {
	x := &engine.ExprState{Op: op, Sub: sub, True: op == "and"}
	for _, s := range sub {
		if op == "and" {
			x.True = x.True && s.True
		} else {
			x.True = x.True || s.True
		}
	}
	return x
}

func at(pos string, x *engine.ExprState) *engine.ExprState {
	x.Pos = pos
	return x
}

// explanations are what the golden file shows.
var explanations = []struct {
	name string
	x    engine.Explanation
	job  bool
}{
	{"systemd unit that a socket woke", engine.Explanation{
		Unit: "web.service", Active: "active", Sub: "running", Goal: "up", Since: before(125 * time.Second),
		Causes: []engine.Cause{
			{At: before(126 * time.Second), What: "a connection to 127.0.0.1:8080", Unit: "web.socket"},
			{At: before(50 * time.Minute), What: "web.socket: needed by sockets.target"},
			{At: before(50 * time.Minute), What: "start at boot", Unit: "default.target"},
		},
		Needs: []engine.Need{{Unit: "basic.target", Why: "Requires=", Active: "active"}, {Unit: "db.service", Why: "After=", Active: "activating"}},
	}, false},
	{"unit that sleeps", engine.Explanation{
		Unit: "img.service", Active: "active", Sub: "running", Goal: "up", Since: before(50 * time.Minute),
		Causes: []engine.Cause{{At: before(50 * time.Minute), What: "img.socket was knocked on"}},
		Sleep: &engine.Sleep{
			Tier: "frozen", Since: before(125 * time.Second), Why: "silent for 1s (X-IdleSec=)", WokenBy: []string{"img.socket", "data on 2 connections"},
			Note: "its memory cannot be paged out: no",
		},
	}, false},
	{"unit that is kept awake", engine.Explanation{
		Unit: "img.service", Active: "active", Sub: "running", Goal: "up", Since: before(50 * time.Minute),
		Causes: []engine.Cause{{At: before(50 * time.Minute), What: "img.socket was knocked on"}},
		Sleep:  &engine.Sleep{Tier: "awake", Why: "it sleeps when no service that is awake needs it", AwakeBy: []string{"X_ROUSE_BUSY=1, which it has said"}},
	}, false},
	{"job that waits for half of its condition", engine.Explanation{
		Unit: "mountd.service", Active: "inactive", Sub: "waiting", Goal: "down",
		StartOn: at("/etc/init/mountd.conf:3:10", node("and",
			node("and", happened("started portmap", 40*time.Minute, "started JOB=portmap INSTANCE="), event("net-device-up IFACE!=lo")),
			node("or", event("filesystem"), event("remote-filesystems")))),
		StopOn: at("/etc/init/mountd.conf:4:9", event("stopping portmap")),
	}, false},
	{"job that runs, asked for by a person", engine.Explanation{
		Unit: "getty@tty1.service", Active: "active", Sub: "running", Goal: "up", Since: before(26 * time.Hour),
		Causes:  []engine.Cause{{At: before(26 * time.Hour), What: "start asked for by uid 0, pid 77"}},
		StartOn: event("stopped rc RUNLEVEL=[2345]"),
		StopOn:  event("runlevel [!2345]"),
		Notes:   []string{"the file has changed since: /etc/init/getty.conf"},
	}, false},
	{"job in a wrong expect", engine.Explanation{
		Unit: "dragon.service", Active: "activating", Sub: "spawned", Goal: "up", Since: before(3 * time.Second),
		Causes: []engine.Cause{{At: before(3 * time.Second), What: "event runlevel RUNLEVEL=2 PREVLEVEL=N"}, {At: before(4 * time.Second), What: "telinit 2, by uid 0"}},
		Waits:  []string{"the second of 2 forks, for 7s more"},
		Notes:  []string{"expected 2 forks, saw 1"},
	}, false},
	{"failed, and meant to run", engine.Explanation{
		Unit: "crash.service", Active: "failed", Sub: "failed", Goal: "up", Since: before(200 * time.Millisecond),
		Waits:   []string{"the pause before the next respawn, 1.8s"},
		Failure: "/etc/init/crash.conf:7:1: crash: main process was killed by SIGSEGV\n    fix: see its log",
		Notes:   []string{"respawned 57 times, 3 s apart"},
	}, false},
	{"job whose program is not there", engine.Explanation{
		Unit: "broken.service", Active: "failed", Sub: "failed", Goal: "down", Since: before(time.Second),
		Causes:  []engine.Cause{{At: before(time.Second), What: "/etc/init/broken.conf:2:1: the main process exited with status 203"}, {At: before(2 * time.Second), What: "start asked for by uid 0"}},
		Failure: "/etc/init/broken.conf:2:1: broken.service: cannot start: exec \"/none\": no such file or directory\n    fix: give the path of a program that exists, or install it",
		Needs:   []engine.Need{{Unit: "db.service", Why: "Requires=", Active: "active"}, {Unit: "system.slice", Why: "Requires=", Active: "active"}},
		Notes:   []string{"manual: no event starts it, it is started by its name only"},
	}, true},
	{"job that has failed and runs again", engine.Explanation{
		Unit: "again.service", Active: "active", Sub: "running", Goal: "up", Since: before(time.Second),
		Causes:  []engine.Cause{{At: before(time.Second), What: "start asked for by uid 0"}},
		Failure: "/etc/init/again.conf:2:1: the main process exited with status 1",
	}, true},
	{"job with an error in its file", engine.Explanation{
		Unit: "bad.service", Active: "inactive", Sub: "dead", Goal: "down",
		Notes: []string{"not loaded: /etc/init/bad.conf:1:1: bad.service: cannot read \"strt\": there is no such stanza\n    fix: did you mean start?"},
	}, true},
	{"hostile text", engine.Explanation{
		Unit: "odd.service", Active: "inactive", Sub: "dead", Goal: "down", Since: before(time.Minute),
		Causes: []engine.Cause{{At: before(time.Minute), What: "event x A=\x1b[31mred\nline"}},
	}, false},
	{"unit that never ran", engine.Explanation{Unit: "idle.service", Active: "inactive", Sub: "dead", Goal: "down"}, false},
	{"stopping", engine.Explanation{
		Unit: "db.service", Active: "deactivating", Sub: "pre-stop", Goal: "down", Since: before(0),
		Waits: []string{"its pre-stop process 4711"},
	}, false},
}

func TestExplanation(t *testing.T) {
	const path = "testdata/why.txtar"
	var got []txtar.File
	for i := range explanations {
		var b bytes.Buffer
		a := &app{out: bufio.NewWriter(&b)}
		a.explanation(&explanations[i].x, whyNow, explanations[i].job)
		if err := a.out.Flush(); err != nil {
			t.Fatal(err)
		}
		got = append(got, txtar.File{Name: explanations[i].name, Data: b.Bytes()})
	}
	golden := txtar.Format(&txtar.Archive{Comment: []byte("What rouse why prints; made by go test -update.\n"), Files: got})
	if *update {
		if err := os.WriteFile(path, golden, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), string(golden)); d != "" {
		t.Errorf("%s differs; if it is meant so, run the test with -update:\n%s", path, d)
	}
}

func TestMissing(t *testing.T) {
	yes, a, b, c := happened("y", 0, ""), event("a"), event("b"), event("c")
	for want, x := range map[string]*engine.ExprState{
		"a":              node("and", yes, a),
		"a and b":        node("and", a, b),
		"a or b or c":    node("or", node("or", a, b), c),
		"(a or b) and c": node("and", node("or", a, b), c),
		"a and b or c":   node("or", node("and", a, b), c),
		"":               node("or", a, yes),
	} {
		if got := missing(x, false); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestEventLine(t *testing.T) {
	a := &app{}
	e := &client.Event{Name: "started", Env: []string{"JOB=web", "INSTANCE="}, Cause: "web is ready", Time: uint64(time.Date(2026, 11, 21, 14, 30, 0, 5e6, time.Local).UnixMicro())}
	if got, want := a.eventLine(e), "14:30:00.005 started JOB=web INSTANCE=   <- web is ready"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	e.Cause, e.Env = "", []string{"A=\n"}
	if got := a.eventLine(e); strings.Contains(got, "\n") {
		t.Errorf("%q", got)
	}
}
