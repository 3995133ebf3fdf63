// SPDX-License-Identifier: Apache-2.0

package test

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
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
