// SPDX-License-Identifier: Apache-2.0

package xinetd

import (
	"fmt"
	"net/netip"
	"path"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rouse-init/rouse/internal/diag"
	"github.com/rouse-init/rouse/internal/unit"
)

// The limit of connections in a second that xinetd has unless cps says
// another (xinetd.conf(5)).
const (
	defaultRate = 50
	rateSpan    = time.Second
)

// builtins are the internal services; the names count, not the ids.
var builtins = []string{"echo", "discard", "chargen", "daytime", "time"}

func (b *build) note(w word, msg string) { b.Add(diag.Note, CodeBetter, w.pos, msg, "") }

// finish checks what belongs together and makes the command and the address.
func (b *build) finish(s *section) {
	if b.proto == "" {
		b.proto = "tcp"
		if b.dgram {
			b.proto = "udp"
		}
	}
	if !b.given["cps"] {
		b.Socket.TriggerBurst, b.Socket.TriggerInterval = defaultRate, rateSpan
	}
	faults := s.faults
	if d := b.c.defaults; d != nil {
		faults = append(slices.Clip(faults), d.faults...)
	}
	for _, d := range faults {
		b.broken = true
		b.Diags.Add(d)
	}
	missing := func(attr, fix string) {
		if !b.given[attr] && !b.broken {
			b.fail(CodeMissing, s.pos, fmt.Sprintf("cannot load the service %q: it has no %s", b.id.text, attr), fix)
		}
	}
	missing("socket_type", "add: socket_type = stream")
	missing("wait", "add: wait = no")
	if b.unlisted {
		missing("port", "add: port = NUMBER")
	}
	if b.dgram != (b.proto == "udp") && !b.broken {
		b.fail(CodeValue, s.pos, fmt.Sprintf("cannot listen: %s does not go with socket_type = %s", b.proto, map[bool]string{true: "dgram", false: "stream"}[b.dgram]), "write protocol = tcp with stream, and udp with dgram")
	}
	b.how(s)
	if !b.broken {
		b.listen()
	}
	b.control(s)
}

// how decides who serves.
func (b *build) how(s *section) {
	b.Socket.Accept = !b.dgram && !b.wait
	switch {
	case b.broken:
	case b.access.Sensor:
		// A trap: whoever comes is refused from then on, and nothing of the
		// service's own is started.
		b.serveBuiltin("discard")
	case b.internal:
		b.builtin()
	case b.forward != "":
		if b.dgram || b.wait {
			b.fail(CodeValue, b.Command.Pos, "cannot redirect: that takes socket_type = stream and wait = no", "")
			return
		}
		b.Socket.Accept, b.OneProcess = false, true
		b.Command.Path = b.c.opt.Program
		b.Command.Args = []string{path.Base(b.c.opt.Program), "bridge", "--to", b.forward, "--idle", "1min"}
		if n := b.Socket.MaxConnections; n > 0 {
			b.Command.Args = append(b.Command.Args, "--connections-max", strconv.Itoa(int(n)))
		}
	case b.Command.Path == "":
		b.fail(CodeMissing, s.pos, fmt.Sprintf("cannot load the service %q: it has neither server nor redirect", b.id.text), "add: server = /path/to/program")
	case !b.given["user"]:
		b.fail(CodeMissing, s.pos, fmt.Sprintf("cannot load the service %q: it has no user", b.id.text), "add: user = NAME")
	default:
		b.program()
	}
	if !b.Socket.Accept && !b.OneProcess {
		b.Socket.Handover = unit.HandoverStdio
	}
	if b.dgram && !b.wait && !b.OneProcess && !b.broken {
		b.warn(CodeBetter, s.pos, "dgram with wait = no is served as wait = yes: the server has the socket until it ends, since two readers of one socket take each other's datagrams", "write wait = yes")
	}
}

func (b *build) program() {
	if !b.nameInArgs {
		b.Command.Args = []string{path.Base(b.Command.Path)}
	}
	for _, w := range b.args {
		b.Command.Args = append(b.Command.Args, w.text)
	}
	if len(b.Command.Args) == 0 {
		b.fail(CodeValue, b.Command.Pos, "cannot start the server: with NAMEINARGS its name is the first of server_args, which has none", "remove the flag, or add the name")
	}
}

func (b *build) builtin() {
	if !slices.Contains(builtins, b.name.text) {
		fix := "name the service after one of them; id = NAME tells several of the same apart"
		if slices.Contains([]string{"services", "servers", "xadmin"}, b.name.text) {
			fix = "list-sockets and show tell what xinetd's services and servers told"
		}
		b.fail(CodeUnsupported, b.name.pos, fmt.Sprintf("cannot serve %q: there is no internal service of this name, only %s", b.name.text, strings.Join(builtins, ", ")), fix)
		return
	}
	b.serveBuiltin(b.name.text)
}

func (b *build) serveBuiltin(name string) {
	b.OneProcess = true
	b.Exec.NoNewPrivileges = true
	b.Command.Path, b.Command.Pos = b.c.opt.Program, b.name.pos
	b.Command.Args = []string{path.Base(b.c.opt.Program), "inetd-builtin", name}
}

// listen decides on the address. Without bind and flags it is all of IPv6
// with IPv4 mapped into it, as xinetd has it.
func (b *build) listen() {
	if b.portNumber == 0 {
		p, ok := b.lookUpPort(b.name.text, b.proto)
		if !ok {
			b.fail(CodeHost, b.name.pos, fmt.Sprintf("cannot listen: no service %q of %s is known, and there is no port", b.name.text, b.proto),
				"add port = NUMBER with type = UNLISTED, or add the service to /etc/services")
			return
		}
		b.portNumber = p
	}
	kind, pos := unit.ListenStream, b.name.pos
	if b.dgram {
		kind = unit.ListenDatagram
	}
	port := strconv.Itoa(int(b.portNumber))
	address := port // IPv6 with IPv4, or IPv4 alone where the kernel has no other
	b.Socket.BindIPv6Only = unit.IPv6Both
	switch {
	case b.address.text != "":
		a, ok := b.bound()
		if !ok {
			return
		}
		pos, address = b.address.pos, netip.AddrPortFrom(a, b.portNumber).String()
	case b.only4 && !b.six || b.c.opt.NoIPv6:
		address = "0.0.0.0:" + port
	case b.six && b.v6:
		address = "[::]:" + port
	}
	if b.v6 {
		b.Socket.BindIPv6Only = unit.IPv6Only
	}
	b.Socket.Listens = []unit.Listen{{Kind: kind, Address: address, Pos: pos}}
}

// bound is the address of bind: of a host the first that suits the flags.
func (b *build) bound() (netip.Addr, bool) {
	w := b.address
	a, err := netip.ParseAddr(w.text)
	if err == nil && a.Zone() == "" {
		return a, true
	}
	if b.c.opt.Addrs != nil {
		for _, a := range b.c.opt.Addrs(w.text) {
			if a.Is4() && !b.six || a.Is6() && !b.only4 && !b.c.opt.NoIPv6 {
				return a, true
			}
		}
	}
	b.fail(CodeHost, w.pos, fmt.Sprintf("cannot listen on %s: the host is not in /etc/hosts, and name servers are not asked", brief(w.text)), "write its address")
	return a, false
}

// control keeps what stands of access control, and says where it does not
// reach: who accepts by itself is not asked for each client.
func (b *build) control(s *section) {
	a := b.access
	asks := a.MaxLoad > 0 || len(a.Times) > 0 || a.Banner+a.BannerFail+a.BannerSuccess != "" || a.Sensor
	limits := b.Socket.MaxConnections > 0 || b.Socket.MaxPerSource > 0
	if b.OneProcess && b.forward == "" && !b.dgram && !b.wait && (asks || limits || a.Only || len(a.NoAccess) > 0) {
		// A process for each connection, so that each is asked about.
		b.Socket.Accept = true
	}
	if !reflect.DeepEqual(a, unit.Access{}) {
		a.Pos = s.pos
		b.Socket.Access = &a
	}
	if b.Socket.Accept || b.broken {
		return
	}
	if a.Sensor {
		b.fail(CodeUnsupported, s.pos, "cannot refuse clients for a while (SENSOR) where each is not asked about", "write wait = no")
	}
	if asks {
		b.warn(CodeUnsupported, s.pos, "access_times, max_load and banners have no effect: the server accepts by itself", "write wait = no, if the server can do with one connection")
	}
	if b.Socket.MaxPerSource > 0 {
		b.note(word{pos: s.pos}, "per_source has no effect: one process serves all clients")
	}
}
