// SPDX-License-Identifier: Apache-2.0

package inetd

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/rouse-init/rouse/internal/diag"
	"github.com/rouse-init/rouse/internal/unit"
)

// socketType checks the second field against the third.
func (e *entry) socketType(w, proto word) {
	switch w.text {
	case "stream":
		e.kind = unit.ListenStream
	case "dgram":
		e.kind = unit.ListenDatagram
	case "seqpacket":
		e.kind = unit.ListenSeqpacket
		if proto.text != "unix" {
			e.fail(CodeUnsupported, w.pos, "cannot listen: only unix sockets have packets in sequence", "write stream, or the protocol unix")
		}
	case "raw", "rdm":
		e.fail(CodeUnsupported, w.pos, fmt.Sprintf("cannot listen: sockets of the type %s have no service to start for", w.text), "run the server as a service of its own")
	default:
		e.fail(CodeSyntax, w.pos, fmt.Sprintf("cannot read the socket type %q: expected stream, dgram or seqpacket", w.text), "")
	}
	switch {
	case strings.HasPrefix(proto.text, "rpc/"):
		e.fail(CodeUnsupported, proto.pos, "cannot register the service with rpcbind: rouse does not speak ONC RPC", "let the server register itself, as a service without a socket")
	case strings.HasPrefix(e.service.text, "tcpmux/") || e.service.text == "tcpmux":
		e.fail(CodeUnsupported, e.service.pos, "cannot serve tcpmux (RFC 1078): services are not chosen by name over one port", "give the service a port of its own")
	case proto.text == "unix":
	case transport(proto.text) == "tcp":
		if w.text == "dgram" {
			e.fail(CodeSyntax, w.pos, "cannot listen: "+proto.text+" has streams, not datagrams", "write stream, or the protocol udp")
		}
	case transport(proto.text) == "udp":
		if w.text == "stream" {
			e.fail(CodeSyntax, w.pos, "cannot listen: "+proto.text+" has datagrams, not streams", "write dgram, or the protocol tcp")
		}
	default:
		e.fail(CodeSyntax, proto.pos, fmt.Sprintf("cannot read the protocol %q: expected tcp, udp (each alone or with 4, 6 or 46) or unix", proto.text), "")
	}
}

// transport is the protocol without its family: "tcp" of tcp6; "" for one that
// is not known.
func transport(proto string) string {
	base, family := proto, ""
	if len(proto) > 3 {
		base, family = proto[:3], proto[3:]
	}
	if (base == "tcp" || base == "udp") && slices.Contains([]string{"", "4", "6", "46"}, family) {
		return base
	}
	return ""
}

// protocolOptions reads ,sndbuf=N and ,rcvbuf=N.
func (e *entry) protocolOptions(w word) {
	for w.text != "" {
		var o word
		o, w, _ = w.cut(",")
		name, value, _ := strings.Cut(o.text, "=")
		scale := uint64(1)
		switch {
		case strings.HasSuffix(value, "k"):
			value, scale = value[:len(value)-1], 1<<10
		case strings.HasSuffix(value, "m"):
			value, scale = value[:len(value)-1], 1<<20
		}
		n, ok := number(value, math.MaxInt32/scale)
		n *= scale
		switch {
		case name != "sndbuf" && name != "rcvbuf":
			e.fail(CodeSyntax, o.pos, fmt.Sprintf("cannot read %q after the protocol: expected sndbuf=SIZE or rcvbuf=SIZE", o.text), "")
		case !ok || n == 0:
			e.fail(CodeSyntax, o.pos, fmt.Sprintf("cannot read %q: expected a size in bytes, or with k or m", o.text), "such as "+name+"=64k")
		case name == "sndbuf":
			e.Options.SendBuffer = &n
		default:
			e.Options.ReceiveBuffer = &n
		}
	}
}

// waiting reads wait and nowait with the limits of the dialects: .max and
// :max starts in a minute (OpenBSD, NetBSD), and
// /max[/starts-by-address-in-a-minute[/max-by-address]] of FreeBSD.
func (e *entry) waiting(w word, opt Options) {
	mode, limit, limited := w.cut(".:/")
	switch mode.text {
	case "wait":
		e.wait = true
	case "nowait":
	default:
		e.fail(CodeSyntax, w.pos, fmt.Sprintf("cannot read %q: expected wait or nowait, perhaps with a limit", w.text), "such as nowait.100")
		return
	}
	rate := uint64(defaultRate)
	if opt.Rate > 0 {
		rate = uint64(opt.Rate)
	}
	switch {
	case !limited:
	case w.text[len(mode.text)] == '/':
		e.freeBSD(limit)
	default:
		n, ok := number(limit.text, math.MaxUint32)
		if !ok {
			e.limitError(limit)
			return
		}
		rate = n
		if n > 0 {
			e.Add(diag.Note, CodeBetter, limit.pos, fmt.Sprintf(
				"after %d starts in a minute the service pauses for at most 10 s and clients wait in its queue, where inetd would close it for 10 minutes", n), "")
		}
	}
	if rate > 0 {
		e.Socket.TriggerInterval, e.Socket.TriggerBurst = time.Minute, uint32(rate)
	}
	e.Socket.Accept = e.kind != unit.ListenDatagram && !e.wait
	if !e.Socket.Accept {
		e.Socket.Handover = unit.HandoverStdio
	}
	if e.kind == unit.ListenDatagram && !e.wait {
		e.Add(diag.Warning, CodeBetter, w.pos,
			"dgram with nowait is served as wait: the server has the socket until it ends, since two readers of one socket take each other's datagrams", "write wait")
	}
}

func (e *entry) limitError(w word) {
	e.fail(CodeSyntax, w.pos, fmt.Sprintf("cannot read the limit %q: expected a number", w.text), "")
}

// freeBSD reads the limits after the slash; 0 is none.
func (e *entry) freeBSD(w word) {
	for i := 0; ; i++ {
		part, rest, more := w.cut("/")
		n, ok := number(part.text, math.MaxUint32)
		switch {
		case !ok || i > 2:
			e.limitError(part)
			return
		case n == 0:
		case i == 0:
			e.Socket.MaxConnections = uint32(n)
		case i == 1:
			e.Add(diag.Warning, CodeUnsupported, part.pos, "the limit of starts by address in a minute has no effect: starts of the whole service are limited", "limit what is open at a time: nowait/0/0/N")
		default:
			e.Socket.MaxPerSource = uint32(n)
		}
		if !more {
			return
		}
		w = rest
	}
}
