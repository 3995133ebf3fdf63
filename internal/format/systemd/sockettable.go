// SPDX-License-Identifier: Apache-2.0

package systemd

import (
	"errors"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/rouse-init/rouse/internal/unit"
)

func socketTable() []Directive {
	listen := func(k unit.ListenKind) value { return value{"address", listens(k)} }
	flag := func(f func(*unit.Socket) *bool) value { return boolean(func(b *build) *bool { return f(b.sock) }) }
	count := func(f func(*unit.Socket) *uint32) value {
		return integer(0, math.MaxUint32, func(b *build) *uint32 { return f(b.sock) })
	}
	command := func(p unit.Phase) value { return value{"command lines", commands(p)} }
	return slices.Concat([]Directive{
		key(inSocket, "ListenStream", listen(unit.ListenStream)),
		key(inSocket, "ListenDatagram", listen(unit.ListenDatagram)),
		key(inSocket, "ListenSequentialPacket", listen(unit.ListenSeqpacket)),
		key(inSocket, "ListenFIFO", listen(unit.ListenFIFO)),
		key(inSocket, "ListenNetlink", listen(unit.ListenNetlink)),
		key(inSocket, "ListenSpecial", listen(unit.ListenSpecial)),
		key(inSocket, "ListenMessageQueue", listen(unit.ListenMessageQueue)),
		key(inSocket, "ListenUSBFunction", listen(unit.ListenUSBFunction)),
		key(inSocket, "BindIPv6Only", enum("default both ipv6-only", func(b *build) *unit.BindIPv6Only { return &b.sock.BindIPv6Only })),
		key(inSocket, "Backlog", count(func(s *unit.Socket) *uint32 { return &s.Backlog })),
		key(inSocket, "SocketUser", account(func(b *build) *string { return &b.sock.User })),
		key(inSocket, "SocketGroup", account(func(b *build) *string { return &b.sock.Group })),
		key(inSocket, "SocketMode", mode(func(b *build) *uint32 { return &b.sock.Mode })),
		key(inSocket, "DirectoryMode", mode(func(b *build) *uint32 { return &b.sock.DirMode })),
		key(inSocket, "Accept", flag(func(s *unit.Socket) *bool { return &s.Accept })),
		key(inSocket, "FlushPending", flag(func(s *unit.Socket) *bool { return &s.FlushPending })),
		key(inSocket, "Writable", flag(func(s *unit.Socket) *bool { return &s.Writable })),
		key(inSocket, "MaxConnections", count(func(s *unit.Socket) *uint32 { return &s.MaxConnections })),
		key(inSocket, "MaxConnectionsPerSource", count(func(s *unit.Socket) *uint32 { return &s.MaxPerSource })),
		key(inSocket, "RemoveOnStop", flag(func(s *unit.Socket) *bool { return &s.RemoveOnStop })),
		key(inSocket, "Symlinks", paths(func(b *build) *[]string { return &b.sock.Symlinks })),
		key(inSocket, "FileDescriptorName", value{"name", func(b *build, v string) error {
			s, err := b.expand(v)
			if err == nil && s != "" && !validFDName(s) {
				err = errFDName
			}
			if err == nil {
				b.sock.FDName = s
			}
			return err
		}}),
		key(inSocket, "Service", value{"service", func(b *build, v string) error {
			s, err := b.unitName(v)
			if err == nil && unit.KindOf(s) != unit.KindService {
				err = errors.New("expected the name of a service")
			}
			if err == nil {
				b.sock.Service, b.set.serviceOf = s, true
				b.template, _ = b.expandName(v) // unitName has expanded it without a fault
			}
			return err
		}}),
		key(inSocket, "TriggerLimitIntervalSec", noted(span(func(b *build) *time.Duration { return &b.sock.TriggerInterval }),
			func(s *settled) *bool { return &s.triggerIval })),
		key(inSocket, "TriggerLimitBurst", noted(count(func(s *unit.Socket) *uint32 { return &s.TriggerBurst }),
			func(s *settled) *bool { return &s.triggerBurst })),
		key(inSocket, "PollLimitIntervalSec", noted(span(func(b *build) *time.Duration { return &b.sock.PollInterval }),
			func(s *settled) *bool { return &s.pollIval })),
		key(inSocket, "PollLimitBurst", noted(count(func(s *unit.Socket) *uint32 { return &s.PollBurst }),
			func(s *settled) *bool { return &s.pollBurst })),
		key(inSocket, "ExecStartPre", command(unit.PhaseStartPre)),
		key(inSocket, "ExecStartPost", command(unit.PhaseStartPost)),
		key(inSocket, "ExecStopPre", command(unit.PhaseStop)),
		key(inSocket, "ExecStopPost", command(unit.PhaseStopPost)),
		key(inSocket, "TimeoutSec", spanOrNever(func(b *build) *time.Duration { return &b.sock.Timeout })),
		lessSafe(inSocket, "SELinuxContextFromNet", isBool, "instances keep the label of the manager"),
	}, socketOptionTable(), socketExtensions())
}

// noted also remembers that the unit makes the setting itself.
func noted(v value, which func(*settled) *bool) value {
	return value{v.name, func(b *build, s string) error {
		err := v.set(b, s)
		if err == nil {
			*which(&b.set) = true
		}
		return err
	}}
}

func socketExtensions() []Directive {
	idleSec := key(inSocket, "X-IdleSec", span(func(b *build) *time.Duration { return &b.sock.IdleSec }))
	idleSec.Default = "infinity"
	idleSec.Doc = "How long the service may be without a connection before it is put to sleep. The next connection wakes it. `infinity`: it never sleeps."
	action := key(inSocket, "X-IdleAction", enum("stop freeze", func(b *build) *unit.IdleAction { return &b.sock.IdleAction }))
	action.Default = "stop"
	action.Doc = "How it sleeps. `stop`: it is stopped once nobody is connected. `freeze`: its processes are frozen, connections stay open, and data on any of them thaws it; it may then sleep as soon as no byte has moved for X-IdleSec; a client that has said something is waited with for 30 s at least, until something is said to it."
	handover := key(inSocket, "X-Handover", value{"one of pass, stdio, bind, both, or bridge:ADDRESS [ADDRESS...] [OPTION...]", setHandover})
	handover.Default = "pass"
	handover.Doc = "How the service gets its connections. `pass`: LISTEN_FDS, as systemd does. `stdio`: the socket is its standard input and output. `bind`: its own bind() to the address is answered with the held socket. `both`: pass and bind. " +
		"`bridge:`: a bridge, a service rouse-bridge@NAME.service of its own, carries them to the addresses that follow, where the service listens; the two start, stop and sleep together. Options: " + strings.Join(bridgeOptionNames(), ", ") + "; see bridge.md."
	distribute := key(inSocket, "Distribute", integer(0, unit.MaxDistribute, func(b *build) *uint32 { return &b.sock.Distribute }))
	distribute.Default = "0"
	distribute.Doc = "How many sockets share the addresses, each with SO_REUSEPORT and with a service of its own: NAME.socket starts NAME@0.service up to NAME@N-1.service (or instances of the template that Service= names), each when its own socket is knocked on. `0`: one socket and one service. See distribute.md."
	return []Directive{idleSec, action, handover, distribute}
}

// option makes the place of a socket option; the options exist once one of
// them is set.
func option[T any](f func(*unit.SocketOptions) *T) func(*build) *T {
	return func(b *build) *T {
		b.set.options = true
		return f(&b.options)
	}
}

// optional is a value that is nil as long as it is not set.
func optional[T any](name string, read func(string) (T, error), place func(*unit.SocketOptions) **T) value {
	return value{name, func(b *build, v string) error {
		n, err := read(v)
		if err == nil {
			*place(&b.options), b.set.options = &n, true
		}
		return err
	}}
}

func socketOptionTable() []Directive {
	flag := func(f func(*unit.SocketOptions) **bool) value { return optional("boolean", parseBool, f) }
	num := func(f func(*unit.SocketOptions) **int32) value { return optional("number", parseInt32, f) }
	size := func(f func(*unit.SocketOptions) **uint64) value { return optional("size in bytes", parseSize, f) }
	wait := func(f func(*unit.SocketOptions) *time.Duration) value { return span(option(f)) }
	str := func(f func(*unit.SocketOptions) *string) value { return text(option(f)) }
	word := func(name string, read func(string) (string, error), f func(*unit.SocketOptions) *string) value {
		return value{name, func(b *build, v string) error {
			s, err := b.expand(v)
			if err == nil {
				s, err = read(s)
			}
			if err == nil {
				*option(f)(b) = s
			}
			return err
		}}
	}
	type so = unit.SocketOptions
	return []Directive{
		key(inSocket, "SocketProtocol", word("one of udplite, sctp, mptcp", parseProtocol, func(o *so) *string { return &o.Protocol })),
		key(inSocket, "BindToDevice", word("network interface", parseInterface, func(o *so) *string { return &o.BindToDevice })),
		key(inSocket, "KeepAlive", flag(func(o *so) **bool { return &o.KeepAlive })),
		key(inSocket, "KeepAliveTimeSec", wait(func(o *so) *time.Duration { return &o.KeepAliveTime })),
		key(inSocket, "KeepAliveIntervalSec", wait(func(o *so) *time.Duration { return &o.KeepAliveInterval })),
		key(inSocket, "KeepAliveProbes", num(func(o *so) **int32 { return &o.KeepAliveProbes })),
		key(inSocket, "DeferAcceptSec", wait(func(o *so) *time.Duration { return &o.DeferAccept })),
		key(inSocket, "NoDelay", flag(func(o *so) **bool { return &o.NoDelay })),
		key(inSocket, "Priority", num(func(o *so) **int32 { return &o.Priority })),
		key(inSocket, "ReceiveBuffer", size(func(o *so) **uint64 { return &o.ReceiveBuffer })),
		key(inSocket, "SendBuffer", size(func(o *so) **uint64 { return &o.SendBuffer })),
		key(inSocket, "IPTOS", optional("number or low-delay, throughput, reliability, low-cost", parseTOS,
			func(o *so) **int32 { return &o.IPTOS })),
		key(inSocket, "IPTTL", num(func(o *so) **int32 { return &o.IPTTL })),
		key(inSocket, "Mark", num(func(o *so) **int32 { return &o.Mark })),
		key(inSocket, "PipeSize", optional("size in bytes", parsePipeSize, func(o *so) **int32 { return &o.PipeSize })),
		key(inSocket, "FreeBind", flag(func(o *so) **bool { return &o.FreeBind })),
		key(inSocket, "Transparent", flag(func(o *so) **bool { return &o.Transparent })),
		key(inSocket, "Broadcast", flag(func(o *so) **bool { return &o.Broadcast })),
		key(inSocket, "PassCredentials", flag(func(o *so) **bool { return &o.PassCredentials })),
		key(inSocket, "PassFileDescriptorsToExec", flag(func(o *so) **bool { return &o.PassFDsToExec })),
		key(inSocket, "PassSecurity", flag(func(o *so) **bool { return &o.PassSecurity })),
		key(inSocket, "PassPacketInfo", flag(func(o *so) **bool { return &o.PassPacketInfo })),
		key(inSocket, "Timestamping", word("one of off, us, ns", parseTimestamping, func(o *so) *string { return &o.Timestamping })),
		key(inSocket, "TCPCongestion", str(func(o *so) *string { return &o.TCPCongestion })),
		key(inSocket, "ReusePort", flag(func(o *so) **bool { return &o.ReusePort })),
		key(inSocket, "MessageQueueMaxMessages", optional("number", parseInt64, func(o *so) **int64 { return &o.MQMaxMessages })),
		key(inSocket, "MessageQueueMessageSize", optional("number", parseInt64, func(o *so) **int64 { return &o.MQMessageSize })),
		key(inSocket, "SmackLabel", str(func(o *so) *string { return &o.SmackLabel })),
		key(inSocket, "SmackLabelIPIn", str(func(o *so) *string { return &o.SmackLabelIPIn })),
		key(inSocket, "SmackLabelIPOut", str(func(o *so) *string { return &o.SmackLabelIPOut })),
	}
}

func parseInt32(s string) (int32, error) {
	n, err := parseInt(s, math.MinInt32, math.MaxInt32)
	return int32(n), err
}

func parseInt64(s string) (int64, error) { return parseInt(s, math.MinInt64, math.MaxInt64) }

func parsePipeSize(s string) (int32, error) {
	n, err := parseSize(s)
	if err == nil && n > math.MaxInt32 {
		err = errors.New("the size is too large")
	}
	return int32(n), err
}

// parseTOS reads IPTOS=; the words are those of ip(7).
func parseTOS(s string) (int32, error) {
	switch s {
	case "low-delay":
		return 0x10, nil
	case "throughput":
		return 0x08, nil
	case "reliability":
		return 0x04, nil
	case "low-cost":
		return 0x02, nil
	}
	n, err := parseInt(s, 0, 255)
	if err != nil {
		err = errors.New("expected a number up to 255, low-delay, throughput, reliability or low-cost")
	}
	return int32(n), err
}

func parseProtocol(s string) (string, error) {
	switch s {
	case "", "udplite", "sctp", "mptcp":
		return s, nil
	}
	return "", errors.New("expected udplite, sctp or mptcp")
}

func parseTimestamping(s string) (string, error) {
	switch s {
	case "off", "":
		return "", nil
	case "us", "usec", "µs", "μs":
		return "us", nil
	case "ns", "nsec":
		return "ns", nil
	}
	if yes, err := parseBool(s); err == nil && !yes {
		return "", nil
	}
	return "", errors.New("expected off, us or ns")
}

func parseInterface(s string) (string, error) {
	if s == "" || s == "*" {
		return "", nil
	}
	if len(s) > 127 || s == "." || s == ".." || strings.ContainsAny(s, "/:% \t") {
		return "", errors.New("expected the name of a network interface")
	}
	return s, nil
}
