// SPDX-License-Identifier: Apache-2.0

package systemd

import (
	"strings"

	"github.com/rouse-init/rouse/internal/unit"
)

// finishService applies the defaults and refusals of systemd.service(5).
func (b *build) finishService() {
	s := b.svc
	starts := b.count(unit.PhaseStart)
	if !b.set.typ {
		switch {
		case s.BusName != "":
			s.Type = unit.TypeDBus
		case starts > 0:
			s.Type = unit.TypeSimple
		default:
			s.Type = unit.TypeOneshot
		}
	}
	b.checkService(starts)
	if s.Type == unit.TypeOneshot && !b.set.timeoutStart {
		s.TimeoutStart = unit.Infinity
	}
	if s.NotifyAccess == unit.NotifyNone &&
		(s.Type == unit.TypeNotify || s.Type == unit.TypeNotifyReload || s.Watchdog > 0 || s.FDStoreMax > 0) {
		s.NotifyAccess = unit.NotifyMain
	}
	if b.resource.delegate && !b.set.oomPolicy {
		s.OOMPolicy = unit.OOMContinue
	}
	s.Kill = b.kill
	s.Exec = b.finishExec()
}

func (b *build) checkService(starts int) {
	s, u := b.svc, b.u
	oneshot := s.Type == unit.TypeOneshot
	switch {
	case b.fatal != nil: // one reason is enough, and the rest may follow from it
	case starts == 0 && b.count(unit.PhaseStop) == 0 && u.SuccessAction == unit.ActionNone:
		b.refuse("", "the service has neither ExecStart= nor ExecStop= nor SuccessAction=", "add ExecStart=/path/to/program to [Service]")
	case starts == 0 && !oneshot:
		b.refuse("Type", "the service has no ExecStart=, which goes with Type=oneshot only", "add ExecStart=/path/to/program to [Service]")
	case starts == 0 && !s.RemainAfterExit && u.SuccessAction == unit.ActionNone:
		b.refuse("", "the service has no ExecStart= and would end at once", "add RemainAfterExit=yes to [Service]")
	case starts > 1 && !oneshot:
		b.refuse("ExecStart", "the service has more than one ExecStart=, which goes with Type=oneshot only",
			"put an empty ExecStart= before the last one, or set Type=oneshot")
	case oneshot && (s.Restart == unit.RestartAlways || s.Restart == unit.RestartOnSuccess):
		b.refuse("Restart", "Restart=always and Restart=on-success do not go with Type=oneshot", "set Restart=on-failure")
	case oneshot && s.ExitType == unit.ExitCgroup:
		b.refuse("ExitType", "ExitType=cgroup does not go with Type=oneshot", "")
	case s.Type == unit.TypeDBus && s.BusName == "":
		b.refuse("Type", "Type=dbus needs BusName=", "add BusName= to [Service]")
	}
	if oneshot && s.RuntimeMax != unit.Infinity {
		b.note("RuntimeMaxSec", "RuntimeMaxSec= has no effect with Type=oneshot", "use TimeoutStartSec=")
	}
	if oneshot && s.Sleeps() {
		b.note("X-IdleSec", "X-IdleSec= and X-IdleWhenUnneeded= have no effect with Type=oneshot, which is never up for long", "remove them")
	}
	switch {
	case s.RestartMaxDelay == unit.Infinity && s.RestartSteps > 0:
		b.note("RestartSteps", "RestartSteps= has no effect without RestartMaxDelaySec=", "add RestartMaxDelaySec=")
	case s.RestartMaxDelay != unit.Infinity && s.RestartSteps == 0:
		b.note("RestartMaxDelaySec", "RestartMaxDelaySec= has no effect without RestartSteps=", "add RestartSteps=")
	case s.RestartMaxDelay < s.RestartSec:
		b.note("RestartMaxDelaySec", "RestartMaxDelaySec= is shorter than RestartSec=, using it for both", "")
		s.RestartSec = s.RestartMaxDelay
	}
}

func (b *build) count(p unit.Phase) (n int) {
	for i := range b.commands {
		if b.commands[i].Phase == p {
			n++
		}
	}
	return n
}

// finishSocket applies the defaults and refusals of systemd.socket(5).
func (b *build) finishSocket() {
	s := b.sock
	for _, f := range b.files {
		for i := range f.Assigns {
			if f.Assigns[i].bit == inSocket && s.Pos.File == "" {
				s.Pos = f.Assigns[i].KeyPos(f.Name)
			}
		}
	}
	b.acceptable()
	switch {
	case b.fatal != nil:
	case len(s.Listens) == 0:
		b.refuse("", "the socket listens on nothing", "add ListenStream=PORT or another Listen…= to [Socket]")
	case s.Accept && s.MaxConnections == 0:
		b.refuse("MaxConnections", "MaxConnections=0 lets nobody connect", "set it to 1 or more")
	case s.Accept && b.set.serviceOf:
		b.refuse("Service", "Service= does not go with Accept=yes, where instances of "+b.names.Prefix+"@.service run", "remove Service=")
	case s.Accept && (s.Handover == unit.HandoverBind || s.Handover == unit.HandoverBoth):
		b.refuse("X-Handover", "X-Handover=bind hands over the listening socket, which does not go with Accept=yes", "remove one of them")
	case len(s.Symlinks) > 0 && b.nodes() != 1:
		b.refuse("Symlinks", "Symlinks= needs exactly one address that is a path", "")
	}
	if s.IdleSec != unit.Infinity && s.Accept {
		b.note("X-IdleSec", "X-IdleSec= has no effect with Accept=yes: each service ends with its connection", "remove one of them")
	}
	if s.IdleAction == unit.IdleFreeze && s.IdleSec == unit.Infinity {
		b.note("X-IdleAction", "X-IdleAction= has no effect in [Socket] without X-IdleSec= there", "add X-IdleSec= to [Socket], or put both into [Service]")
	}
	if s.Accept {
		s.Service = b.names.Prefix + "@.service"
	} else if s.Service == "" {
		s.Service = unit.WithKind(b.u.Name, unit.KindService)
	}
	b.distribute()
	if s.Bridge != nil {
		b.finishBridge()
	}
	if s.FDName == "" {
		s.FDName = b.u.Name
		if s.Accept {
			s.FDName = "connection"
		}
	}
	b.limits()
	if b.set.options {
		o := b.options
		s.Options = &o
	}
	s.Kill = b.kill
	if len(b.commands) > 0 || b.execUsed {
		s.Exec = b.finishExec()
	}
	for _, l := range s.Listens {
		if l.Address[0] == '/' && l.Kind != unit.ListenMessageQueue {
			b.u.RequiresMountsFor = append(b.u.RequiresMountsFor, l.Address)
		}
	}
}

// acceptable settles Accept=yes: it means nothing for addresses without
// connections, and cannot mean two things in one unit.
func (b *build) acceptable() {
	s := b.sock
	if !s.Accept {
		return
	}
	streams := 0
	for _, l := range s.Listens {
		if l.Kind == unit.ListenStream || l.Kind == unit.ListenSeqpacket {
			streams++
		}
	}
	switch {
	case streams == len(s.Listens):
	case streams == 0:
		b.note("Accept", "Accept=yes has no effect: none of the addresses takes connections", "remove it")
		s.Accept = false
	case b.fatal == nil:
		b.refuse("Accept", "Accept=yes goes only with addresses that take connections", "move the others to a socket of their own")
	}
}

// limits fills in the limits of activation: systemd.socket(5),
// TriggerLimitIntervalSec= and PollLimitIntervalSec=.
func (b *build) limits() {
	s := b.sock
	if !b.set.triggerIval {
		s.TriggerInterval = 2e9
	}
	if !b.set.pollIval {
		s.PollInterval = 2e9
	}
	trigger, poll := uint32(20), uint32(15)
	if s.Accept {
		trigger, poll = 200, 150
	}
	if !b.set.triggerBurst {
		s.TriggerBurst = trigger
	}
	if !b.set.pollBurst {
		s.PollBurst = poll
	}
}

// nodes counts the addresses that are nodes of the file system.
func (b *build) nodes() (n int) {
	for _, l := range b.sock.Listens {
		if l.Address[0] == '/' && l.Kind != unit.ListenMessageQueue && l.Kind != unit.ListenSpecial {
			n++
		}
	}
	return n
}

// plainExec is the environment of units that say nothing about theirs.
var plainExec = &unit.Exec{Umask: -1, IgnoreSIGPIPE: true}

// finishExec settles the environment and shares it where it can be shared.
func (b *build) finishExec() *unit.Exec {
	if !b.execUsed {
		return plainExec
	}
	x := &b.exec
	two := false // standard input is also fit for output
	switch x.Stdin.Kind {
	case unit.StdioTTY, unit.StdioTTYForce, unit.StdioTTYFail, unit.StdioSocket, unit.StdioFD:
		two = true
	case unit.StdioDefault:
		if len(x.StdinData) > 0 {
			x.Stdin.Kind = unit.StdioData
		}
	default:
	}
	// systemd.exec(5), StandardOutput=: inherit is the default where input
	// can be written to, and means the default where it cannot.
	switch {
	case two && x.Stdout.Kind == unit.StdioDefault:
		x.Stdout.Kind = unit.StdioInherit
	case !two && x.Stdout.Kind == unit.StdioInherit:
		x.Stdout.Kind = unit.StdioDefault
	}
	for i := range x.Dirs {
		d := &x.Dirs[i]
		d.Mode = b.dirMode[d.Kind]
		if d.Kind == unit.RuntimeDir {
			d.Preserve = b.dirKeep
		} else {
			d.Preserve = unit.PreserveYes
		}
		root, err := b.opt.Facts.specifier("tSCLE"[d.Kind], b.opt.User)
		if err == nil && d.Kind != unit.RuntimeDir {
			b.u.RequiresMountsFor = append(b.u.RequiresMountsFor, root+"/"+d.Name)
		}
	}
	if s := x.Sched; s != nil {
		if s.IOPriority >= 0 && s.IOClass < 0 {
			s.IOClass = 2 // best-effort, IOPRIO_CLASS_BE
		} else if s.IOPriority < 0 {
			s.IOPriority = 4 // IOPRIO_BE_NORM
		}
	}
	for _, dir := range [...]string{x.WorkingDirectory, x.RootDirectory} {
		if strings.HasPrefix(dir, "/") && dir != "/" && (!x.WorkingDirMissingOK || dir != x.WorkingDirectory) {
			b.u.RequiresMountsFor = append(b.u.RequiresMountsFor, dir)
		}
	}
	return b.opt.Interner.share(b, x)
}

// slice puts the unit into its slice: systemd.resource-control(5), Slice=.
func (b *build) slice() {
	u := b.u
	bit := ownSection(u.Kind)
	switch {
	case bit == inSlice:
		u.Slice = unit.SliceParent(u.Name)
		if !unit.ValidSlice(u.Name) && b.fatal == nil {
			b.refuse("", "not the name of a slice: no part between its dashes may be empty, and it has no instances", "")
		}
	case bit&inCgroup == 0:
		return
	case b.set.slice:
	case b.names.Instance != "" && b.opt.User:
		u.Slice = "app-" + unit.Escape(b.names.Prefix) + ".slice"
	case b.names.Instance != "":
		u.Slice = "system-" + unit.Escape(b.names.Prefix) + ".slice"
	case b.opt.User:
		u.Slice = "app.slice"
	default:
		u.Slice = "system.slice"
	}
}

func (b *build) dep(name string, kinds ...unit.DepKind) {
	if name == b.u.Name {
		return
	}
	for _, k := range kinds {
		b.deps = append(b.deps, unit.Dep{Kind: k, Implicit: true, Name: name})
	}
}

// implicit adds the dependencies that follow from other settings; they stay
// with DefaultDependencies=no.
func (b *build) implicit() {
	u := b.u
	if u.Slice != "" {
		b.dep(u.Slice, unit.Requires, unit.After)
	}
	switch {
	case b.svc != nil:
		for _, s := range b.svc.Sockets {
			b.dep(s, unit.Wants, unit.After)
		}
		if b.svc.Type == unit.TypeDBus {
			b.dep("dbus.socket", unit.Requires, unit.After)
		}
	case b.sock != nil:
		if !b.sock.Accept && b.sock.Distribute == 0 {
			b.dep(b.sock.Service, unit.Before, unit.Triggers)
		}
	case u.Kind == unit.KindTimer || u.Kind == unit.KindPath:
		b.dep(b.triggeredBy(), unit.Before, unit.Triggers)
	}
}

// defaults adds what DefaultDependencies=yes stands for. What a target wants
// it is also ordered after; that depends on the other units, so that load
// adds it.
func (b *build) defaults() {
	system := !b.opt.User
	switch ownSection(b.u.Kind) {
	case inService:
		if system {
			b.dep("sysinit.target", unit.Requires, unit.After)
			b.dep("basic.target", unit.After)
		} else {
			b.dep("basic.target", unit.Requires, unit.After)
		}
	case inSocket:
		b.dep("sockets.target", unit.Before)
	case inTimer:
		b.dep("timers.target", unit.Before)
	case inPath:
		b.dep("paths.target", unit.Before)
	case inTarget, inSlice:
	default:
		return
	}
	if system && ownSection(b.u.Kind)&(inSocket|inTimer|inPath) != 0 {
		b.dep("sysinit.target", unit.Requires, unit.After)
	}
	b.dep("shutdown.target", unit.Before, unit.Conflicts)
}
