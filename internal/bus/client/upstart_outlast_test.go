// SPDX-License-Identifier: Apache-2.0

package client_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/rouse-init/rouse/internal/bus/bustest"
	"github.com/rouse-init/rouse/internal/bus/client"
	"github.com/rouse-init/rouse/internal/engine"
)

// Commands that wait outlive the manager that they asked: they end when its
// successor has done what they wait for, and as it ends.
func TestUpstartOutlastsManager(t *testing.T) {
	for _, c := range []struct {
		name string
		// before prepares what is waited for with the first manager.
		before func(u *client.Upstart) error
		wait   func(u *client.Upstart) error
		waits  func(f *bustest.Fake) bool
		// settle is what the second manager does, when the client is back.
		settle func(f *bustest.Fake)
		want   string // name of the error
	}{
		{"start", nil, startHang, hangs, func(f *bustest.Fake) { f.Upstart.Settle("hang.service", false) }, ""},
		{"start that fails", nil, startHang, hangs, func(f *bustest.Fake) { f.Upstart.Settle("hang.service", true) }, "JobFailed"},
		{
			"stop", func(u *client.Upstart) error { _, err := u.Job("hang").Start(nil, false); return err }, func(u *client.Upstart) error { return u.Job("hang").Stop(nil, true) }, hangs,
			func(f *bustest.Fake) { f.Upstart.Settle("hang.service", false) }, "",
		},
		{"event", nil, emitHang, hangs, func(f *bustest.Fake) { f.Service.EventCompleted(engine.Completed{ID: 1}) }, ""},
		{"event that fails", nil, emitHang, hangs, func(f *bustest.Fake) { f.Service.EventCompleted(engine.Completed{ID: 1, Failed: true}) }, "EventFailed"},
	} {
		t.Run(c.name, func(t *testing.T) { outlast(t, c.before, c.wait, c.waits, c.settle, c.want) })
	}
}

func startHang(u *client.Upstart) error { _, err := u.Job("hang").Start(nil, true); return err }
func emitHang(u *client.Upstart) error  { return u.EmitEvent("hang", []string{"A=b"}, true) }
func hangs(f *bustest.Fake) bool        { return len(f.Upstart.Waiting) == 1 }

func outlast(t *testing.T, before, wait func(*client.Upstart) error, waits func(*bustest.Fake) bool, settle func(*bustest.Fake), want string) {
	dir, err := os.MkdirTemp("", "rouse-bus") //nolint:usetesting // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "private")
	first, second := bustest.New(), bustest.New()
	s, stop, err := bustest.Start(first, path)
	if err != nil {
		t.Fatal(err)
	}
	u := dial(t, path).Upstart()
	if before != nil {
		if err := before(u); err != nil {
			t.Fatal(err)
		}
	}
	done := make(chan error, 1)
	go func() { done <- wait(u) }()
	s.Until(t, "command waits", func() bool { return waits(first) })
	stop()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	second.Restore(first)
	if s, stop, err = bustest.Start(second, path); err != nil {
		t.Fatal(err)
	}
	defer stop()
	// It is back when it has asked what it asks last.
	s.Until(t, "client is back", func() bool {
		return second.Service.Clients() > 0 && (slices.Contains(second.Calls, "follow events true") || watched(second))
	})
	s.Do(func() { settle(second) })
	select {
	case err := <-done:
		if (want == "") != (err == nil) || want != "" && !client.IsUpstartError(err, want) {
			t.Errorf("ended with %v, want %q", err, want)
		}
	case <-time.After(5 * time.Second):
		t.Error("has not ended")
	}
}

// watched tells whether the client listens to the signals of the job.
func watched(f *bustest.Fake) bool {
	return f.Service.Server().Wanted("/com/ubuntu/Upstart/jobs/hang/_", "com.ubuntu.Upstart0_6.Instance", "StateChanged")
}

// An event that the new manager does not know may have completed or not.
func TestLostEvent(t *testing.T) {
	first := bustest.New()
	dir, err := os.MkdirTemp("", "rouse-bus") //nolint:usetesting // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "private")
	s, stop, err := bustest.Start(first, path)
	if err != nil {
		t.Fatal(err)
	}
	u := dial(t, path).Upstart()
	done := make(chan error, 1)
	go func() { done <- emitHang(u) }()
	s.Until(t, "command waits", func() bool { return hangs(first) })
	stop()
	_ = os.Remove(path)
	if _, stop, err = bustest.Start(bustest.New(), path); err != nil {
		t.Fatal(err)
	}
	defer stop()
	if got := fmt.Sprint(<-done); got != "the manager was replaced while it handled the event; whether the event has completed is not known" {
		t.Errorf("ended with %s", got)
	}
}
