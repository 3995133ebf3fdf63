// SPDX-License-Identifier: Apache-2.0

package show

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rouse-init/rouse/internal/unit"
)

func (l *list) socket(s *unit.Socket) {
	o := s.Options
	if o == nil {
		o = &unit.SocketOptions{}
	}
	l.add("BindIPv6Only", pick(int(s.BindIPv6Only), "default", "both", "ipv6-only"))
	l.num("Backlog", int64(s.Backlog))
	l.span("TimeoutUSec", s.Timeout)
	l.add("BindToDevice", o.BindToDevice)
	l.add("SocketUser", s.User)
	l.add("SocketGroup", s.Group)
	l.mode("SocketMode", s.Mode)
	l.mode("DirectoryMode", s.DirMode)
	l.flag("Accept", s.Accept)
	l.flag("FlushPending", s.FlushPending)
	l.flag("Writable", s.Writable)
	l.optional("KeepAlive", o.KeepAlive)
	l.span("KeepAliveTimeUSec", o.KeepAliveTime)
	l.span("KeepAliveIntervalUSec", o.KeepAliveInterval)
	l.integer("KeepAliveProbes", o.KeepAliveProbes, 0)
	l.span("DeferAcceptUSec", o.DeferAccept)
	l.optional("NoDelay", o.NoDelay)
	l.integer("Priority", o.Priority, -1)
	l.size("ReceiveBuffer", o.ReceiveBuffer)
	l.size("SendBuffer", o.SendBuffer)
	l.integer("IPTOS", o.IPTOS, -1)
	l.integer("IPTTL", o.IPTTL, -1)
	l.integer("PipeSize", o.PipeSize, 0)
	l.optional("FreeBind", o.FreeBind)
	l.optional("Transparent", o.Transparent)
	l.optional("Broadcast", o.Broadcast)
	l.optional("PassCredentials", o.PassCredentials)
	l.optional("PassFileDescriptorsToExec", o.PassFDsToExec)
	l.optional("PassSecurity", o.PassSecurity)
	l.optional("PassPacketInfo", o.PassPacketInfo)
	l.add("Timestamping", orWord(o.Timestamping, "off"))
	l.flag("RemoveOnStop", s.RemoveOnStop)
	for _, a := range s.Listens {
		l.add("Listen", a.Address+" ("+ListenKind(a.Kind)+")")
	}
	l.words("Symlinks", s.Symlinks)
	l.integer("Mark", o.Mark, -1)
	l.num("MaxConnections", int64(s.MaxConnections))
	l.num("MaxConnectionsPerSource", int64(s.MaxPerSource))
	l.wide("MessageQueueMaxMessages", o.MQMaxMessages)
	l.wide("MessageQueueMessageSize", o.MQMessageSize)
	l.add("TCPCongestion", o.TCPCongestion)
	l.optional("ReusePort", o.ReusePort)
	l.add("SmackLabel", o.SmackLabel)
	l.add("SmackLabelIPIn", o.SmackLabelIPIn)
	l.add("SmackLabelIPOut", o.SmackLabelIPOut)
	l.add("FileDescriptorName", s.FDName)
	l.span("TriggerLimitIntervalUSec", s.TriggerInterval)
	l.num("TriggerLimitBurst", int64(s.TriggerBurst))
	l.span("PollLimitIntervalUSec", s.PollInterval)
	l.num("PollLimitBurst", int64(s.PollBurst))
	l.commands(s.Commands, socketLists)
	l.ownKeys(s)
}

// ownKeys are those that systemd does not know.
func (l *list) ownKeys(s *unit.Socket) {
	if s.Distribute > 0 {
		l.num("Distribute", int64(s.Distribute))
	}
	if s.Handover != unit.HandoverPass {
		l.add("X-Handover", Handover(s))
	}
	if s.IdleSec != unit.Infinity && s.IdleSec != time.Duration(0) {
		l.span("X-IdleUSec", s.IdleSec)
		l.add("X-IdleAction", pick(int(s.IdleAction), "stop", "freeze"))
	}
}

// ListenKind is the kind of an address in the spelling of Listen=.
func ListenKind(k unit.ListenKind) string {
	return pick(int(k), "Stream", "Datagram", "SequentialPacket", "FIFO", "Special", "Netlink", "MessageQueue", "USBFunction")
}

// Handover is X-Handover= as it is written, options as those of the command.
func Handover(s *unit.Socket) string {
	if s.Bridge != nil {
		return "bridge:" + strings.Join(slices.Concat(s.Bridge.To, s.Bridge.Options), " ")
	}
	return pick(int(s.Handover), "pass", "stdio", "bind", "both")
}

func (l *list) integer(name string, v *int32, unset int64) {
	if v != nil {
		unset = int64(*v)
	}
	l.num(name, unset)
}

func (l *list) wide(name string, v *int64) {
	if v == nil {
		l.num(name, 0)
		return
	}
	l.num(name, *v)
}

func (l *list) size(name string, v *uint64) {
	if v == nil {
		l.num(name, 0)
		return
	}
	l.add(name, strconv.FormatUint(*v, 10))
}

func orWord(s, def string) string {
	if s == "" {
		return def
	}
	return s
}
