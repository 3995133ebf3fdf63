// SPDX-License-Identifier: Apache-2.0

package launchd

import (
	"math"
	"path/filepath"
	"slices"
	"time"

	"github.com/rouse-init/rouse/internal/diag"
	"github.com/rouse-init/rouse/internal/unit"
)

// The defaults of systemd-system.conf(5), which count where launchd has none
// of its own, and the kernel's numbers of the signals.
const (
	timeout  = 90 * time.Second
	pollSpan = 2 * time.Second
	sigHUP   = 1
	sigABRT  = 6
	sigKILL  = 9
	sigTERM  = 15
)

// finish makes the units of what the keys have said.
func (b *build) finish() *Job {
	b.decide()
	if !unit.ValidName(b.stem() + "@.service") {
		b.fail(b.labelPos, "", "cannot load: the label makes no valid name of a unit")
	}
	if b.inetd && len(b.sockets) == 0 {
		b.fail(b.labelPos, "", "cannot load: inetdCompatibility needs Sockets")
	}
	for _, s := range b.sockets {
		if !s.bad {
			b.place(s)
		}
	}
	b.nameSockets()
	for _, s := range b.sockets {
		if !unit.ValidName(s.unit + ".service") {
			b.fail(s.pos, "give the job a shorter label", "cannot load: the label and the key %.80q make no valid name of a unit", s.key)
			break
		}
	}
	j := &Job{Label: b.label, File: b.path, Pos: b.labelPos, Off: b.off != "", Why: b.off, units: map[string]*unit.Unit{}}
	command, _ := b.command()
	switch {
	case b.inetd && len(b.sockets) > 0:
		b.inetdUnits(j, command)
	default:
		b.plainUnits(j, command)
	}
	b.tellUnused(j)
	b.close(j)
	return j
}

// plainUnits: one service with all sockets, which it takes by LISTEN_FDS.
func (b *build) plainUnits(j *Job, command unit.Command) {
	u := b.unit(b.stem() + ".service")
	s := b.service(u)
	b.keep.fill(s)
	b.state(s)
	s.Commands = append(s.Commands, command)
	for _, sock := range b.sockets {
		s.Sockets = append(s.Sockets, sock.unit+".socket")
	}
	if b.once.Line > 0 {
		u.StartLimitInterval, u.StartLimitBurst = unit.Infinity, 1
		s.Restart, s.RestartForce = unit.RestartNo, nil
	}
	if len(b.startOn)+len(b.stopOn) > 0 && b.off == "" {
		u.Events = &unit.Events{StartOn: b.startOn, StopOn: b.stopOn}
	}
	if b.runAt || b.keep.atLoad && !b.keep.afterDemand {
		j.Load = append(j.Load, u.Name)
	}
	b.depend(u)
	for _, sock := range b.sockets {
		for _, kind := range []unit.DepKind{unit.Wants, unit.After} {
			u.Deps = append(u.Deps, unit.Dep{Kind: kind, Implicit: true, Name: sock.unit + ".socket"})
		}
	}
	b.add(j, u)
	for _, sock := range b.sockets {
		b.add(j, b.socketUnit(j, sock, u.Name))
	}
}

// tellUnused tells of keys that have no effect together with others.
func (b *build) tellUnused(j *Job) {
	switch {
	case b.mach.Line == 0:
	case len(j.Load)+len(b.startOn)+len(b.sockets) == 0:
		b.report(diag.Warning, CodeUnsupported, b.mach, "cannot use MachServices: there is no Mach, and nothing else starts the job", "set RunAtLoad or KeepAlive")
	default:
		b.report(diag.Note, CodeUnsupported, b.mach, "cannot use MachServices: there is no Mach, ignoring", "")
	}
	if b.idle > 0 && !b.idles() {
		b.note(b.idlePos, "TimeOut has no effect: it is for a job with Sockets that is neither kept alive nor started at load, and no server of inetd")
	}
	if b.inetd && b.once.Line > 0 {
		b.note(b.once, "LaunchOnlyOnce has no effect: a server of inetd is started for each client")
	}
}

// idles tells whether the job is stopped when it has no clients.
func (b *build) idles() bool {
	return b.idle > 0 && !b.inetd && len(b.sockets) > 0 && b.keep.restart == 0 && !b.runAt
}

// inetdUnits: a server of inetd. With Wait=false each connection has an
// instance of a template, with Wait=true each socket has a service, since a
// server can have but one as its standard input.
func (b *build) inetdUnits(j *Job, command unit.Command) {
	if b.keep.restart != 0 || b.runAt || len(b.startOn) > 0 {
		b.note(b.labelPos, "is started by its sockets alone, as it has inetdCompatibility")
	}
	services := 1
	if b.wait {
		services = len(b.sockets)
	} else {
		j.accepting = b.stem() + "@.service"
	}
	var made []*unit.Unit
	for i := range services {
		name := j.accepting
		if b.wait {
			name = b.sockets[i].unit + ".service"
		}
		u := b.unit(name)
		s := b.service(u)
		s.Commands = append(s.Commands, command)
		b.inetdStreams(s)
		b.depend(u)
		if b.wait {
			s.Sockets = []string{b.sockets[i].unit + ".socket"}
			for _, kind := range []unit.DepKind{unit.Wants, unit.After} {
				u.Deps = append(u.Deps, unit.Dep{Kind: kind, Implicit: true, Name: s.Sockets[0]})
			}
			made = append(made, b.socketUnit(j, b.sockets[i], name))
			if len(b.sockets[i].listens) > 1 {
				b.fail(b.sockets[i].pos, "give each address a socket of its own", "cannot load: with Wait=true a socket has one address, and this one has %d", len(b.sockets[i].listens))
			}
		} else {
			u.CollectMode = unit.CollectInactiveOrFailed
		}
		made = append(made, u)
	}
	for _, sock := range b.sockets {
		if !b.wait {
			if sock.kind == unit.ListenDatagram {
				b.fail(sock.pos, "set Wait to true", "cannot load: with Wait=false connections are accepted, and a dgram socket has none")
			}
			b.add(j, b.socketUnit(j, sock, j.accepting))
		}
	}
	for _, u := range made { // a template after the sockets: nobody loads it by itself
		b.add(j, u)
	}
}

// inetdStreams connects the standard streams to the socket, but for those that
// have a file. launchd abandons the group of such a job.
func (b *build) inetdStreams(s *unit.Service) {
	x := s.Exec
	s.Kill.Mode = unit.KillProcess
	s.Restart, s.RestartForce, s.RestartPrevent = unit.RestartNo, nil, nil
	x.IgnoreSIGPIPE = false
	x.Stdin.Kind, x.Stdin.Arg = unit.StdioSocket, ""
	if x.Stdout.Kind == unit.StdioDefault {
		x.Stdout.Kind = unit.StdioInherit
	}
	if x.Stderr.Kind != unit.StdioDefault {
		return
	}
	x.Stderr.Kind = unit.StdioInherit
	if b.wait {
		x.Stderr.Kind = unit.StdioJournal // nobody reads from a socket that listens
	}
}

// unit is what all units of the job have.
func (b *build) unit(name string) *unit.Unit {
	u := &unit.Unit{
		Name: name, Kind: unit.KindOf(name), Fragment: b.path, Format: unit.FormatLaunchd, DefaultDependencies: true,
		OnSuccessJobMode: unit.ModeFail, FailureActionExit: -1, SuccessActionExit: -1,
	}
	if u.Description = b.description; u.Description == "" {
		u.Description = b.label + " (launchd)"
		if u.Kind == unit.KindSocket {
			u.Description = "Socket of " + u.Description
		}
	}
	return u
}

func kill(mode unit.KillMode) unit.Kill {
	return unit.Kill{Mode: mode, Signal: sigTERM, FinalSignal: sigKILL, WatchdogSignal: sigABRT, SendSIGKILL: true}
}

// service is the service but for what starts it.
func (b *build) service(u *unit.Unit) *unit.Service {
	exec := b.exec
	exec.Nice, exec.Limits = b.nice, b.resourceLimits()
	if b.sched.IOClass >= 0 {
		sched := b.sched
		exec.Sched = &sched
	}
	mode := unit.KillControlGroup
	if b.abandon {
		mode = unit.KillProcess
	}
	s := &unit.Service{
		GuessMainPID: true, ReloadSignal: sigHUP, RestartMaxDelay: unit.Infinity, Throttle: b.throttle,
		TimeoutStart: timeout, TimeoutStop: b.exitTime, RuntimeMax: unit.Infinity, Kill: kill(mode), Exec: &exec,
	}
	if b.inetd {
		s.Throttle = 0 // servers of inetd are exempt, as under launchd
	}
	if b.exitTime == 0 {
		s.TimeoutStop = unit.Infinity
	}
	if len(b.attributes) > 0 {
		u.Resources = &unit.Resources{Attributes: b.attributes[len(b.attributes)-1:], Controllers: []string{"cpu"}}
	}
	u.Service = s
	if dir := exec.WorkingDirectory; dir != "" && dir != "/" {
		u.RequiresMountsFor = append(u.RequiresMountsFor, dir)
	}
	for _, f := range []unit.Stdio{exec.Stdin, exec.Stdout, exec.Stderr} {
		if dir := filepath.Dir(f.Arg); f.Arg != "" && dir != "/" && !slices.Contains(u.RequiresMountsFor, dir) {
			u.RequiresMountsFor = append(u.RequiresMountsFor, dir)
		}
	}
	return s
}

// socketUnit makes the unit of a socket.
func (b *build) socketUnit(j *Job, s *sock, service string) *unit.Unit {
	u := b.unit(s.unit + ".socket")
	accept := service == j.accepting
	u.Socket = &unit.Socket{
		Listens: s.listens, Service: service, Accept: accept, Pos: s.pos, FDName: s.name,
		IdleSec: unit.Infinity, Backlog: math.MaxUint32, Mode: s.mode, DirMode: 0o755, Timeout: timeout,
		PollInterval: pollSpan, PollBurst: 15, RemoveOnStop: s.path, Kill: kill(unit.KillControlGroup),
	}
	switch {
	case accept:
		u.Socket.FDName, u.Socket.PollBurst = "connection", 150
	case b.inetd:
		u.Socket.Handover = unit.HandoverStdio
	case b.idles():
		u.Socket.IdleSec = b.idle
	}
	if s.secure != nil {
		u.Socket.DirMode = 0o700
	}
	switch {
	case s.family == "ipv4v6" || s.family == "ipv46":
		u.Socket.BindIPv6Only = unit.IPv6Both
	case !s.path:
		u.Socket.BindIPv6Only = unit.IPv6Only
	}
	if s.path && len(s.listens) > 0 {
		u.RequiresMountsFor = append(u.RequiresMountsFor, filepath.Dir(s.listens[0].Address))
	}
	b.depend(u)
	if !accept {
		for _, kind := range []unit.DepKind{unit.Before, unit.Triggers} {
			u.Deps = append(u.Deps, unit.Dep{Kind: kind, Implicit: true, Name: service})
		}
	}
	j.Load = append(j.Load, u.Name)
	return u
}

// depend adds the slice and what DefaultDependencies=yes stands for:
// systemd.service(5), systemd.socket(5), systemd.resource-control(5).
func (b *build) depend(u *unit.Unit) {
	dep := func(name string, kinds ...unit.DepKind) {
		for _, k := range kinds {
			u.Deps = append(u.Deps, unit.Dep{Kind: k, Implicit: true, Name: name})
		}
	}
	u.Slice = "system.slice"
	if b.opt.User {
		u.Slice = "app.slice"
	}
	if unit.IsTemplate(u.Name) {
		u.Slice = u.Slice[:len(u.Slice)-len(".slice")] + "-" + unit.Escape(b.stem()) + ".slice"
	}
	dep(u.Slice, unit.Requires, unit.After)
	switch {
	case u.Kind == unit.KindSocket:
		dep("sockets.target", unit.Before)
		if !b.opt.User {
			dep("sysinit.target", unit.Requires, unit.After)
		}
	case b.opt.User:
		dep("basic.target", unit.Requires, unit.After)
	default:
		dep("sysinit.target", unit.Requires, unit.After)
		dep("basic.target", unit.After)
	}
	dep("shutdown.target", unit.Before, unit.Conflicts)
}

func (b *build) add(j *Job, u *unit.Unit) {
	if u.Kind == unit.KindService && j.service == "" {
		j.service = u.Name
	}
	j.units[u.Name] = u
	j.names = append(j.names, u.Name)
}

// close tells the units what was found: an error keeps all of them from
// loading.
func (b *build) close(j *Job) {
	j.Diags = b.list
	var first *diag.Diagnostic
	var unsupported []diag.Diagnostic
	for i := range j.Diags {
		d := &j.Diags[i]
		d.Unit = j.names[0]
		if d.Severity == diag.Error && first == nil {
			first = d
		}
		if d.Severity == diag.Warning {
			unsupported = append(unsupported, *d)
		}
	}
	for i, name := range j.names {
		u := j.units[name]
		if i == 0 {
			u.Unsupported = unsupported
		}
		if first == nil {
			continue
		}
		d := *first
		d.Unit = name
		u.Load, u.LoadErr, u.Events = unit.BadSetting, &d, nil
		if u.Service != nil {
			u.Service.Commands = nil
		}
	}
	if j.Off || first != nil {
		j.Load = nil
	}
}
