// SPDX-License-Identifier: Apache-2.0

package test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// sleeperRow is one line of list-sleeping --output=json.
type sleeperRow struct {
	Unit         string   `json:"unit"`
	Tier         string   `json:"tier"`
	Since        uint64   `json:"since_usec"`
	MemoryBefore uint64   `json:"memory_before"`
	Memory       uint64   `json:"memory"`
	WokenBy      []string `json:"woken_by"`
	WaitsFor     string   `json:"waits_for"`
}

func (p *process) sleeping(args ...string) map[string]sleeperRow {
	p.t.Helper()
	code, out := p.ctl(append([]string{"list-sleeping", "--output=json"}, args...)...)
	var rows []sleeperRow
	if err := json.Unmarshal([]byte(out), &rows); err != nil || code != 0 {
		p.t.Fatalf("status %d, %v: %s", code, err, out)
	}
	byName := map[string]sleeperRow{}
	for _, r := range rows {
		byName[r.Unit] = r
	}
	return byName
}

// TestListSleeping: who sleeps and how, what it saves and what would wake it.
func TestListSleeping(t *testing.T) {
	ports := freePorts(t, 4)
	units := map[string]string{}
	for i, name := range []string{"frozen", "stopped", "never", "held"} {
		action := []string{"freeze", "stop", "stop", "freeze"}[i]
		units[name+".socket"] = fmt.Sprintf("[Socket]\nListenStream=127.0.0.1:%d\nX-IdleSec=%s\nX-IdleAction=%s\n", ports[i], []string{"50ms", "50ms", "1h", "1h"}[i], action)
		units[name+".service"] = "[Service]\nExecStart=" + self(t, "count") + "\n"
	}
	p := up(t, units)
	for _, i := range []int{0, 1, 3} {
		counted(t, ports[i])
	}
	p.await("frozen.service", "SleepTier", "frozen")
	p.await("stopped.service", "SleepTier", "stopped")
	if code, out := p.ctl("freeze", "held.service"); code != 0 {
		t.Fatalf("freeze: %s", out)
	}
	rows := p.sleeping("--all")
	if len(rows) != 4 {
		t.Errorf("%d sleep: %v", len(rows), rows)
	}
	for i, want := range []sleeperRow{{Unit: "frozen.service", Tier: "frozen"}, {Unit: "stopped.service", Tier: "stopped"}, {Unit: "never.service", Tier: "unstarted"}} {
		r := rows[want.Unit]
		if r.Tier != want.Tier || r.Since == 0 || !slices.Contains(r.WokenBy, "127.0.0.1:"+strconv.Itoa(ports[i])) {
			t.Errorf("%s: %+v", want.Unit, r)
		}
	}
	if r := rows["held.service"]; r.Tier != "frozen" || !slices.Equal(r.WokenBy, []string{"thaw"}) {
		t.Errorf("held.service: %+v", r)
	}
	if r := rows["stopped.service"]; r.MemoryBefore == 0 || r.Memory != 0 {
		t.Errorf("the memory that it saves is not known: %+v", r)
	}
	_, out := p.ctl("list-sleeping")
	if !strings.Contains(out, "3 services asleep, ") || strings.Contains(out, "never.service") {
		t.Errorf("list-sleeping:\n%s", out)
	}
	t.Logf("\n%s", out)
	if code, out := p.ctl("status"); code != 0 || !strings.Contains(out, " 4 services asleep; ") {
		t.Errorf("status:\n%s", out)
	}
	for unit, want := range map[string]string{"frozen.service": "asleep (frozen) since", "stopped.service": "asleep (stopped) since", "held.service": "frozen on request"} {
		if _, out := p.ctl("why", unit); !strings.Contains(out, want) || !strings.Contains(out, "woken by\n") {
			t.Errorf("why %s:\n%s", unit, out)
		}
	}
	// What a person has stopped does not sleep.
	if code, out := p.ctl("stop", "frozen.service"); code != 0 {
		t.Fatalf("stop: %s", out)
	}
	if r, ok := p.sleeping("--all")["frozen.service"]; ok {
		t.Errorf("frozen.service is stopped: %+v", r)
	}
	if code, _ := p.ctl("list-sleeping", "--state=frozen"); code == 0 {
		t.Error("list-sleeping takes --state=, which it does not know")
	}
}
