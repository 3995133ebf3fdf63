// SPDX-License-Identifier: Apache-2.0

package systemd

import (
	"math"
	"slices"
	"strings"
	"time"

	"github.com/rouse-init/rouse/internal/diag"
	"github.com/rouse-init/rouse/internal/unit"
)

// The defaults of systemd-system.conf(5), in the units of unit.Unit.
const (
	defaultTimeout       = 90 * time.Second
	defaultRestart       = 100 * time.Millisecond
	defaultLimitInterval = 10 * time.Second
	defaultLimitBurst    = 5
)

// Signals that are defaults.
const (
	sigHUP  = 1
	sigABRT = 6
	sigKILL = 9
	sigTERM = 15
)

// Instance compiles the files into a unit called name: an instance of the
// template, or any other unit that the files are for. See Compile.
func (t *Template) Instance(name string) (*unit.Unit, diag.List) {
	b := builds.Get().(*build)
	b.opt, b.files = &t.opt, t.files
	b.begin(name)
	for _, f := range t.files {
		b.file = f
		for i := range f.Assigns {
			b.assign(&f.Assigns[i])
		}
	}
	b.a = nil
	b.finish()
	u, list := b.u, b.diags.list
	b.release()
	return u, list
}

// begin makes the unit with the defaults of its kind.
func (b *build) begin(name string) {
	b.names = names{Parts: unit.Split(name), full: name}
	for _, f := range b.files {
		if !f.DropIn {
			b.names.fragment = f.Name
			break
		}
	}
	kind := b.names.Kind
	switch kind {
	case unit.KindService:
		both := new(struct {
			u unit.Unit
			s unit.Service
		})
		b.u, b.svc = &both.u, &both.s
		b.u.Service = b.svc
		*b.svc = unit.Service{
			GuessMainPID: true, ReloadSignal: sigHUP,
			RestartSec: defaultRestart, RestartMaxDelay: unit.Infinity,
			TimeoutStart: defaultTimeout, TimeoutStop: defaultTimeout, RuntimeMax: unit.Infinity,
		}
	case unit.KindSocket:
		both := new(struct {
			u unit.Unit
			s unit.Socket
		})
		b.u, b.sock = &both.u, &both.s
		b.u.Socket = b.sock
		*b.sock = unit.Socket{
			IdleSec: unit.Infinity, Backlog: math.MaxUint32, MaxConnections: 64,
			Mode: 0o666, DirMode: 0o755, Timeout: defaultTimeout,
		}
	default:
		b.u = new(unit.Unit)
	}
	u := b.u
	u.Name, u.Kind, u.Fragment = name, kind, b.names.fragment
	u.DefaultDependencies = true
	u.OnSuccessJobMode = unit.ModeFail
	u.FailureActionExit, u.SuccessActionExit = -1, -1
	u.StartLimitInterval, u.StartLimitBurst = defaultLimitInterval, defaultLimitBurst
	u.IgnoreOnIsolate = ownSection(kind)&(inSlice|inScope|inDevice|inSwap|inMount|inAutomount) != 0
	if name == "-.slice" || name == "system.slice" && !b.opt.User {
		u.Perpetual, u.DefaultDependencies = true, false
	}
	b.exec = unit.Exec{Umask: -1, IgnoreSIGPIPE: true}
	b.kill = unit.Kill{
		Signal: sigTERM, FinalSignal: sigKILL, WatchdogSignal: sigABRT, SendSIGKILL: true,
	}
	b.dirMode = [5]uint32{0o755, 0o755, 0o755, 0o755, 0o755}
	b.dirKeep = unit.PreserveNo
}

// assign applies one assignment.
func (b *build) assign(a *Assign) {
	if a.bit == 0 {
		return
	}
	b.a, b.at = a, 0
	if a.bit&(inUnit|inInstall|ownSection(b.u.Kind)) == 0 {
		b.wrongSection(a)
		return
	}
	d := a.dir
	if d == nil {
		return
	}
	err := d.set(b, a.Value)
	if err != nil {
		b.report(err)
		return
	}
	b.at = 0
	switch {
	case d.Support == Obsolete:
		b.diags.add(diag.Diagnostic{
			Pos: a.KeyPos(b.file.Name), Severity: diag.Warning, Code: CodeObsolete, Unit: b.u.Name,
			Msg: d.Name + "= is obsolete, ignoring it", Fix: d.Instead,
		})
	case d.Support == Works && (a.bit&live != 0 || d.everywhere()):
	default:
		b.unsupported(a, d)
	}
}

// unsupported reports a directive without effect: once for the unit's status
// and as a warning, or only as a note where the value asks for nothing.
func (b *build) unsupported(a *Assign, d *Directive) {
	if strings.Contains(d.Name, "Credential") {
		b.set.credential = true
	}
	out := diag.Diagnostic{
		Pos: a.KeyPos(b.file.Name), Severity: diag.Warning, Code: CodeUnsupported, Unit: b.u.Name, Msg: d.msg,
	}
	if d.Support == Insecure {
		out.Code = CodeInsecure
	}
	if out.Msg == "" { // it would work in a service
		out.Msg = d.Name + "= is not supported: " + insteadIn(a.bit)
	}
	if asksNothing(a.Value) {
		out.Severity = diag.Note
		out.Msg = d.Name + "= is not supported, but asks for nothing here"
	} else {
		b.unsup = append(b.unsup, out)
	}
	b.diags.add(out)
}

// asksNothing tells of values that reset a list or switch something off.
func asksNothing(v string) bool {
	switch v {
	case "", "no", "false", "off", "0", "infinity", "default", "inherit":
		return true
	}
	return false
}

func (b *build) wrongSection(a *Assign) {
	if b.wrong&a.bit != 0 {
		return
	}
	b.wrong |= a.bit
	b.diags.add(diag.Diagnostic{
		Pos: a.KeyPos(b.file.Name), Severity: diag.Warning, Code: CodeWrongKind, Unit: b.u.Name,
		Msg: "a " + b.u.Kind.Suffix() + " has no section [" + a.Section + "], ignoring it",
	})
}

// finish applies the rules that need the whole unit and moves what was
// collected into the model.
func (b *build) finish() {
	u := b.u
	if b.svc != nil {
		b.finishService()
	}
	if b.sock != nil {
		b.finishSocket()
	}
	b.slice()
	b.implicit()
	if u.DefaultDependencies {
		b.defaults()
	}
	u.Resources = b.resource.finish(b)
	if b.set.credential && b.svc != nil && !b.set.typ && u.Service.Type == unit.TypeSimple {
		u.Service.Type = unit.TypeExec // systemd.service(5), Type=
	}
	u.Deps = exactDeps(b.deps)
	if len(b.conds) > 0 {
		u.Conditions = slices.Clone(b.conds)
	}
	if i := &b.install; i.Aliases != nil || i.WantedBy != nil || i.RequiredBy != nil || i.UpheldBy != nil ||
		i.Also != nil || i.DefaultInstance != "" {
		kept := *i
		u.Install = &kept
	}
	if len(b.unsup) > 0 {
		u.Unsupported = slices.Clip(b.unsup)
	}
	if b.fatal != nil {
		u.Load, u.LoadErr = unit.BadSetting, b.fatal
		return
	}
	b.takeCommands()
}

// takeCommands gives the unit its commands, those of one phase together.
func (b *build) takeCommands() {
	if len(b.commands) == 0 {
		return
	}
	slices.SortStableFunc(b.commands, func(x, y unit.Command) int { return int(x.Phase) - int(y.Phase) })
	commands := slices.Clone(b.commands)
	if b.svc != nil {
		b.svc.Commands = commands
	}
	if b.sock != nil {
		b.sock.Commands = commands
	}
}

// exactDeps copies deps without what is there twice. An explicit dependency
// stands before an equal implicit one, so that it is the one that stays.
func exactDeps(deps []unit.Dep) []unit.Dep {
	kept := deps[:0]
	for _, d := range deps {
		if !slices.ContainsFunc(kept, func(k unit.Dep) bool { return k.Kind == d.Kind && k.Name == d.Name }) {
			kept = append(kept, d)
		}
	}
	return slices.Clone(kept)
}
