// SPDX-License-Identifier: Apache-2.0

package test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A user's init is on the session bus: its jobs are started by messages, and
// initctl finds it there.
func TestBusOfSession(t *testing.T) {
	t.Parallel()
	b := newBus(t)
	dirs := b.session()
	b.begin()
	put(t, dirs+"/echo.conf", strings.ReplaceAll("dbus session-bus "+busName+"\nexec @S\n", "@S", self(t, "bus", b.address, busName, b.dir+"/trace")))
	p := startIn(t, b.environment(), "init", "--user", "--confdir", dirs)
	b.awaitOwner("com.ubuntu.Upstart").awaitOffer()
	pid := b.echo()
	if code, out := b.run(rouse, "initctl", "--session", "status", "echo"); code != 0 || masked(out) != "echo start/running, process N\n" {
		t.Errorf("initctl --session: status %d: %s", code, out)
	}
	if got := p.pid("echo"); got != pid {
		t.Errorf("the job has process %d, and %d has answered", got, pid)
	}
}

// initctl notify-dbus-address tells a running init where its bus is.
func TestBusAddressIsNotified(t *testing.T) {
	t.Parallel()
	b := newBus(t)
	dirs := b.session()
	b.begin()
	put(t, dirs+"/echo.conf", strings.ReplaceAll("dbus session-bus "+busName+"\nexec @S\n", "@S", self(t, "bus", b.address, busName, b.dir+"/trace")))
	env := append(b.environment(), "DBUS_SESSION_BUS_ADDRESS=unix:path="+filepath.Join(b.dir, "nothing"))
	p := startIn(t, env, "init", "--user", "--confdir", dirs)
	eventually(t, func() bool { code, _ := p.initctl("version"); return code == 0 }, p.output)
	p.refused([]string{"notify-dbus-address", "nonsense"}, "nonsense")
	p.ok("notify-dbus-address", b.address)
	b.awaitOwner("com.ubuntu.Upstart").awaitOffer().echo()
	p.killManager()
	b.awaitOwner("com.ubuntu.Upstart").echo()
}

// session makes the directories of a session, whose .service files the bus
// reads, and returns one for jobs.
func (b *messageBus) session() string {
	b.t.Helper()
	jobs := filepath.Join(b.dir, "jobs")
	for _, err := range []error{
		os.MkdirAll(filepath.Join(b.dir, "run", "dbus-1"), 0o700), os.Mkdir(jobs, 0o700),
		os.Symlink(filepath.Join(b.dir, "services"), filepath.Join(b.dir, "run", "dbus-1", "services")),
	} {
		if err != nil {
			b.t.Fatal(err)
		}
	}
	return jobs
}

// environment is that of a session with this bus.
func (b *messageBus) environment() []string {
	return []string{
		"XDG_RUNTIME_DIR=" + filepath.Join(b.dir, "run"), "XDG_CONFIG_HOME=" + b.dir, "HOME=" + b.dir,
		"SYSTEMD_UNIT_PATH=" + filepath.Join(b.dir, "units"),
		"DBUS_SESSION_BUS_ADDRESS=" + b.address, "DBUS_SYSTEM_BUS_ADDRESS=unix:path=" + filepath.Join(b.dir, "none"),
	}
}
