// SPDX-License-Identifier: Apache-2.0

package pair

import (
	"github.com/rouse-init/rouse/internal/unit"
)

func (p *Pair) socket(u *unit.Unit) {
	s := p.Socket
	s.Service = p.ServiceName()
	s.FDName = u.Name
	if s.Accept {
		s.FDName = "connection"
	}
	if s.PollInterval == 0 {
		s.PollInterval, s.PollBurst = pollSpan, 15
		if s.Accept {
			s.PollBurst = 150
		}
	}
	if p.Options != (unit.SocketOptions{}) {
		o := p.Options
		s.Options = &o
	}
	s.Kill = kill(unit.KillControlGroup)
	u.Socket = &s
	u.Description = "Socket of " + p.Name + " (" + p.Format.String() + ")"
	for _, l := range s.Listens {
		if l.Address[0] == '/' {
			u.RequiresMountsFor = append(u.RequiresMountsFor, l.Address)
		}
	}
}

func kill(mode unit.KillMode) unit.Kill {
	return unit.Kill{Mode: mode, Signal: sigTERM, FinalSignal: sigKILL, WatchdogSignal: sigABRT, SendSIGKILL: true}
}

// service makes the service. Of a server that ends with its connection a
// failure is its client's business: nothing is started again, and no start
// limit applies, since the socket has one.
func (p *Pair) service(u *unit.Unit) {
	exec := p.Exec
	s := &unit.Service{
		GuessMainPID: true, ReloadSignal: sigHUP,
		RestartMaxDelay: unit.Infinity,
		TimeoutStart:    timeout, TimeoutStop: timeout, RuntimeMax: unit.Infinity,
		Kill: kill(unit.KillControlGroup),
		Exec: &exec,
	}
	if !p.OneProcess {
		exec.Stdin.Kind, exec.Stdout.Kind = unit.StdioSocket, unit.StdioInherit
		if p.Socket.Accept {
			// As inetd has it: what the server complains of, its client reads.
			exec.Stderr.Kind = unit.StdioInherit
			s.Kill = kill(unit.KillProcess) // children may go on, as they may under inetd
		} else {
			exec.Stderr.Kind = unit.StdioJournal // nobody reads from a socket that listens
		}
	}
	c := p.Command
	c.Phase, c.NoEnv = unit.PhaseStart, true
	s.Commands = []unit.Command{c}
	if !p.Socket.Accept {
		s.Sockets = []string{p.SocketName()}
	} else {
		u.CollectMode = unit.CollectInactiveOrFailed
	}
	u.Service = s
	u.Description = p.Name + " (" + p.Format.String() + ")"
	if dir := exec.WorkingDirectory; dir != "" && dir != "/" {
		u.RequiresMountsFor = append(u.RequiresMountsFor, dir)
	}
}

// dependencies adds what DefaultDependencies=yes stands for, and the slice:
// systemd.service(5), systemd.socket(5), systemd.resource-control(5).
func (p *Pair) dependencies(u *unit.Unit) {
	dep := func(name string, kinds ...unit.DepKind) {
		for _, k := range kinds {
			u.Deps = append(u.Deps, unit.Dep{Kind: k, Implicit: true, Name: name})
		}
	}
	u.Slice = "system.slice"
	if p.User {
		u.Slice = "app.slice"
	}
	if u.Kind == unit.KindService && p.Socket.Accept {
		u.Slice = u.Slice[:len(u.Slice)-len(".slice")] + "-" + unit.Escape(p.Name) + ".slice"
	}
	dep(u.Slice, unit.Requires, unit.After)
	switch {
	case u.Kind == unit.KindSocket:
		if !p.Socket.Accept {
			dep(p.ServiceName(), unit.Before, unit.Triggers)
		}
		dep("sockets.target", unit.Before)
		if !p.User {
			dep("sysinit.target", unit.Requires, unit.After)
		}
	default:
		if !p.Socket.Accept {
			dep(p.SocketName(), unit.Wants, unit.After)
		}
		if p.User {
			dep("basic.target", unit.Requires, unit.After)
		} else {
			dep("sysinit.target", unit.Requires, unit.After)
			dep("basic.target", unit.After)
		}
	}
	dep("shutdown.target", unit.Before, unit.Conflicts)
}
