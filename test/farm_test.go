// SPDX-License-Identifier: Apache-2.0

package test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestFarm is the farm of image servers: hundreds of instances of one
// template, one port each, asleep until somebody asks for them.
func TestFarm(t *testing.T) {
	const n = 300
	units := map[string]string{
		"app@.socket":  "[Socket]\nListenStream=127.0.0.1:%i\nX-IdleSec=1h\n",
		"app@.service": "[Service]\nExecStart=" + self(t, "fd") + "\n",
	}
	ports := make([]int, n)
	var wants strings.Builder
	wants.WriteString("[Unit]\n")
	taken := map[int]bool{}
	for i := range ports {
		for ports[i] == 0 || taken[ports[i]] {
			ports[i] = freePort(t)
		}
		taken[ports[i]] = true
		fmt.Fprintf(&wants, "Wants=app@%d.socket\n", ports[i])
	}
	units["default.target"] = wants.String()
	p := up(t, units)
	manager := p.managerPid()
	rss := resident(t, manager) + resident(t, p.cmd.Process.Pid)
	t.Logf("manager and guardian: %d KiB for %d sleepers", rss, n)
	if rss > 40<<10 {
		t.Errorf("%d KiB is too much", rss)
	}
	var wg sync.WaitGroup
	pids := make([]string, n)
	for i, port := range ports {
		wg.Go(func() {
			answer, err := ask("tcp", "127.0.0.1:"+strconv.Itoa(port), "who")
			if err != nil {
				t.Errorf("port %d: %v", port, err)
			}
			pids[i], _, _ = strings.Cut(answer, " ")
		})
	}
	wg.Wait()
	seen := map[string]bool{}
	for _, pid := range pids {
		if seen[pid] {
			t.Errorf("process %s serves two ports", pid)
		}
		seen[pid] = true
	}
}

// example builds a program of examples/.
func example(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), filepath.Base(name))
	build := exec.Command("go", "build", "-o", path, "../examples/"+name)
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return path
}

// TestImageFarm is examples/image-farm in short: images of each kind are
// knocked on at random while they fall asleep, deeper and deeper, and none
// loses a request or, unless it was stopped, its memory.
func TestImageFarm(t *testing.T) {
	program := example(t, "image-farm")
	for _, k := range []struct{ kind, need string }{{"pharo", "go"}, {"sbcl", "sbcl"}, {"node", "node"}, {"jvm", "javac"}} {
		t.Run(k.kind, func(t *testing.T) {
			t.Parallel() // they sleep for most of the time
			needProgram(t, k.need, k.need)
			dir, err := os.MkdirTemp("", "rf") //nolint:usetesting // a socket's path is short
			if err != nil {
				t.Fatal(err)
			}
			defer os.RemoveAll(dir)
			run := func(args ...string) {
				t.Helper()
				out, err := exec.Command(program, args...).CombinedOutput()
				t.Logf("%s", out)
				if err != nil {
					log, _ := os.ReadFile(filepath.Join(dir, "rouse.log"))
					t.Fatalf("%v\n%s", err, log)
				}
			}
			const n = 6
			args := []string{"make", "-dir", dir, "-port", strconv.Itoa(portsInARow(t, n)), "-idle", "1s", "-reclaim", "300ms", "-stop", "700ms"}
			for _, kind := range []string{"sbcl", "pharo", "node", "jvm"} {
				count := "0"
				if kind == k.kind {
					count = strconv.Itoa(n)
				}
				args = append(args, "-"+kind, count)
			}
			run(args...)
			run("walk", "-dir", dir, "-rouse", rouse, "-for", long(5*time.Second).String(), "-quiet", "0s", "-pause", "500ms", "-walkers", "3", "-kill", "2s")
			if svg, err := os.ReadFile(filepath.Join(dir, "wake-ups.svg")); err != nil || !bytes.Contains(svg, []byte("<rect x=")) {
				t.Errorf("no histogram: %v", err)
			}
		})
	}
}

// portsInARow is the first of n ports in a row that nobody has, below those that
// the kernel gives to clients.
func portsInARow(t *testing.T, n int) int {
	t.Helper()
	for range 100 {
		first := 10000 + rand.IntN(20000)
		var held []net.Listener
		for i := range n {
			l, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(first+i))
			if err != nil {
				break
			}
			held = append(held, l)
		}
		for _, l := range held {
			l.Close()
		}
		if len(held) == n {
			return first
		}
	}
	t.Fatalf("no %d free ports in a row", n)
	return 0
}

// TestSmalltalkVM: the units of the seed, and what the VM in them needs:
// descriptor 3 of IPv4, LISTEN_FDS=1, and no LISTEN_PID where it was built with
// libsystemd (S1, S2, S9, S10).
func TestSmalltalkVM(t *testing.T) {
	vm := example(t, "image-farm/vm")
	units := func(option, keys string) map[string]string {
		return map[string]string{
			"pharo@.socket":  "[Socket]\nListenStream=127.0.0.1:%i\n",
			"pharo@.service": "[Service]\n" + keys + "ExecStart=" + vm + " --headless " + option + " %i.image\n",
			"default.target": "[Unit]\nDescription=nothing\n",
		}
	}
	for _, c := range []struct{ option, keys string }{{"", ""}, {"--libsystemd", "UnsetEnvironment=LISTEN_PID\n"}} {
		p := up(t, units(c.option, c.keys))
		port := strconv.Itoa(freePort(t))
		name := "pharo@" + port
		if code, out := p.ctl("start", name+".socket"); code != 0 {
			t.Fatal(out)
		}
		if got := p.property(name+".service", "ActiveState"); got != "inactive" {
			t.Errorf("the image is %s before anybody asked", got)
		}
		for round := range 3 {
			if err := get("http://127.0.0.1:"+port+"/", port+" 1 ")(); err != nil {
				t.Fatalf("%s, round %d: %v", c.option, round, err)
			}
			// Its listen() has left 32 for all, and its end a socket that does not block.
			if code, out := p.ctl("stop", name+".service"); code != 0 {
				t.Fatal(out)
			}
		}
		if code, out := p.ctl("stop", name+".socket"); code != 0 {
			t.Fatal(out)
		}
		if conn, err := net.Dial("tcp", "127.0.0.1:"+port); err == nil {
			conn.Close()
			t.Error("the port is open without its socket unit")
		}
	}
	p := up(t, units("--libsystemd", ""))
	port := strconv.Itoa(freePort(t))
	if code, out := p.ctl("start", "pharo@"+port+".socket"); code != 0 {
		t.Fatal(out)
	}
	conn, err := net.Dial("tcp", "127.0.0.1:"+port)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	p.awaitLine("LISTEN_PID is set: the primitive fails")
}

// resident is the resident set of a process, in KiB.
func resident(t *testing.T, pid int) int {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range bytes.Split(b, []byte("\n")) {
		if v, ok := bytes.CutPrefix(line, []byte("VmRSS:")); ok {
			n, err := strconv.Atoi(string(bytes.Fields(v)[0]))
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatalf("process %d has no VmRSS", pid)
	return 0
}
