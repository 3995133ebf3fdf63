// SPDX-License-Identifier: Apache-2.0

// Package pair makes the two units, a socket and the service that it wakes,
// which one line of inetd.conf or one entry of xinetd.conf stands for. The
// formats fill in what they have read; names, defaults and dependencies come
// from here, the same as those of a systemd unit that says as much. It
// imports unit and diag only.
package pair

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/rouse-init/rouse/internal/diag"
	"github.com/rouse-init/rouse/internal/unit"
)

// Pair is one service of a super-server.
type Pair struct {
	// Name is that of both units, without their endings: "echo-tcp".
	Name   string
	Format unit.Format // inetd or xinetd
	File   string
	Pos    diag.Pos // of its line or entry
	User   bool     // units of a user's manager
	// Off: it is defined but switched off, so that it starts only when
	// somebody starts its socket by name.
	Off bool

	Socket  unit.Socket // Listens, Accept, Handover and limits as the format says
	Options unit.SocketOptions
	Command unit.Command
	Exec    unit.Exec
	// OneProcess: a service that the socket starts handles all connections,
	// takes listening sockets by LISTEN_FDS and ends by itself.
	OneProcess bool

	Diags diag.List // all findings, errors among them
}

// The defaults of systemd-system.conf(5), which count where the formats say
// nothing, and the kernel's numbers of the signals.
const (
	timeout  = 90 * time.Second
	sigHUP   = 1
	sigABRT  = 6
	sigKILL  = 9
	sigTERM  = 15
	pollSpan = 2 * time.Second
)

// New starts a pair with the defaults.
func New(format unit.Format, file string, pos diag.Pos) *Pair {
	return &Pair{
		Format: format, File: file, Pos: pos,
		Socket: unit.Socket{IdleSec: unit.Infinity, Backlog: math.MaxUint32, Mode: 0o666, DirMode: 0o755, Timeout: timeout, Pos: pos},
		// A server of inetd does not expect to have to ignore SIGPIPE's
		// being ignored: it is to die of a client that has gone away.
		Exec: unit.Exec{Umask: -1, IgnoreSIGPIPE: false},
	}
}

// Escape makes a part of a unit's name. Unlike systemd-escape(1) it keeps
// dashes, which the names of services have.
func Escape(s string) string {
	var b strings.Builder
	for i := range len(s) {
		switch c := s[i]; {
		case c == '/':
			b.WriteByte('-')
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte(":-_.", c) >= 0:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, `\x%02x`, c)
		}
	}
	return b.String()
}

// Add adds a finding at a place of the pair's file.
func (p *Pair) Add(s diag.Severity, code string, pos diag.Pos, msg, fix string) {
	p.Diags.Add(diag.Diagnostic{Pos: pos, Severity: s, Code: code, Unit: p.SocketName(), Msg: msg, Fix: fix})
}

// SocketName is the name of the socket unit, "" as long as the pair has none.
func (p *Pair) SocketName() string {
	if p.Name == "" {
		return ""
	}
	return p.Name + ".socket"
}

// ServiceName is the name of the service, a template for Accept=yes.
func (p *Pair) ServiceName() string {
	if p.Socket.Accept {
		return p.Name + "@.service"
	}
	return p.Name + ".service"
}

// Where notes the place of a setting that can fail at start.
func (p *Pair) Where(directive string, pos diag.Pos) {
	p.Exec.Where = append(p.Exec.Where, unit.Where{Directive: directive, Pos: pos})
}

// Refused tells whether an error keeps the units from loading.
func (p *Pair) Refused() bool { return p.Diags.Errors() }

// Instance makes a unit of the pair: the socket, the service, or an instance
// of it for one connection. The findings come with the socket.
func (p *Pair) Instance(name string) (*unit.Unit, diag.List) {
	u := &unit.Unit{
		Name: name, Kind: unit.KindOf(name), Fragment: p.File, Format: p.Format, DefaultDependencies: true,
		OnSuccessJobMode: unit.ModeFail, FailureActionExit: -1, SuccessActionExit: -1,
	}
	var list diag.List
	if u.Kind == unit.KindSocket {
		p.socket(u)
		list = p.Diags
		u.Unsupported = unsupported(p.Diags)
	} else {
		p.service(u)
	}
	if i := firstError(p.Diags); i >= 0 {
		d := p.Diags[i]
		u.Load, u.LoadErr = unit.BadSetting, &d
		if u.Service != nil {
			u.Service.Commands = nil
		}
	}
	p.dependencies(u)
	return u, list
}

// unsupported are the warnings, which `status` shows.
func unsupported(list diag.List) (out []diag.Diagnostic) {
	for _, d := range list {
		if d.Severity == diag.Warning {
			out = append(out, d)
		}
	}
	return out
}

func firstError(list diag.List) int {
	for i := range list {
		if list[i].Severity == diag.Error {
			return i
		}
	}
	return -1
}
