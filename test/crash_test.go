// SPDX-License-Identifier: Apache-2.0

package test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/rouse-init/rouse/internal/bus/client"
)

// managerPid asks the manager who it is; it may be on its way back.
func (p *process) managerPid() int {
	p.t.Helper()
	deadline := time.Now().Add(patience)
	for time.Now().Before(deadline) {
		code, out := p.ctl("status", "--output=json")
		if code == 0 {
			var status struct {
				Pid int `json:"manager_pid"`
			}
			if err := json.Unmarshal([]byte(out), &status); err == nil && status.Pid > 0 {
				return status.Pid
			}
			p.t.Fatalf("status does not tell the manager's pid:\n%s", out)
		}
	}
	p.t.Fatal("the manager did not come back")
	return 0
}

// TestKillManager kills the manager again and again under load: no service
// restarts, no request is lost, and an exit in the gap is seen as it was.
func TestKillManager(t *testing.T) {
	port := [3]int{freePort(t), freePort(t), freePort(t)}
	units := map[string]string{
		"c.socket":   fmt.Sprintf("[Socket]\nListenStream=127.0.0.1:%d\nAccept=yes\n", port[2]),
		"c@.service": "[Service]\nStandardInput=socket\nExecStart=" + self(t, "conn") + "\n",
	}
	for i, name := range []string{"a", "b"} {
		handover := []string{"pass", "bind"}[i]
		units[name+".socket"] = fmt.Sprintf("[Socket]\nListenStream=127.0.0.1:%d\nX-Handover=%s\n", port[i], handover)
	}
	units["a.service"] = "[Service]\nExecStart=" + self(t, "fd") + "\n"
	units["b.service"] = "[Service]\nExecStart=" + self(t, "bind", "127.0.0.1:"+strconv.Itoa(port[1])) + "\n"
	p := up(t, units)
	var first [2]string
	for i := range first {
		first[i] = pidOf(t, port[i])
	}
	end := time.Now().Add(long(4 * time.Second))
	var asked, failed atomic.Int64
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for n := 0; time.Now().Before(end); n++ {
				line := fmt.Sprintf("request %d of client %d", n, i)
				answer, err := ask("tcp", "127.0.0.1:"+strconv.Itoa(port[(n+i)%3]), line)
				asked.Add(1)
				if err != nil || !strings.HasSuffix(answer, line) {
					failed.Add(1)
					t.Logf("%s on %d: %q, %v", line, (n+i)%3, answer, err)
				}
			}
		})
	}
	kills := 0
	for tick := time.NewTicker(100 * time.Millisecond); time.Now().Before(end); <-tick.C {
		if err := syscall.Kill(p.managerPid(), syscall.SIGKILL); err == nil {
			kills++
		}
	}
	wg.Wait()
	t.Logf("%d requests, %d failed, %d kills", asked.Load(), failed.Load(), kills)
	if failed.Load() > 0 || asked.Load() == 0 || kills == 0 {
		t.Errorf("%d of %d requests failed over %d kills", failed.Load(), asked.Load(), kills)
	}
	for i := range first {
		if now := pidOf(t, port[i]); now != first[i] {
			t.Errorf("service %d was restarted: process %s is now %s", i, first[i], now)
		}
	}
}

func pidOf(t *testing.T, port int) string {
	t.Helper()
	answer, err := ask("tcp", "127.0.0.1:"+strconv.Itoa(port), "who")
	if err != nil {
		t.Fatal(err)
	}
	pid, _, _ := strings.Cut(answer, " ")
	return pid
}

// TestExitInTheGap: the service dies with status 7 while there is no manager.
func TestExitInTheGap(t *testing.T) {
	port := freePort(t)
	p := up(t, map[string]string{
		"a.socket":  fmt.Sprintf("[Socket]\nListenStream=127.0.0.1:%d\n", port),
		"a.service": "[Service]\nExecStart=" + self(t, "fd") + "\n",
	})
	pidOf(t, port)
	manager := p.managerPid()
	if err := syscall.Kill(manager, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	// The service exits; the manager, stopped, is killed before it hears.
	if _, err := ask("tcp", "127.0.0.1:"+strconv.Itoa(port), "die"); err == nil {
		t.Error("it answered")
	}
	if err := syscall.Kill(manager, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	p.managerPid()
	p.await("a.service", "ExecMainStatus", "7")
	p.await("a.service", "ActiveState", "failed")
}

// TestReexec moves to another build while a service runs.
func TestReexec(t *testing.T) {
	port := freePort(t)
	p := up(t, map[string]string{
		"a.socket":  fmt.Sprintf("[Socket]\nListenStream=127.0.0.1:%d\n", port),
		"a.service": "[Service]\nExecStart=" + self(t, "fd") + "\n",
	})
	before, manager := pidOf(t, port), p.managerPid()
	if code, out := p.ctl("daemon-reexec"); code != 0 {
		t.Fatalf("daemon-reexec: status %d: %s", code, out)
	}
	deadline := time.Now().Add(patience)
	for p.managerPid() == manager {
		if time.Now().After(deadline) {
			t.Fatal("the manager is the same")
		}
	}
	if after := pidOf(t, port); after != before {
		t.Errorf("process %s is now %s", before, after)
	}
}

// TestKillGuardian: what runs in the foreground dies with its guardian, and
// the next manager removes what is left.
func TestKillGuardian(t *testing.T) {
	units := map[string]string{"a.service": "[Service]\nExecStart=/bin/sleep 1000\n[Install]\nWantedBy=default.target\n"}
	p := up(t, units)
	pid, err := strconv.Atoi(p.property("a.service", "MainPID"))
	if err != nil || pid <= 1 {
		t.Fatalf("MainPID is %d, %v", pid, err)
	}
	if err := p.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-p.ended
	for deadline := time.Now().Add(patience); syscall.Kill(pid, 0) == nil; {
		if time.Now().After(deadline) {
			t.Fatalf("process %d outlived its guardian", pid)
		}
	}
	next := up(t, units)
	base, err := client.RuntimeDir(false)
	if err != nil {
		t.Fatal(err)
	}
	// Any that starts does it, and another story may have been first.
	if dir := filepath.Join(base, fmt.Sprintf("up-%d", p.cmd.Process.Pid)); exists(dir) {
		t.Errorf("%s is still there:\n%s", dir, next.output())
	}
}

// TestKillWhileStarting: the manager dies before all that is enabled has
// started; its successor starts the rest and gets to "running".
func TestKillWhileStarting(t *testing.T) {
	units := map[string]string{}
	for i := range 5 {
		order := ""
		if i > 0 {
			order = fmt.Sprintf("[Unit]\nAfter=s%d.service\n", i-1)
		}
		units[fmt.Sprintf("s%d.service", i)] = order + "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/sleep 0.2\n[Install]\nWantedBy=default.target\n"
	}
	dir := t.TempDir()
	for name, text := range units {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	p := start(t, "up", dir)
	for range 3 {
		if err := syscall.Kill(p.managerPid(), syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}
	p.awaitLine("rouse: ready")
	for i := range 5 {
		p.await(fmt.Sprintf("s%d.service", i), "ActiveState", "active")
	}
	if code, out := p.ctl("is-system-running"); code != 0 {
		t.Errorf("is-system-running: %s", out)
	}
}
