// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bufio"
	"bytes"
	"encoding/json"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/rouse-init/rouse/internal/bus/bustest"
	"github.com/rouse-init/rouse/internal/engine"
)

// streamed is what `rouse events` prints of what happens once it follows.
func streamed(t *testing.T, asJSON bool, lines int, happen func(*bustest.Fake)) string {
	t.Helper()
	fake := bustest.New()
	s, stop, err := bustest.Start(fake, filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	var b bytes.Buffer
	a := &app{out: bufio.NewWriter(&b), err: &b}
	a.opt.socket, a.opt.asJSON, a.opt.lines = s.Path, asJSON, lines
	done := make(chan error, 1)
	go func() { done <- a.events() }()
	for following := false; !following; {
		select {
		case err := <-done:
			t.Fatalf("ended before anything happened: %v", err)
		default:
		}
		s.Do(func() {
			for _, c := range fake.Calls {
				following = following || c == "follow events true"
			}
			if following {
				happen(fake)
			}
		})
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	a.conn.Close()
	return b.String()
}

func someEvents(f *bustest.Fake) {
	f.Service.EventEmitted(engine.Emitted{ID: 7, Name: "net-up", Env: []string{"IFACE=eth0"}, Cause: "emitted by uid 0"})
	f.Service.EventCompleted(engine.Completed{ID: 7, Failed: true})
	f.Service.EventEmitted(engine.Emitted{ID: 8, Name: "started", Env: []string{"JOB=web", "INSTANCE="}})
}

func TestEventsText(t *testing.T) {
	got := streamed(t, false, 2, someEvents)
	want := regexp.MustCompile(`^\d\d:\d\d:\d\d\.\d{3} net-up IFACE=eth0   <- emitted by uid 0
\d\d:\d\d:\d\d\.\d{3} net-up has failed
\d\d:\d\d:\d\d\.\d{3} started JOB=web INSTANCE=
$`)
	if !want.MatchString(got) {
		t.Errorf("got:\n%s", got)
	}
}

func TestEventsJSON(t *testing.T) {
	d := json.NewDecoder(bytes.NewBufferString(streamed(t, true, 2, someEvents)))
	type line struct {
		ID                uint64
		Name              string
		Completed, Failed bool
	}
	for _, want := range []line{{ID: 7, Name: "net-up"}, {ID: 7, Completed: true, Failed: true}, {ID: 8, Name: "started"}} {
		var got line
		if err := d.Decode(&got); err != nil || got != want {
			t.Errorf("%+v %v, want %+v", got, err, want)
		}
	}
}
