// SPDX-License-Identifier: Apache-2.0

package test

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// countService serves descriptor 3: it answers each line with how many it has
// heard, by all connections. It holds a file in memory, if there is one.
func countService(args []string) int {
	l, err := net.FileListener(os.NewFile(3, "socket"))
	if err != nil {
		return 1
	}
	var data []byte
	if len(args) > 0 {
		f, err := os.Open(args[0])
		if err != nil {
			return 1
		}
		if data, err = unix.Mmap(int(f.Fd()), 0, heldBytes, unix.PROT_READ, unix.MAP_PRIVATE); err != nil {
			return 1
		}
	}
	var mu sync.Mutex
	n := 0
	for {
		c, err := l.Accept()
		if err != nil {
			return 0
		}
		go func() {
			defer c.Close()
			for s := bufio.NewScanner(c); s.Scan(); {
				mu.Lock()
				n++
				for i := 0; i < len(data); i += 4096 {
					if data[i] != byte(i>>12) {
						os.Exit(9)
					}
				}
				fmt.Fprintln(c, n)
				mu.Unlock()
			}
		}()
	}
}

const heldBytes = 32 << 20

// counted asks a counter; the answer is how often it was asked in this life.
func counted(t *testing.T, port int) int {
	t.Helper()
	answer, err := ask("tcp", "127.0.0.1:"+strconv.Itoa(port), "and")
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(answer)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestTiers: frozen, then without its memory, then stopped. The defaults of a
// template come from its drop-ins. What it knows survives until the stop.
func TestTiers(t *testing.T) {
	file := filepath.Join(t.TempDir(), "data")
	data := make([]byte, heldBytes)
	for i := 0; i < len(data); i += 4096 {
		data[i] = byte(i >> 12)
	}
	if err := os.WriteFile(file, data, 0o644); err != nil {
		t.Fatal(err)
	}
	unix.Sync() // only clean pages can be paged out without swap
	port := freePort(t)
	name := fmt.Sprintf("app@%d.service", port)
	p := up(t, map[string]string{
		"app@.socket":                 "[Socket]\nListenStream=127.0.0.1:%i\nX-IdleSec=50ms\nX-IdleAction=freeze\n",
		"app@.service":                "[Service]\nExecStart=" + self(t, "count", file) + "\n",
		"app@.service.d/tiers.conf":   "[Service]\nX-IdleReclaimSec=50ms\n",
		name + ".d/instance.conf":     "[Service]\nX-IdleStopSec=1h\n",
		"default.target":              fmt.Sprintf("[Unit]\nWants=app@%d.socket\n", port),
		"other@.service.d/other.conf": "[Service]\nX-IdleStopSec=0\n",
	})
	if n := counted(t, port); n != 1 {
		t.Fatalf("the first answer is %d", n)
	}
	if p.reclaims(name) && !onTmpfs(t, file) {
		before, after := p.number(name, "SleepMemoryBefore"), p.number(name, "SleepMemory")
		if before < heldBytes || after > before-heldBytes/2 {
			t.Errorf("%d bytes were in memory, %d are left", before, after)
		}
		if rss := resident(t, p.number(name, "MainPID")) << 10; rss > before-heldBytes/2 {
			t.Errorf("%d bytes are in memory", rss)
		}
	}
	if n := counted(t, port); n != 2 {
		t.Errorf("it forgot in its sleep: the second answer is %d", n)
	}
	p.reclaims(name)
	p.rewrite(name+".d/instance.conf", "[Service]\nX-IdleStopSec=100ms\n")
	if n := counted(t, port); n != 3 {
		t.Errorf("the third answer is %d", n)
	}
	p.await(name, "SleepTier", "stopped")
	p.await(name, "ActiveState", "inactive")
	if n := counted(t, port); n != 1 {
		t.Errorf("it was stopped, but its answer is %d", n)
	}
}

// TestStopSparesConnections: a silent connection keeps a sleeper from being
// stopped, and is served when it speaks.
func TestStopSparesConnections(t *testing.T) {
	port := freePort(t)
	p := up(t, map[string]string{
		"app.socket":  fmt.Sprintf("[Socket]\nListenStream=127.0.0.1:%d\nX-IdleSec=50ms\nX-IdleAction=freeze\n", port),
		"app.service": "[Service]\nExecStart=" + self(t, "count") + "\nX-IdleStopSec=100ms\n",
	})
	c, err := net.Dial("tcp", "127.0.0.1:"+strconv.Itoa(port))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	r := bufio.NewReader(c)
	for want := 1; want < 4; want++ {
		fmt.Fprintln(c, "and")
		if got, err := r.ReadString('\n'); err != nil || strings.TrimSpace(got) != strconv.Itoa(want) {
			t.Fatalf("answer %d is %q, %v", want, got, err)
		}
		p.await("app.service", "SleepTierNote", "1 connections, open and silent, keep it from being stopped (X-IdleStopSec=)")
	}
	c.Close()
	p.await("app.service", "SleepTier", "stopped")
}

// TestTiersOutlastTheManager: what sleeps goes on to sleep deeper under the
// next manager.
func TestTiersOutlastTheManager(t *testing.T) {
	port := freePort(t)
	p := up(t, map[string]string{
		"app.socket":  fmt.Sprintf("[Socket]\nListenStream=127.0.0.1:%d\nX-IdleSec=50ms\nX-IdleAction=freeze\n", port),
		"app.service": "[Service]\nExecStart=" + self(t, "count") + "\nX-IdleStopSec=1s\n",
	})
	counted(t, port)
	p.await("app.service", "SleepTier", "frozen")
	if err := unix.Kill(p.managerPid(), unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	p.await("app.service", "SleepTier", "stopped")
	counted(t, port)
	p.await("app.service", "SleepTier", "frozen")
	if code, out := p.ctl("daemon-reexec"); code != 0 {
		t.Fatalf("daemon-reexec: %d %s", code, out)
	}
	p.await("app.service", "SleepTier", "stopped")
	if n := counted(t, port); n != 1 {
		t.Errorf("the answer is %d", n)
	}
}

// reclaims waits until the service has been paged out; false: it cannot be, which
// status says.
func (p *process) reclaims(unit string) bool {
	p.t.Helper()
	deadline := time.Now().Add(patience)
	for p.property(unit, "SleepTier") != "reclaimed" {
		if note := p.property(unit, "SleepTierNote"); note != "" {
			if _, out := p.ctl("status"); os.Getuid() == 0 || !strings.Contains(out, "cannot be paged out") {
				p.t.Fatalf("%s: %s\n%s", unit, note, out)
			}
			return false
		}
		if time.Now().After(deadline) {
			p.t.Fatalf("%s is not paged out", unit)
		}
	}
	return true
}

func (p *process) number(unit, name string) int {
	p.t.Helper()
	n, err := strconv.Atoi(p.property(unit, name))
	if err != nil {
		p.t.Fatal(err)
	}
	return n
}

// rewrite changes a file of the directory that up was given, and reloads.
func (p *process) rewrite(name, text string) {
	p.t.Helper()
	dir := p.cmd.Args[len(p.cmd.Args)-1]
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
		p.t.Fatal(err)
	}
	if code, out := p.ctl("daemon-reload"); code != 0 {
		p.t.Fatalf("daemon-reload: status %d: %s", code, out)
	}
}

func onTmpfs(t *testing.T, file string) bool {
	t.Helper()
	var fs unix.Statfs_t
	if err := unix.Statfs(file, &fs); err != nil {
		t.Fatal(err)
	}
	return fs.Type == unix.TMPFS_MAGIC
}
