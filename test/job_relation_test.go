// SPDX-License-Identifier: Apache-2.0

package test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestSeedHAL: HAL runs while D-Bus runs, NetworkManager while HAL does. Each is
// fully down before the one below it stops.
func TestSeedHAL(t *testing.T) {
	t.Parallel()
	const service = "script\n  trap 'echo NAME down >> @D/log; exit 0' TERM\n  echo NAME up >> @D/log\n  touch @D/NAME\n  while :; do sleep 0.01; done\nend script\npost-start script\n  while [ ! -e @D/NAME ]; do sleep 0.01; done\nend script\npost-stop exec rm -f @D/NAME\n"
	named := func(name string) string { return strings.ReplaceAll(service, "NAME", name) }
	p, dir := jobs(t, map[string]string{
		"dbus.conf": named("dbus"),
		"hal.conf":  "start on started dbus\nstop on stopping dbus\n" + named("hal"),
		"nm.conf":   "start on started hal\nstop on stopping hal\n" + named("nm"),
	})
	p.ok("start", "dbus")
	p.awaitState("nm start/running, process N", "nm")
	p.ok("stop", "dbus")
	awaitText(t, filepath.Join(dir, "log"), "dbus up", "hal up", "nm up", "nm down", "hal down", "dbus down")
	for _, job := range []string{"dbus", "hal", "nm"} {
		p.says(job+" stop/waiting", "status", job)
	}
}

// TestSeedPortmap: what nfs-server needs is up before it starts and goes when
// it has stopped; without the file of portmap there is no relation.
func TestSeedPortmap(t *testing.T) {
	t.Parallel()
	p, dir := jobs(t, map[string]string{
		"portmap.conf":    "start on starting nfs-server\nstop on stopped nfs-server\nexec sleep 1000\npost-start script\n  " + hold("@D/go") + "\n  echo portmap up >> @D/log\nend script\npost-stop exec echo portmap down >> @D/log\n",
		"nfs-server.conf": "pre-start exec echo nfs starts >> @D/log\nexec sleep 1000\npost-stop exec echo nfs down >> @D/log\n",
	})
	start := p.background("start", "nfs-server")
	p.awaitState("nfs-server start/starting", "nfs-server")
	p.awaitWhy("nfs-server", "portmap is start/post-start")
	start.blocked()
	release(t, filepath.Join(dir, "go"))
	start.returns(0)
	log := filepath.Join(dir, "log")
	awaitText(t, log, "portmap up", "nfs starts")
	p.ok("stop", "nfs-server")
	awaitText(t, log, "portmap up", "nfs starts", "nfs down", "portmap down")
	p.awaitState("portmap stop/waiting", "portmap")

	// The relation is in portmap's file and goes with it.
	if err := os.Remove(filepath.Join(p.dir(), "portmap.conf")); err != nil {
		t.Fatal(err)
	}
	p.ok("reload-configuration")
	p.ok("start", "nfs-server")
	awaitText(t, log, "portmap up", "nfs starts", "nfs down", "portmap down", "nfs starts")
	p.refused([]string{"status", "portmap"}, "Unknown job: portmap")
}

// TestSeedHersql: a crash by SEGV is followed by a backup before the database
// is down, any other end is not.
func TestSeedHersql(t *testing.T) {
	t.Parallel()
	p, dir := jobs(t, map[string]string{
		"hersql.conf": "exec sleep 1000\npost-stop exec echo down >> @D/log\n",
		"backup.conf": "start on stopping hersql RESULT=failed EXIT_SIGNAL=SEGV\ntask\nscript\n  " + hold("@D/go") + "\n  echo backup of $JOB, $PROCESS: $EXIT_SIGNAL >> @D/log\nend script\n",
	})
	log := filepath.Join(dir, "log")
	end := func(sig syscall.Signal) {
		t.Helper()
		p.ok("start", "hersql")
		if err := syscall.Kill(p.pid("hersql"), sig); err != nil {
			t.Fatal(err)
		}
	}
	end(syscall.SIGABRT)
	awaitText(t, log, "down")
	p.awaitState("hersql stop/waiting", "hersql")
	end(syscall.SIGSEGV)
	p.awaitState("hersql stop/stopping", "hersql")
	p.awaitState("backup start/running, process N", "backup")
	awaitText(t, log, "down")
	release(t, filepath.Join(dir, "go"))
	awaitText(t, log, "down", "backup of hersql, main: SEGV", "down")
}

// TestNeeds: a dependency written as one: `needs` of a job, and by hand with an
// event that the dependency answers.
func TestNeeds(t *testing.T) {
	t.Parallel()
	p, _ := jobs(t, map[string]string{
		"db.conf":    "exec sleep 1000\n",
		"web.conf":   "needs db\nexec sleep 1000\n",
		"cache.conf": "start on need-cache\nexec sleep 1000\n",
		"app.conf":   "pre-start exec @D/initctl emit need-cache\nexec sleep 1000\n",
	})
	p.ok("start", "web")
	p.says("db start/running, process N", "status", "db")
	p.ok("start", "app")
	p.says("cache start/running, process N", "status", "cache")
	p.ok("stop", "db")
	p.awaitState("web stop/waiting", "web")
}
