// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"strings"
	"time"

	"github.com/rouse-init/rouse/internal/bus/client"
)

const unknownNumber = 1<<64 - 1

// ceilingLine is about the services of a slice that are awake.
func (a *app) ceilingLine(p client.Props) {
	most, memory := p.Number("RunningMax"), p.Number("RunningMemoryMax")
	if most == 0 && memory == 0 {
		return
	}
	line := fmt.Sprintf("%d awake", p.Number("Running"))
	if most != 0 {
		line = fmt.Sprintf("%d of %d awake", p.Number("Running"), most)
	}
	if memory != 0 {
		has := "what is not measured yet"
		if n := p.Number("RunningMemory"); n != 0 || p.Number("Running") == 0 {
			has = size(n)
		}
		line += fmt.Sprintf(", %s of %s in memory", has, size(memory))
	}
	if n := p.Number("Waiting"); n > 0 {
		line += fmt.Sprintf(", %d waiting", n)
	}
	a.line("Ceiling", "%s", line)
}

// tierLines are about how deep a service sleeps, and will.
func (a *app) tierLines(p client.Props) {
	if w := p.Text("WaitsFor"); w != "" {
		a.line("Waits for", "%s", visible(w))
	}
	var will []string
	for _, k := range []struct{ name, words string }{
		{"IdleReclaimUSec", "paged out after %s asleep"}, {"IdleStopUSec", "stopped after %s asleep"}, {"IdleMinUpUSec", "up for %s at least"},
	} {
		if n := p.Number(k.name); n != unknownNumber && (n != 0 || k.name != "IdleMinUpUSec") {
			will = append(will, fmt.Sprintf(k.words, coarse(time.Duration(n)*time.Microsecond)))
		}
	}
	if len(will) > 0 {
		a.line("Tiers", "%s", strings.Join(will, "; "))
	}
	switch tier := p.Text("SleepTier"); tier {
	case "", "awake":
	case "reclaimed":
		a.line("Asleep", "%s: %s in memory, %s before", tier, size(p.Number("SleepMemory")), size(p.Number("SleepMemoryBefore")))
	default:
		a.line("Asleep", "%s", tier)
	}
	if n := p.Text("SleepTierNote"); n != "" {
		a.line("", "%s", visible(n))
	}
}
