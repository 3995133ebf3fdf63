// SPDX-License-Identifier: Apache-2.0

package test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rouse-init/rouse/internal/linux/cgroup"
)

// TestCeiling: twenty services of which five may be awake, and clients that
// walk over them at random. None is lost, and never are more than five awake.
func TestCeiling(t *testing.T) {
	for _, action := range []string{"stop", "freeze"} {
		t.Run(action, func(t *testing.T) {
			const instances, most = 20, 5
			units := map[string]string{
				"app@.socket":  "[Socket]\nListenStream=127.0.0.1:%i\nX-IdleSec=1h\nX-IdleAction=" + action + "\n",
				"app@.service": "[Service]\nSlice=farm.slice\nExecStart=" + self(t, "fd") + "\n",
				"farm.slice":   fmt.Sprintf("[Slice]\nX-RunningMax=%d\n", most),
			}
			ports := freePorts(t, instances)
			wants := "[Unit]\n"
			for _, port := range ports {
				wants += fmt.Sprintf("Wants=app@%d.socket\n", port)
			}
			units["default.target"] = wants
			p := up(t, units)
			over, looks, done := atomic.Int64{}, atomic.Int64{}, make(chan struct{})
			var watch sync.WaitGroup
			watch.Go(func() {
				for tick := time.NewTicker(5 * time.Millisecond); ; <-tick.C {
					select {
					case <-done:
						return
					default:
						over.Store(max(over.Load(), int64(awakeBelow(t, p.cmd.Process.Pid))))
						looks.Add(1)
					}
				}
			})
			asked, failed := walk(t, ports, 8, long(4*time.Second))
			close(done)
			watch.Wait()
			_, status := p.ctl("status", "farm.slice")
			t.Logf("%d requests, %d failed, at most %d awake in %d looks\n%s", asked, failed, over.Load(), looks.Load(), status)
			if failed > 0 || asked < 20 {
				t.Errorf("%d of %d requests failed", failed, asked)
			}
			if over.Load() > most || over.Load() == 0 {
				t.Errorf("%d were awake at once", over.Load())
			}
			if n := p.number("farm.slice", "Waiting"); n != 0 {
				t.Errorf("%d still wait", n)
			}
		})
	}
}

// TestFullSlice: where nobody may sleep a client waits, status and why say for
// what, and the end of a connection lets it in. That holds across the manager's
// death.
func TestFullSlice(t *testing.T) {
	ports := freePorts(t, 2)
	units := map[string]string{"farm.slice": "[Slice]\nX-RunningMax=1\n"}
	for i, name := range []string{"a", "b"} {
		units[name+".socket"] = fmt.Sprintf("[Socket]\nListenStream=127.0.0.1:%d\nX-IdleSec=1h\n", ports[i])
		units[name+".service"] = "[Service]\nSlice=farm.slice\nExecStart=" + self(t, "fd") + "\n"
	}
	p := up(t, units)
	c, err := net.Dial("tcp", "127.0.0.1:"+strconv.Itoa(ports[0]))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprintln(c, "here")
	if _, err := c.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	answer := make(chan error, 1)
	go func() {
		_, err := ask("tcp", "127.0.0.1:"+strconv.Itoa(ports[1]), "me too")
		answer <- err
	}()
	const words = "room in farm.slice (1 of 1 awake)"
	p.await("b.service", "WaitsFor", words)
	for _, verb := range [][]string{{"status", "b.service"}, {"why", "b.service"}, {"list-sockets"}} {
		if _, out := p.ctl(verb...); !strings.Contains(out, "room in farm.slice") {
			t.Errorf("%v does not say what it waits for:\n%s", verb, out)
		}
	}
	if _, out := p.ctl("status", "farm.slice"); !strings.Contains(out, "1 of 1 awake, 1 waiting") {
		t.Errorf("status of the slice does not say that it is full:\n%s", out)
	}
	if proc, err := os.FindProcess(p.managerPid()); err != nil || proc.Kill() != nil {
		t.Fatal(err)
	}
	p.await("b.service", "WaitsFor", words)
	select {
	case err := <-answer:
		t.Fatalf("it was let in: %v", err)
	default:
	}
	c.Close()
	if err := <-answer; err != nil {
		t.Fatal(err)
	}
	p.await("a.service", "SleepTier", "stopped")
	// A person is not refused.
	if code, out := p.ctl("start", "a.service"); code != 0 {
		t.Errorf("start: %d %s", code, out)
	}
	if n := p.number("farm.slice", "Running"); n != 2 {
		t.Errorf("%d are awake", n)
	}
}

// TestMemoryCeiling: four services of 32 MiB each in a slice that has room for
// two. Whoever sleeps is paged out, or stopped where that is not permitted, and all
// are reached all the time.
func TestMemoryCeiling(t *testing.T) {
	const most = 100 << 20
	dir := t.TempDir()
	ports := freePorts(t, 4)
	data := make([]byte, heldBytes)
	for i := 0; i < len(data); i += 4096 {
		data[i] = byte(i >> 12)
	}
	wants := "[Unit]\n"
	for _, port := range ports {
		if err := os.WriteFile(filepath.Join(dir, strconv.Itoa(port)), data, 0o644); err != nil {
			t.Fatal(err)
		}
		wants += fmt.Sprintf("Wants=app@%d.socket\n", port)
	}
	if onTmpfs(t, dir) {
		t.Skipf("%s is in memory itself", dir)
	}
	unix.Sync()
	p := up(t, map[string]string{
		"app@.socket":    "[Socket]\nListenStream=127.0.0.1:%i\nX-IdleSec=1h\nX-IdleAction=freeze\n",
		"app@.service":   "[Service]\nSlice=farm.slice\nX-IdleStopSec=1h\nExecStart=" + self(t, "count", filepath.Join(dir, "%i")) + "\n",
		"farm.slice":     fmt.Sprintf("[Slice]\nX-RunningMemory=%d\n", most),
		"default.target": wants,
	})
	for round := range 2 {
		for _, port := range ports {
			counted(t, port)
		}
		// What the last one needs is measured, and made good for.
		for deadline := time.Now().Add(patience); ; {
			if n := p.number("farm.slice", "RunningMemory"); n > 0 && n <= most {
				break
			}
			if time.Now().After(deadline) {
				_, status := p.ctl("status", "farm.slice")
				t.Fatalf("round %d: the slice is beyond its ceiling:\n%s", round, status)
			}
		}
	}
	deep := 0
	for _, r := range p.sleeping() {
		if r.Tier == "reclaimed" || r.Tier == "stopped" {
			deep++
		}
	}
	_, list := p.ctl("list-sleeping")
	_, status := p.ctl("status", "farm.slice")
	t.Logf("\n%s\n%s", list, status)
	if deep == 0 {
		t.Error("nobody gave memory back")
	}
	if !strings.Contains(status, " of 100.0M in memory") {
		t.Errorf("status does not tell the ceiling:\n%s", status)
	}
}

// freePorts finds ports that nobody has.
func freePorts(t *testing.T, n int) []int {
	t.Helper()
	var ports []int
	taken := map[int]bool{}
	for len(ports) < n {
		if p := freePort(t); !taken[p] {
			taken[p] = true
			ports = append(ports, p)
		}
	}
	return ports
}

// walk runs clients that ask one service after another, at random, with pauses
// of up to 20 ms; some take their time over the connection.
func walk(t *testing.T, ports []int, clients int, d time.Duration) (asked, failed int64) {
	return crowd(t, clients, d, 20*time.Millisecond, func(r *rand.Rand) (port int, line string) {
		if r.IntN(4) == 0 {
			line = "slow " + strconv.Itoa(r.IntN(30)) + "ms"
		}
		return ports[r.IntN(len(ports))], line
	})
}

// awakeBelow counts the services among the children of the guardian that are
// neither frozen nor stopped by a signal. A look at all of them takes its time, so
// that one counts only if some looks in a row find it awake.
func awakeBelow(t *testing.T, guardian int) int {
	seen := map[string]int{}
	const looks = 4
	for range looks {
		children, ok := cgroup.Children(guardian)
		if !ok {
			t.Error("cannot list the children")
		}
		for _, child := range children {
			pid := strconv.Itoa(child)
			cmd, err := os.ReadFile("/proc/" + pid + "/cmdline")
			if err == nil && bytes.Contains(cmd, []byte("\x00service\x00")) && !frozenNow(pid) {
				seen[pid]++
			}
		}
	}
	n := 0
	for _, k := range seen {
		if k == looks {
			n++
		}
	}
	return n
}

func frozenNow(pid string) bool {
	stat, err := os.ReadFile("/proc/" + pid + "/stat")
	if i := bytes.LastIndexByte(stat, ')'); err != nil || i < 0 || len(stat) < i+3 || bytes.IndexByte([]byte("TZX"), stat[i+2]) >= 0 {
		return true // or it has ended
	}
	group, err := os.ReadFile("/proc/" + pid + "/cgroup")
	if err != nil {
		return true
	}
	for _, line := range strings.Split(string(group), "\n") {
		path, ok := strings.CutPrefix(line, "0::")
		for _, mount := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/unified"} {
			if events, err := os.ReadFile(filepath.Join(mount, path, "cgroup.events")); ok && err == nil {
				return bytes.Contains(events, []byte("frozen 1"))
			}
		}
	}
	return false
}
