// SPDX-License-Identifier: Apache-2.0

package client_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rouse-init/rouse/internal/bus/bustest"
	"github.com/rouse-init/rouse/internal/bus/client"
)

func dial(t *testing.T, path string) *client.Conn {
	t.Helper()
	c, err := client.Dial(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func TestCalls(t *testing.T) {
	s := bustest.Serve(t, bustest.New())
	c := dial(t, s.Path)
	if state, err := c.Active("web.service"); state != "active" || err != nil {
		t.Errorf("Active = %q, %v", state, err)
	}
	rows, err := c.ListUnits([]string{"failed"}, nil)
	if err != nil || len(rows) != 1 || rows[0].Name != "broken.service" {
		t.Errorf("ListUnits = %+v, %v", rows, err)
	}
	props, err := c.Unit("web.service")
	if err != nil || props.Number("MainPID") != 4711 || !props.Flag("CanReload") || props.List("TriggeredBy")[0] != "web.socket" {
		t.Errorf("Unit = %v", err)
	}
	_, err = c.Manager("ResetFailedUnit", "", nil)
	var refusal *client.Error
	if !errors.As(err, &refusal) || !strings.Contains(refusal.Msg, "wants arguments") {
		t.Errorf("call with wrong arguments: %v", err)
	}
	fd, err := c.FollowLogs("web.service")
	if err != nil {
		t.Fatal(err)
	}
	text := make([]byte, 100)
	n, err := unix.Read(fd, text)
	if string(text[:n]) != "listening on :8080\nready\n" || err != nil {
		t.Errorf("log is %q, %v", text[:n], err)
	}
	_ = unix.Close(fd)
}

// TestJobOutlivesManager waits for a job while the manager dies, twice, and
// the last successor ends it.
func TestJobOutlivesManager(t *testing.T) {
	path := filepath.Join(t.TempDir(), "private")
	if len(path) > 100 {
		t.Skipf("path of the test directory is too long for a unix socket: %s", path)
	}
	first := bustest.New()
	_, stop, err := bustest.Start(first, path)
	if err != nil {
		t.Fatal(err)
	}
	c := dial(t, path)
	jobs := c.Jobs()
	for _, name := range []string{"hang.service", "asleep.service"} {
		if err := jobs.Ask("StartUnit", name, "replace"); err != nil {
			t.Fatal(err)
		}
	}
	done := make(chan error, 1)
	var results []client.JobResult
	go func() {
		var err error
		results, err = jobs.Wait()
		done <- err
	}()
	for range 2 {
		stop()
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		next := bustest.New()
		next.Restore(first)
		if _, stop, err = bustest.Start(next, path); err != nil {
			t.Fatal(err)
		}
		first = next
	}
	ended := dial(t, path)
	for end := time.Now().Add(20 * time.Second); first.Clients() < 2; {
		if _, err := ended.ListJobs(); err != nil {
			t.Fatal(err)
		}
		if time.Now().After(end) {
			t.Fatal("client that waits has not come back")
		}
	}
	if _, err := ended.Manager("ClearJobs", "", nil); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	stop()
	if len(results) != 2 || results[0] != (client.JobResult{Unit: "asleep.service", Result: "done"}) || results[1].Unit != "hang.service" {
		t.Errorf("results %+v", results)
	}
}

func TestNobodyListens(t *testing.T) {
	_, err := client.Dial(filepath.Join(t.TempDir(), "none"))
	if !errors.Is(err, unix.ENOENT) || !strings.Contains(err.Error(), "cannot connect to /") {
		t.Errorf("error %v", err)
	}
}

func TestDefaultSocket(t *testing.T) {
	t.Setenv("ROUSE_SOCKET", "/x/y")
	if p, err := client.DefaultSocket(); p != "/x/y" || err != nil {
		t.Errorf("DefaultSocket = %q, %v", p, err)
	}
	t.Setenv("ROUSE_SOCKET", "")
	if os.Getuid() == 0 {
		if p, err := client.DefaultSocket(); p != "/run/rouse/private" || err != nil {
			t.Errorf("DefaultSocket = %q, %v", p, err)
		}
		return
	}
	dir := t.TempDir()
	t.Setenv("XDG_RUNTIME_DIR", dir)
	if p, err := client.DefaultSocket(); p != dir+"/rouse/private" || err != nil {
		t.Errorf("DefaultSocket = %q, %v", p, err)
	}
}
