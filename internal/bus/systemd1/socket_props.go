// SPDX-License-Identifier: Apache-2.0

package systemd1

import (
	"math"
	"time"

	"github.com/rouse-init/rouse/internal/bus"
	"github.com/rouse-init/rouse/internal/bus/wire"
	"github.com/rouse-init/rouse/internal/unit"
)

func socketInterface() *bus.Interface {
	sk := (*object).socket
	props := []bus.Prop{
		one("BindIPv6Only", "s", text(func(o *object) string { return word(ipv6Modes[:], sk(o).BindIPv6Only) })),
		one("Backlog", "u", u32(func(o *object) uint32 { return sk(o).Backlog })),
		one("TimeoutUSec", "t", span(func(o *object) time.Duration { return sk(o).Timeout })),
		one("SocketUser", "s", text(func(o *object) string { return sk(o).User })),
		one("SocketGroup", "s", text(func(o *object) string { return sk(o).Group })),
		one("SocketMode", "u", u32(func(o *object) uint32 { return sk(o).Mode })),
		one("DirectoryMode", "u", u32(func(o *object) uint32 { return sk(o).DirMode })),
		one("Accept", "b", flag(func(o *object) bool { return sk(o).Accept })),
		one("FlushPending", "b", flag(func(o *object) bool { return sk(o).FlushPending })),
		one("Writable", "b", flag(func(o *object) bool { return sk(o).Writable })),
		one("RemoveOnStop", "b", flag(func(o *object) bool { return sk(o).RemoveOnStop })),
		asked("Listen", "a(ss)", writeListens),
		one("Symlinks", "as", texts(func(o *object) []string { return sk(o).Symlinks })),
		one("MaxConnections", "u", u32(func(o *object) uint32 { return sk(o).MaxConnections })),
		one("MaxConnectionsPerSource", "u", u32(func(o *object) uint32 { return sk(o).MaxPerSource })),
		one("FileDescriptorName", "s", text(func(o *object) string { return sk(o).FDName })),
		one("TriggerLimitIntervalUSec", "t", span(func(o *object) time.Duration { return sk(o).TriggerInterval })),
		one("TriggerLimitBurst", "u", u32(func(o *object) uint32 { return sk(o).TriggerBurst })),
		one("PollLimitIntervalUSec", "t", span(func(o *object) time.Duration { return sk(o).PollInterval })),
		one("PollLimitBurst", "u", u32(func(o *object) uint32 { return sk(o).PollBurst })),
		live("ControlPID", "u", u32(func(o *object) uint32 { return uint32(o.view.ControlPid) })),
		live("Result", "s", text(func(o *object) string { return orElse(o.view.Result, "success") })),
		live("NConnections", "u", u32(func(o *object) uint32 { return o.view.NConnections })),
		live("NAccepted", "u", u32(func(o *object) uint32 { return o.view.NAccepted })),
		live("NRefused", "u", u32(func(o *object) uint32 { return o.view.NRefused })),
		asked("UID", "u", fixedU32(math.MaxUint32)),
		asked("GID", "u", fixedU32(math.MaxUint32)),
	}
	props = append(props, socketOptions(sk)...)
	commands := func(o *object) []unit.Command { return o.socket().Commands }
	props = append(props,
		command("ExecStartPre", unit.PhaseStartPre, commands, false), command("ExecStartPost", unit.PhaseStartPost, commands, false),
		command("ExecStopPre", unit.PhaseStop, commands, false), command("ExecStopPost", unit.PhaseStopPost, commands, false))
	props = append(props, cgroupProps()...)
	props = append(props, execProps(func(o *object) *unit.Exec { return o.socket().Exec })...)
	props = append(props, killProps(func(o *object) *unit.Kill { return &o.socket().Kill })...)
	return &bus.Interface{Name: Name + ".Socket", Methods: processMethods(), Props: props}
}

// socketOptions show what is not set as systemd does: no, 0 or -1, since the
// kernel's default is not asked for.
func socketOptions(sk func(*object) *unit.Socket) []bus.Prop {
	none := &unit.SocketOptions{}
	opt := func(o *object) *unit.SocketOptions {
		if s := sk(o).Options; s != nil {
			return s
		}
		return none
	}
	yes := func(name string, f func(*unit.SocketOptions) *bool) bus.Prop {
		return one(name, "b", flag(func(o *object) bool { v := f(opt(o)); return v != nil && *v }))
	}
	number := func(name, sig string, unset int32, f func(*unit.SocketOptions) *int32) bus.Prop {
		return one(name, sig, func(s any, e *wire.Encoder) {
			v := unset
			if p := f(opt(s.(*object))); p != nil {
				v = *p
			}
			if sig == "t" {
				e.Uint64(uint64(v))
			} else {
				e.Int32(v)
			}
		})
	}
	size := func(name string, f func(*unit.SocketOptions) *uint64) bus.Prop {
		return one(name, "t", u64(func(o *object) uint64 {
			if p := f(opt(o)); p != nil {
				return *p
			}
			return 0
		}))
	}
	long := func(name string, f func(*unit.SocketOptions) *int64) bus.Prop {
		return one(name, "x", func(s any, e *wire.Encoder) {
			var v int64
			if p := f(opt(s.(*object))); p != nil {
				v = *p
			}
			e.Int64(v)
		})
	}
	return []bus.Prop{
		yes("KeepAlive", func(o *unit.SocketOptions) *bool { return o.KeepAlive }),
		yes("NoDelay", func(o *unit.SocketOptions) *bool { return o.NoDelay }),
		yes("FreeBind", func(o *unit.SocketOptions) *bool { return o.FreeBind }),
		yes("Transparent", func(o *unit.SocketOptions) *bool { return o.Transparent }),
		yes("Broadcast", func(o *unit.SocketOptions) *bool { return o.Broadcast }),
		yes("ReusePort", func(o *unit.SocketOptions) *bool { return o.ReusePort }),
		yes("PassCredentials", func(o *unit.SocketOptions) *bool { return o.PassCredentials }),
		yes("PassSecurity", func(o *unit.SocketOptions) *bool { return o.PassSecurity }),
		yes("PassPacketInfo", func(o *unit.SocketOptions) *bool { return o.PassPacketInfo }),
		yes("PassFileDescriptorsToExec", func(o *unit.SocketOptions) *bool { return o.PassFDsToExec }),
		one("KeepAliveTimeUSec", "t", span(func(o *object) time.Duration { return opt(o).KeepAliveTime })),
		one("KeepAliveIntervalUSec", "t", span(func(o *object) time.Duration { return opt(o).KeepAliveInterval })),
		one("DeferAcceptUSec", "t", span(func(o *object) time.Duration { return opt(o).DeferAccept })),
		number("KeepAliveProbes", "u", 0, func(o *unit.SocketOptions) *int32 { return o.KeepAliveProbes }),
		number("Priority", "i", -1, func(o *unit.SocketOptions) *int32 { return o.Priority }),
		number("IPTOS", "i", -1, func(o *unit.SocketOptions) *int32 { return o.IPTOS }),
		number("IPTTL", "i", -1, func(o *unit.SocketOptions) *int32 { return o.IPTTL }),
		number("Mark", "i", -1, func(o *unit.SocketOptions) *int32 { return o.Mark }),
		number("PipeSize", "t", 0, func(o *unit.SocketOptions) *int32 { return o.PipeSize }),
		size("ReceiveBuffer", func(o *unit.SocketOptions) *uint64 { return o.ReceiveBuffer }),
		size("SendBuffer", func(o *unit.SocketOptions) *uint64 { return o.SendBuffer }),
		long("MessageQueueMaxMessages", func(o *unit.SocketOptions) *int64 { return o.MQMaxMessages }),
		long("MessageQueueMessageSize", func(o *unit.SocketOptions) *int64 { return o.MQMessageSize }),
		one("BindToDevice", "s", text(func(o *object) string { return opt(o).BindToDevice })),
		one("TCPCongestion", "s", text(func(o *object) string { return opt(o).TCPCongestion })),
		one("SmackLabel", "s", text(func(o *object) string { return opt(o).SmackLabel })),
		one("SmackLabelIPIn", "s", text(func(o *object) string { return opt(o).SmackLabelIPIn })),
		one("SmackLabelIPOut", "s", text(func(o *object) string { return opt(o).SmackLabelIPOut })),
		one("Timestamping", "s", text(func(o *object) string { return orElse(opt(o).Timestamping, "off") })),
		one("SocketProtocol", "i", i32(func(o *object) int32 { return protocols[opt(o).Protocol] })),
	}
}

// protocols are the numbers of SocketProtocol=, 0 for none.
var protocols = map[string]int32{"udplite": 136, "sctp": 132, "mptcp": 262}
