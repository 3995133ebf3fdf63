// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// measured is what the farm has in memory at one moment.
type measured struct {
	count  [tiers]int
	pss    [tiers]int // KiB: what is shared is counted once, in parts
	own    int        // PSS of the guardian and the manager
	images int        // processes
}

// measure looks at every server.
func (h *host) measure(servers []server) (m measured, err error) {
	for i := range servers {
		unit := servers[i].unit()
		t, err := tierOf(h.conn, unit)
		if err != nil {
			return m, err
		}
		m.count[t]++
		v, err := h.conn.Property(unit, "org.freedesktop.systemd1.Service", "MainPID")
		if err != nil {
			return m, err
		}
		if pid, _ := v.Value.(uint32); pid != 0 {
			m.images++
			m.pss[t] += pss(int(pid))
		}
	}
	m.own = pss(h.guardian) + pss(h.manager)
	return m, nil
}

func (m *measured) sum() (kib int) {
	for _, n := range m.pss {
		kib += n
	}
	return kib
}

// row prints it under the heading of rowHead.
func (m *measured) row(what string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-34s", what)
	for t := range tiers {
		fmt.Fprintf(&b, " %9d", m.count[t])
	}
	fmt.Fprintf(&b, " %8.0f", float64(m.sum())/1024)
	for _, t := range []tier{awake, frozen, reclaimed} {
		if m.count[t] == 0 {
			fmt.Fprintf(&b, " %9s", "-")
			continue
		}
		fmt.Fprintf(&b, " %9.1f", float64(m.pss[t])/1024/float64(m.count[t]))
	}
	fmt.Fprintf(&b, " %7.1f", float64(m.own)/1024)
	return b.String()
}

func rowHead() string {
	return fmt.Sprintf("%-34s %9s %9s %9s %9s %8s %9s %9s %9s %7s\n%s", "", "awake", "frozen", "reclaimed", "stopped",
		"PSS", "awake", "frozen", "reclaimed", "rouse", strings.Repeat(" ", 75)+"all MiB  each MiB       ...       ... own MiB")
}

// pss is the proportional set size in KiB, 0 for a process that is gone.
func pss(pid int) int {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return 0
	}
	for line := range bytes.Lines(b) {
		if rest, ok := bytes.CutPrefix(line, []byte("Pss:")); ok {
			n, _ := strconv.Atoi(string(bytes.Fields(rest)[0]))
			return n
		}
	}
	return 0
}

// cpu is the processor time of rouse and of all that it has run.
func (h *host) cpu() (own, images time.Duration, err error) {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return 0, 0, err
	}
	for _, path := range stats {
		b, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		// proc_pid_stat(5): the name may hold anything; what follows it are
		// state, ppid ... utime stime cutime cstime.
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		f := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
		if len(f) < 15 {
			return 0, 0, fmt.Errorf("%s: expected 50 fields", path)
		}
		switch {
		case pid == h.guardian:
			own += ticks(f[11], f[12])
			images += ticks(f[13], f[14]) // of those that have ended
		case pid == h.manager:
			own += ticks(f[11], f[12])
		case f[1] == strconv.Itoa(h.guardian):
			images += ticks(f[11], f[12])
		}
	}
	return own, images, nil
}

// ticks adds up times in units of USER_HZ, which is 100 on every machine.
func ticks(fields ...string) (d time.Duration) {
	for _, f := range fields {
		n, _ := strconv.ParseInt(f, 10, 64)
		d += time.Duration(n) * 10 * time.Millisecond
	}
	return d
}

// idleCPU prints what the processors do in a time in which nobody asks.
func (h *host) idleCPU(what string, span time.Duration) error {
	own, images, err := h.cpu()
	if err != nil {
		return err
	}
	time.Sleep(span)
	own2, images2, err := h.cpu()
	if err != nil {
		return err
	}
	fmt.Printf("%s: in %v without a request rouse used %v of a processor, the images %v (%.3f %%)\n",
		what, span, own2-own, images2-images, 100*float64(own2-own+images2-images)/float64(span))
	return nil
}
