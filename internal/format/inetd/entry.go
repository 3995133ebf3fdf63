// SPDX-License-Identifier: Apache-2.0

package inetd

import (
	"fmt"
	"net/netip"
	"path"
	"strconv"
	"strings"

	"github.com/rouse-init/rouse/internal/diag"
	"github.com/rouse-init/rouse/internal/format/pair"
	"github.com/rouse-init/rouse/internal/unit"
)

// entry is one line that names a service.
type entry struct {
	*pair.Pair // of its first address; the others are copies
	service    word
	hosts      word   // "" for all addresses
	proto      string // without its options: "tcp", "udp6", "unix"
	kind       unit.ListenKind
	wait       bool
	port       uint16
	path       string // of a unix socket
	addrs      []address
	broken     bool // an error was found
}

// address is one that the service listens on. Implied ones stand for "all of
// IPv6" where the line says tcp or udp, and give way to a line that says tcp6.
type address struct {
	netip.AddrPort
	implied bool
}

// fail adds an error, with which the units do not load.
func (e *entry) fail(code string, pos diag.Pos, msg, fix string) {
	e.broken = true
	e.Add(diag.Error, code, pos, msg, fix)
}

// line reads one line.
func (f *file) line(l line) {
	w := l.words
	first := w[0].text
	if len(w) == 1 && strings.HasSuffix(first, ":") && !l.off {
		f.hosts = word{first[:len(first)-1], w[0].pos}
		if f.hosts.text == "*" {
			f.hosts = word{}
		}
		return
	}
	if len(w) < 6 {
		if l.off { // a comment that happens to look so
			return
		}
		f.report(diag.Error, CodeSyntax, w[len(w)-1].pos,
			fmt.Sprintf("cannot read the service %q: its line has %d of at least 6 fields", first, len(w)),
			"write: SERVICE stream|dgram PROTOCOL wait|nowait USER PROGRAM [ARGV0 ARGUMENT...]")
		return
	}
	e := &entry{Pair: pair.New(unit.FormatInetd, f.path, w[0].pos)}
	e.User, e.Off = f.opt.User, l.off
	if f.opt.Backlog > 0 {
		e.Socket.Backlog = f.opt.Backlog
	}
	proto, options, _ := w[2].cut(",")
	e.proto = proto.text
	e.splitHosts(w[0], f.hosts)
	if e.proto == "unix" {
		e.unixPath()
	}
	e.Name = e.unitName()
	e.socketType(w[1], proto)
	e.protocolOptions(options)
	e.waiting(w[3], f.opt)
	e.account(w[4])
	if !e.broken {
		f.place(e)
	}
	if !e.broken {
		e.server(w[5:], f.opt)
	}
	if !unit.ValidName(e.ServiceName()) {
		f.list = append(f.list, e.Diags...)
		f.report(diag.Error, CodeService, w[0].pos, fmt.Sprintf("cannot load: the units would be called %q, which is no valid name", e.Name), "")
		return
	}
	for i := range e.Diags { // found before the name was known
		e.Diags[i].Unit = e.SocketName()
	}
	f.entries = append(f.entries, e)
}

// unitName is SERVICE-PROTOCOL, and the first host where the line names one.
func (e *entry) unitName() string {
	n := pair.Escape(e.service.text)
	if p, err := unit.EscapePath(e.path); e.path != "" && err == nil {
		n = p
	}
	n += "-" + pair.Escape(e.proto)
	if e.hosts.text != "" && e.proto != "unix" {
		host, _, _ := e.hosts.cut(",")
		n += "-" + pair.Escape(strings.Trim(host.text, "[]"))
	}
	return n
}

// account reads user[.group], user[:group] and FreeBSD's /login-class.
func (e *entry) account(w word) {
	name, class, ok := w.cut("/")
	if ok {
		e.Add(diag.Warning, CodeUnsupported, class.pos, fmt.Sprintf("the login class %q has no effect: Linux has none", class.text), "remove it")
	}
	sep := "."
	if strings.Contains(name.text, ":") {
		sep = ":"
	}
	user, group, _ := name.cut(sep)
	if user.text == "" {
		e.fail(CodeSyntax, w.pos, "cannot read the user: expected USER or USER:GROUP", "")
		return
	}
	e.Exec.User, e.Exec.Group = user.text, group.text
	e.Where("User", user.pos)
	if group.text != "" {
		e.Where("Group", group.pos)
	}
}

// server reads the program and its arguments.
func (e *entry) server(w []word, opt Options) {
	p := w[0]
	e.Command.Pos = p.pos
	if p.text == "internal" {
		e.builtin(p, opt)
		return
	}
	if !path.IsAbs(p.text) {
		e.fail(CodeSyntax, p.pos, fmt.Sprintf("cannot start %q: expected the absolute path of a program, or internal", p.text), "write its whole path, such as /usr/sbin/"+p.text)
		return
	}
	e.Command.Path = path.Clean(p.text)
	for _, a := range w[1:] {
		if strings.HasPrefix(a.text, "#") && len(e.Command.Args) > 0 {
			e.Add(diag.Warning, CodeOdd, a.pos, fmt.Sprintf("%q is an argument: a comment begins in the first column only", a.text), "put the comment on a line of its own")
		}
		e.Command.Args = append(e.Command.Args, a.text)
	}
	if len(e.Command.Args) == 0 {
		e.Command.Args = []string{path.Base(e.Command.Path)}
	}
}

// Builtins are the services that inetd serves itself.
var Builtins = []string{"echo", "discard", "chargen", "daytime", "time"}

func (e *entry) builtin(w word, opt Options) {
	for _, b := range Builtins {
		if e.service.text == b {
			e.OneProcess, e.Socket.Accept, e.Socket.Handover = true, false, unit.HandoverPass
			e.Command.Path = opt.Program
			e.Command.Args = []string{path.Base(opt.Program), "inetd-builtin", b}
			e.Exec.NoNewPrivileges = true
			return
		}
	}
	e.fail(CodeUnsupported, w.pos, fmt.Sprintf("cannot serve %q: there is no builtin service of this name, only %s", e.service.text, strings.Join(Builtins, ", ")),
		"name a program that serves it")
}

func number(s string, limit uint64) (uint64, bool) {
	n, err := strconv.ParseUint(s, 10, 64)
	return n, err == nil && n <= limit
}
