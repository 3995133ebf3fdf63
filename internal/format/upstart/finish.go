// SPDX-License-Identifier: Apache-2.0

package upstart

import (
	"fmt"
	"slices"

	"github.com/rouse-init/rouse/internal/diag"
	"github.com/rouse-init/rouse/internal/unit"
)

// finish makes the unit of what the stanzas have said.
func (b *build) finish() *unit.Unit {
	u := b.u
	u.OnSuccessJobMode = unit.ModeFail
	u.FailureActionExit, u.SuccessActionExit = -1, -1
	u.Slice = "system.slice"
	if b.opt.User {
		u.Slice = "app.slice"
	}
	if !unit.ValidName(u.Name) {
		b.fail(diag.Pos{}, CodeName, "cannot load: the name of a job has 1 to 247 bytes, fewer where some are escaped", "rename the file")
	}
	b.dependencies()
	b.cgroups()
	u.Service = b.service()
	b.events()
	// Stanzas of an override are told where they are applied, and those
	// without effect last: the reader wants them by file and line.
	b.sortByLine()
	if i := firstError(b.list); i >= 0 {
		first := b.list[i]
		u.Load, u.LoadErr = unit.BadSetting, &first
		u.Service.Commands = nil
		u.Events = nil
	}
	return u
}

func (b *build) sortByLine() {
	files := append([]string{b.u.Fragment}, b.u.DropIns...)
	rank := func(d diag.Diagnostic) int {
		if i := slices.Index(files, d.Pos.File); i >= 0 {
			return i
		}
		return len(files)
	}
	slices.SortStableFunc(b.list, func(x, y diag.Diagnostic) int {
		if c := rank(x) - rank(y); c != 0 {
			return c
		}
		return int(x.Pos.Line - y.Pos.Line)
	})
}

func (b *build) dependencies() {
	u := b.u
	dep := func(name string, implicit bool) {
		for _, k := range []unit.DepKind{unit.Requires, unit.After} {
			u.Deps = append(u.Deps, unit.Dep{Kind: k, Implicit: implicit, Name: name})
		}
	}
	for _, n := range b.needs {
		switch {
		case n.unit == u.Name:
			b.fail(n.pos, CodeName, "cannot load: the job needs itself", "remove it")
			continue
		case !unit.ValidName(n.unit):
			b.fail(n.pos, CodeName, "cannot read needs: "+quote(n.name)+" is not the name of a job or unit", "")
			continue
		}
		b.job.Needs = append(b.job.Needs, n.name)
		dep(n.unit, false)
	}
	if b.busName != "" && u.Name != busUnit && !slices.ContainsFunc(b.needs, func(n need) bool { return n.unit == busUnit }) {
		dep(busUnit, true)
	}
	dep(u.Slice, true)
}

func (b *build) cgroups() {
	var files []string
	for i, c := range b.job.Cgroups {
		a, ok := cgroupAttribute(c)
		if !ok {
			if c.Key == "" && (c.Name == "" || c.Name == ownCgroup) {
				continue // a group of its own: every job has that
			}
			b.unsupported(b.cgroupPos[i], "cgroup "+quote(c.Controller)+" has no effect: every job has a control group of its own, and this setting is not known", "")
			continue
		}
		a.Pos = b.cgroupPos[i]
		if b.u.Resources == nil {
			b.u.Resources = &unit.Resources{}
		}
		b.u.Resources.Attributes = append(b.u.Resources.Attributes, a)
		files = append(files, c.Controller)
	}
	if b.u.Resources != nil {
		slices.Sort(files)
		b.u.Resources.Controllers = slices.Compact(files)
	}
}

// service is the job as a service. Nothing of systemd's restarting is used:
// the engine respawns from the Job.
func (b *build) service() *unit.Service {
	exec := b.exec
	s := &unit.Service{
		RestartMode:     unit.RestartDirect,
		ReloadSignal:    b.reload,
		RestartMaxDelay: unit.Infinity,
		TimeoutStart:    unit.Infinity,
		TimeoutStop:     b.killTimeout,
		RuntimeMax:      unit.Infinity,
		BusName:         b.busName,
		Kill:            b.kill,
		Exec:            &exec,
		Job:             b.job,
	}
	if b.busName != "" {
		s.Type = unit.TypeDBus
	}
	if b.job.Expect == unit.ExpectListen {
		s.Readiness = unit.ReadyListen
	}
	s.RemainAfterExit = true
	for _, c := range append(slices.Clone(b.processes[:]), b.security) {
		if c.Path != "" {
			s.Commands = append(s.Commands, c)
			s.RemainAfterExit = s.RemainAfterExit && c.Phase != unit.PhaseStart
		}
	}
	if len(b.normal.Codes)+len(b.normal.Signals) > 0 {
		normal := b.normal
		b.job.NormalExit = &normal
	}
	consoleStdio(&exec, b.job.Console)
	return s
}

// events puts the expressions together: start on first, then the causes in
// their order; the first to come true counts.
func (b *build) events() {
	start, stop := b.startOn, b.stopOn
	for _, c := range b.causes {
		if len(start) > maxTerms || len(stop) > maxTerms {
			break
		}
		b.job.Stanzas = append(b.job.Stanzas, unit.Stanza{Text: c.text, StartOn: c.start, StopOn: c.stop})
		start, stop = either(start, c.start), either(stop, c.stop)
	}
	for _, n := range b.needs {
		b.job.Stanzas = append(b.job.Stanzas, unit.Stanza{Text: "needs " + quoteWord(n.name)})
	}
	if len(start) > maxTerms || len(stop) > maxTerms {
		b.fail(diag.Pos{}, CodeLimit, fmt.Sprintf("cannot load: all that starts or stops the job has more than %d events and operators", maxTerms), "")
	}
	if len(start)+len(stop)+len(b.emits)+len(b.export) > 0 {
		b.u.Events = &unit.Events{StartOn: start, StopOn: stop, Emits: b.emits, Export: b.export}
	}
}

// either joins two expressions with or. It leaves both as they are.
func either(x, y unit.Expr) unit.Expr {
	switch {
	case len(x) == 0:
		return y
	case len(y) == 0:
		return x
	}
	return append(slices.Concat(x, y), unit.Term{Op: unit.OpOr, Pos: y[len(y)-1].Pos})
}
