// SPDX-License-Identifier: Apache-2.0

package attach

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/rouse-init/rouse/internal/bus/bustest"
	"github.com/rouse-init/rouse/internal/bus/systemd1"
	"github.com/rouse-init/rouse/internal/engine"
)

// newManager puts a pretended manager on the bus, with systemd1 before it.
func newManager(t *testing.T) *rig {
	t.Helper()
	r := newRig(t, nil)
	fake := bustest.New()
	svc, err := systemd1.New(systemd1.Config{
		Loop: r.loop, Listener: listen(t, filepath.Join(r.dir, "systemd")), UID: uint32(os.Getuid()), Backend: fake,
		Now: func() engine.Time { return engine.Time(now()) }, Wall: time.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(svc.Close)
	fake.Service, r.flush = svc, svc.Flush
	r.bus.cfg.Server = svc.Server()
	svc.Server().Attach(r.bus)
	r.boot()
	r.saw("up")
	return r
}

// TestSystemctlThroughTheBus: it speaks to the session bus where it finds no
// socket of a manager.
func TestSystemctlThroughTheBus(t *testing.T) {
	if _, err := exec.LookPath("systemctl"); err != nil {
		t.Skip("needs systemctl, which is not installed")
	}
	r := newManager(t)
	systemctl := func(args ...string) string {
		cmd := exec.Command("systemctl", append([]string{"--user", "--no-pager"}, args...)...)
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "DBUS_SESSION_BUS_ADDRESS=unix:path=" + r.socket()}
		var out []byte
		if err := r.try(func() (err error) { out, err = cmd.CombinedOutput(); return err }); err != nil {
			t.Errorf("systemctl %q: %v, %s", args, err, out)
		}
		return string(out)
	}
	if out := systemctl("show", "-p", "Id", "-p", "LoadState", "web.service"); out != "Id=web.service\nLoadState=loaded\n" {
		t.Errorf("systemctl show says %q", out)
	}
	// It waits for the end of the job.
	if out := systemctl("restart", "web.service"); out != "" {
		t.Errorf("systemctl restart says %q", out)
	}
}

// TestJobRemovedForWhoMadeTheJob: without Subscribe, as in systemd.
func TestJobRemovedForWhoMadeTheJob(t *testing.T) {
	r := newManager(t)
	c := r.dial()
	signals := make(chan *dbus.Signal, 10)
	c.Signal(signals)
	r.await(func() error { return c.AddMatchSignal(dbus.WithMatchMember("JobRemoved")) })
	var job dbus.ObjectPath
	r.await(func() error {
		return c.Object(manager, systemdPath).Call(systemdManager+".StartUnit", 0, "web.service", "replace").Store(&job)
	})
	r.await(func() error {
		for s := range signals {
			if s.Name == systemdManager+".JobRemoved" && s.Body[1] == job {
				return nil
			}
		}
		return errors.New("the connection ended")
	})
}
