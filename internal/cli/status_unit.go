// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/rouse-init/rouse/internal/bus/client"
	"github.com/rouse-init/rouse/internal/unit"
)

// line prints a labelled line in the columns of systemctl status.
func (a *app) line(label, format string, args ...any) {
	if label != "" {
		label += ":"
	}
	a.printf("%12s %s\n", label, fmt.Sprintf(format, args...))
}

// more prints a list: the first one with the label.
func (a *app) more(label string, lines []string) {
	for i, l := range lines {
		if i > 0 {
			label = ""
		}
		a.line(label, "%s", l)
	}
}

// unitStatus prints a unit as systemctl status does, and below that what
// systemd does not know.
func (a *app) unitStatus(p client.Props) {
	title := p.Text("Id")
	if d := p.Text("Description"); d != "" && d != title {
		title += " - " + d
	}
	a.printf("%s %s\n", a.dot(p.Text("ActiveState")), visible(title))
	a.loadedLine(p)
	a.dropIns(p.List("DropInPaths"))
	a.activeLine(p)
	a.triggers("TriggeredBy", p.List("TriggeredBy"))
	a.triggers("Triggers", p.List("Triggers"))
	a.more("Docs", visibleAll(p.List("Documentation")))
	a.listens(p)
	a.processLines(p)
	a.rouseLines(p)
	if kindOf(p) == unit.KindService {
		a.outputLines(p.Text("Id"))
	}
	if p.Flag("NeedDaemonReload") {
		a.errorf("Warning: the files of %s have changed on disk. Run \"rouse daemon-reload\".", p.Text("Id"))
	}
}

func (a *app) loadedLine(p client.Props) {
	var in, rest []string
	if f := p.Text("FragmentPath"); f != "" {
		in = append(in, f)
	}
	if s := p.Text("UnitFileState"); s != "" {
		in = append(in, s)
	}
	if s := p.Text("UnitFilePreset"); s != "" {
		in = append(in, "preset: "+s)
	}
	state := p.Text("LoadState")
	if state != "loaded" {
		state = a.colour(red, state)
		if e, ok := p.Get("LoadError").([]any); ok && len(e) == 2 && e[1] != "" {
			lines := visibleLines(fmt.Sprint(e[1]))
			in, rest = []string{"Reason: " + lines[0]}, lines[1:]
		}
	}
	if len(in) > 0 {
		state += " (" + strings.Join(in, "; ") + ")"
	}
	a.line("Loaded", "%s", state)
	a.more("", rest)
}

func (a *app) dropIns(paths []string) {
	label := "Drop-In"
	for len(paths) > 0 {
		dir := path.Dir(paths[0])
		var names []string
		for len(paths) > 0 && path.Dir(paths[0]) == dir {
			names = append(names, path.Base(paths[0]))
			paths = paths[1:]
		}
		a.line(label, "%s", dir)
		a.line("", "└─%s", strings.Join(names, ", "))
		label = ""
	}
}

func (a *app) activeLine(p client.Props) {
	active := p.Text("ActiveState")
	state := active
	if sub := p.Text("SubState"); sub != "" && sub != active {
		state += " (" + sub + ")"
	}
	if r := p.Text("Result"); active == "failed" && r != "" && r != "success" {
		state = fmt.Sprintf("%s (Result: %s)", active, r)
	}
	state = a.colour(stateColour(active), state)
	at := p.Number("StateChangeTimestamp")
	switch active {
	case "active", "reloading", "refreshing":
		at = p.Number("ActiveEnterTimestamp")
	case "inactive", "failed":
		at = p.Number("InactiveEnterTimestamp")
	case "activating":
		at = p.Number("InactiveExitTimestamp")
	case "deactivating":
		at = p.Number("ActiveExitTimestamp")
	}
	if at != 0 {
		state += fmt.Sprintf(" since %s; %s", stamp(at), ago(at))
	}
	if f := p.Text("FreezerState"); f != "" && f != "running" {
		state += " (" + f + ")"
	}
	a.line("Active", "%s", state)
	if why := p.Text("JobWaitsFor"); why != "" {
		a.line("Job", "%s", visible(why))
	}
	if p.Number("ConditionTimestamp") != 0 && !p.Flag("ConditionResult") {
		a.line("Condition", "start condition failed at %s", stamp(p.Number("ConditionTimestamp")))
		conds, _ := p.Get("Conditions").([]any)
		for _, c := range conds {
			if f, ok := c.([]any); ok && len(f) == 5 && f[4] != int32(1) {
				a.line("", "└─ %s", conditionText(f))
			}
		}
	}
}

// triggers prints units with the dot of their own state.
func (a *app) triggers(label string, names []string) {
	var lines []string
	for _, n := range names {
		state, _ := a.conn.Active(n)
		lines = append(lines, a.dot(state)+" "+n)
	}
	a.more(label, lines)
}

func (a *app) listens(p client.Props) {
	list, _ := p.Get("Listen").([]any)
	var lines []string
	for _, l := range list {
		if f, ok := l.([]any); ok && len(f) == 2 {
			lines = append(lines, visible(structText("a(ss)", f)))
		}
	}
	a.more("Listen", lines)
	if p.Flag("Accept") {
		a.line("Accepted", "%d; Connected: %d; Refused: %d", p.Number("NAccepted"), p.Number("NConnections"), p.Number("NRefused"))
	}
}

// processLines are those about processes and what they use.
func (a *app) processLines(p client.Props) {
	main, control := p.Number("MainPID"), p.Number("ControlPID")
	how := exitShort(p.Number("ExecMainCode"), p.Number("ExecMainStatus"))
	switch {
	case main != 0 && p.Number("ExecMainExitTimestamp") < max(1, p.Number("ExecMainStartTimestamp")):
		a.line("Main PID", "%s", pidName(main))
	case isJobFile(p.Text("FragmentPath")) && neverRan(p.Text("Failure")):
	case how != "" && p.Number("ExecMainExitTimestamp") != 0:
		at := p.Number("ExecMainExitTimestamp")
		a.line("Last exit", "%s, %s", how, ago(at))
	}
	if control != 0 {
		a.line("Control PID", "%s", pidName(control))
	}
	if s := p.Text("StatusText"); s != "" {
		a.line("Status", "%q", s)
	}
	figure := func(label, name string, f func(uint64) string) {
		if v := p.Number(name); p.Get(name) != nil && v != 1<<64-1 {
			a.line(label, "%s", f(v))
		}
	}
	figure("Tasks", "TasksCurrent", func(n uint64) string {
		if limit := p.Number("TasksMax"); limit != 1<<64-1 {
			return fmt.Sprintf("%d (limit: %d)", n, limit)
		}
		return fmt.Sprint(n)
	})
	figure("Memory", "MemoryCurrent", func(n uint64) string {
		s := size(n)
		if peak := p.Number("MemoryPeak"); peak != 1<<64-1 && peak != 0 {
			s += " (peak: " + size(peak) + ")"
		}
		return s
	})
	figure("CPU", "CPUUsageNSec", func(n uint64) string { return coarse(time.Duration(n)) })
	a.cgroup(p)
}

// pidName is "4711 (nginx)", where the process is to be seen from here.
func pidName(pid uint64) string {
	comm, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	if err != nil {
		return fmt.Sprint(pid)
	}
	return fmt.Sprintf("%d (%s)", pid, visible(strings.TrimSpace(string(comm))))
}

func (a *app) cgroup(p client.Props) {
	procs, err := a.conn.Processes(p.Text("Id"))
	group := p.Text("ControlGroup")
	if err != nil || len(procs) == 0 {
		return
	}
	label := "CGroup"
	if group == "" {
		label, group = "Processes", fmt.Sprint(len(procs))
	}
	a.line(label, "%s", group)
	slices.SortFunc(procs, func(x, y client.Process) int { return int(x.Pid) - int(y.Pid) })
	for i, proc := range procs {
		branch := "├─"
		if i == len(procs)-1 {
			branch = "└─"
		}
		a.line("", "%s%d %s", branch, proc.Pid, visible(proc.Command))
	}
}

// rouseLines are what systemd does not know.
func (a *app) rouseLines(p client.Props) {
	if kindOf(p) == unit.KindSocket {
		a.idleLine(p)
		if h := p.Text("Handover"); h != "" && h != "pass" {
			a.line("Handover", "%s", h)
		}
	}
	if n, m := p.Number("Wakes"), p.Number("Sleeps"); n+m > 0 {
		a.line("Wakes", "%d (and %d sleeps)", n, m)
	}
	if kindOf(p) == unit.KindSlice {
		a.ceilingLine(p)
	}
	if kindOf(p) == unit.KindService {
		a.tierLines(p)
		if at := p.Number("IdleSinceTimestamp"); at != 0 {
			a.line("Idle", "since %s; %s", stamp(at), ago(at))
		}
		if p.Flag("Inhibited") {
			a.line("Idle", "no: it says that it is busy (X_ROUSE_BUSY=1)")
		}
	}
	a.jobLines(p)
	if c := p.Text("Cause"); c != "" && !explained(p.Text("Failure"), c) {
		a.line("Because", "%s", visible(c))
	}
	if f := p.Text("Failure"); f != "" {
		a.more("Failure", visibleLines(f))
	}
	if list := p.List("Unsupported"); len(list) > 0 {
		a.printf("Not supported: %s\n", counted(len(list), "directive"))
		for _, l := range list {
			a.printf("    %s\n", strings.Join(visibleLines(l), "\n    "))
		}
	}
}

func (a *app) idleLine(p client.Props) {
	action, after := p.Text("IdleAction"), p.Number("IdleUSec")
	if action == "" {
		return
	}
	span := coarse(time.Duration(after) * time.Microsecond)
	if at := p.Number("IdleSinceTimestamp"); at != 0 {
		a.line("Idle", "since %s; %s; %s after %s", stamp(at), ago(at), action, span)
		return
	}
	a.line("Idle", "%s after %s without a connection", action, span)
}

// outputLines prints the last lines that the unit wrote. Who may not read
// them is not told so: it is no part of the question.
func (a *app) outputLines(name string) {
	if a.opt.lines <= 0 {
		return
	}
	lines, err := a.conn.Logs(name, uint32(a.opt.lines))
	if err != nil || len(lines) == 0 {
		return
	}
	a.printf("\n")
	for _, l := range lines {
		a.printf("%s\n", l)
	}
}
