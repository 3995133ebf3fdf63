// SPDX-License-Identifier: Apache-2.0

package handover

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/rouse-init/rouse/internal/linux/notify"
)

// TestPostgreSQL is the hardest of the daemons: it removes the node of its
// unix socket before it binds and when it exits, and changes its mode. A
// client that came before it started gets its answer, twice in a row.
func TestPostgreSQL(t *testing.T) {
	if testing.Short() {
		t.Skip("takes two seconds, most of them for initdb")
	}
	t.Parallel()
	postgres, err := exec.LookPath("postgres")
	if err != nil {
		t.Skip("postgres is not installed")
	}
	if postgres, err = filepath.EvalSymlinks(postgres); err != nil {
		t.Fatal(err)
	}
	// The others beside it: elsewhere they may be wrappers.
	bin := filepath.Dir(postgres)
	dir := openDir(t)
	const nobody = 65534
	user := uint32(0)
	attr := &syscall.SysProcAttr{}
	if os.Geteuid() == 0 {
		user = nobody
		attr.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
	}
	initdb := exec.Command(bin+"/initdb", "-D", dir+"/data", "-N", "-A", "trust", "-U", "me", "--no-locale")
	initdb.SysProcAttr, initdb.Dir = attr, dir
	if out, err := initdb.CombinedOutput(); err != nil {
		t.Skipf("initdb does not work here: %v\n%s", err, out)
	}
	node := dir + "/.s.PGSQL.5432"
	fd := listenUnix(t, node)
	if err := os.Chmod(node, 0o666); err != nil {
		t.Fatal(err)
	}
	// It answers "the database system is starting up" to clients that come
	// too early, so it must not accept them before it says READY=1.
	ready := dir + "/notify"
	r, err := notify.Open(ready, notify.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for range 2 {
		client := exec.Command(bin+"/psql", "-h", dir, "-U", "me", "-d", "postgres", "-Atc", "select 6*7")
		out := &output{}
		client.Stdout, client.Stderr = out, out
		if err := client.Start(); err != nil {
			t.Fatal(err)
		}
		if !readable(t, fd, 5000) {
			t.Fatalf("no client came")
		}
		d := start{
			held: []Held{{FD: fd, Mode: 0o666}}, user: user, copyExe: true, dir: dir,
			accept: true, env: []string{"NOTIFY_SOCKET=" + ready}, alsoFD: r.FD(), also: func(d *daemon) {
				if m, ok, err := r.Read(); ok && err == nil && m.Ready {
					d.h.HoldAccepts(false)
				}
			},
			args: []string{postgres, "-D", dir + "/data", "-k", dir, "-c", "listen_addresses=", "-F"},
		}.run(t)
		if err := client.Wait(); err != nil || strings.TrimSpace(out.String()) != "42" {
			t.Errorf("psql: %v\n%s\nevents:\n%s", err, out, d.seen())
		}
		if err := d.cmd.Process.Signal(syscall.SIGINT); err != nil {
			t.Fatal(err)
		}
		d.wait()
		check(t, "events", d.seen(), "bound 0\nlisten 0")
		if _, err := os.Lstat(node); err != nil {
			t.Errorf("the node did not survive: %v", err)
		}
	}
}
