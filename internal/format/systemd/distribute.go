// SPDX-License-Identifier: Apache-2.0

package systemd

import (
	"fmt"
	"strings"

	"github.com/rouse-init/rouse/internal/diag"
	"github.com/rouse-init/rouse/internal/unit"
)

// distribute settles Distribute=: what several sockets at one address, with
// instances of one template behind them, do not go with.
func (b *build) distribute() {
	s := b.sock
	if s.Distribute == 0 {
		return
	}
	if b.template == "" {
		b.template = b.names.Prefix + "@.service"
	}
	s.Service = b.template
	switch {
	case b.fatal != nil:
	case b.names.At:
		b.refuse("Distribute", "Distribute= does not go with a template: its sockets would be instances of an instance", "write a socket without @ for each")
	case s.Accept:
		b.refuse("Distribute", "Distribute= does not go with Accept=yes, which has a service for each connection anyway", "remove one of them")
	case s.Bridge != nil:
		b.refuse("X-Handover", "Distribute= does not go with X-Handover=bridge:, which has one bridge for all connections", "remove one of them")
	case !unit.IsTemplate(s.Service):
		b.refuse("Service", fmt.Sprintf("Distribute= starts instances of a template, and Service=%s is none", s.Service),
			"set Service=NAME@.service, or remove it for "+b.names.Prefix+"@.service")
	case b.set.options && b.options.Protocol != "":
		b.refuse("SocketProtocol", "Distribute= works for TCP and UDP only, where the kernel shares an address by SO_REUSEPORT", "remove one of them")
	case b.set.options && b.options.ReusePort != nil && !*b.options.ReusePort:
		b.refuse("ReusePort", "Distribute= is several sockets at one address, which needs ReusePort=yes", "remove ReusePort=no")
	case b.count(unit.PhaseStartPre)+b.count(unit.PhaseStopPost) > 0:
		b.refuse("Distribute", "Distribute= does not go with ExecStartPre= and ExecStopPost=: the sockets are units of their own, which are open by then",
			"use ExecStartPost= and ExecStopPre=, or a service that the socket is ordered after")
	default:
		b.distributable()
	}
}

// distributable refuses addresses that cannot be shared: SO_REUSEPORT means
// nothing for nodes of the file system, and no group is made of other families.
func (b *build) distributable() {
	for _, l := range b.sock.Listens {
		ip := l.Kind == unit.ListenStream || l.Kind == unit.ListenDatagram
		if ip && l.Address[0] != '/' && l.Address[0] != '@' && !strings.HasPrefix(l.Address, "vsock:") {
			continue
		}
		b.fail(diag.Diagnostic{
			Pos: l.Pos, Severity: diag.Error, Code: CodeRefused, Unit: b.u.Name,
			Msg: fmt.Sprintf("cannot load: Distribute= does not go with %s: only addresses of TCP and UDP can be shared by several sockets", l.Address),
			Fix: "move it to a socket of its own, or let several services share one socket by Sockets= (docs/distribute.md)",
		})
		return
	}
}
