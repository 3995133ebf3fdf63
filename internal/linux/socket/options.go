// SPDX-License-Identifier: Apache-2.0

package socket

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// bindOptions are those that decide what bind(2) means: a refusal fails the
// line.
func (op *opening) bindOptions(fd int, a Address) error {
	if a.Family == unix.AF_INET6 {
		if only, ok := v6Only(op.s); ok {
			if err := unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, truth(only)); err != nil {
				return fmt.Errorf("BindIPv6Only=: %w", err)
			}
		}
	}
	if a.Family == unix.AF_INET || a.Family == unix.AF_INET6 {
		// Without it a port whose last connections are in TIME_WAIT could
		// not be had.
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
			return fmt.Errorf("SO_REUSEADDR: %w", err)
		}
	}
	o := op.s.Options
	if o == nil {
		return nil
	}
	if o.BindToDevice != "" && (a.Family == unix.AF_INET || a.Family == unix.AF_INET6) {
		if err := unix.BindToDevice(fd, o.BindToDevice); err != nil {
			return fmt.Errorf("BindToDevice=%s: %w", o.BindToDevice, err)
		}
	}
	if isSet(o.ReusePort) {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1); err != nil {
			op.tolerate("ReusePort=", err)
		}
	}
	op.perFamily(fd, a, "FreeBind=", o.FreeBind, unix.IP_FREEBIND, unix.IPV6_FREEBIND)
	op.perFamily(fd, a, "Transparent=", o.Transparent, unix.IP_TRANSPARENT, unix.IPV6_TRANSPARENT)
	return nil
}

func (op *opening) perFamily(fd int, a Address, name string, v *bool, v4, v6 int) {
	if v == nil {
		return
	}
	var err error
	switch a.Family {
	case unix.AF_INET:
		err = unix.SetsockoptInt(fd, unix.IPPROTO_IP, v4, truth(*v))
	case unix.AF_INET6:
		err = unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, v6, truth(*v))
	}
	if err != nil {
		op.tolerate(name, err)
	}
}

// intOption is one option of SocketOptions with an integer value. Families
// and types are those for which systemd sets it; 0 means all.
type intOption struct {
	name       string
	set        bool
	level, opt int
	value      int
	tcp        bool // TCP and its like only
	family     int
}

// options sets what is in unit.SocketOptions. The kernel's refusal costs the
// option only, as with systemd.
func (op *opening) options(fd int, a Address) {
	o := op.s.Options
	if o == nil {
		return
	}
	tcp := a.Type == unix.SOCK_STREAM && (a.Family == unix.AF_INET || a.Family == unix.AF_INET6)
	list := []intOption{
		{name: "KeepAlive=", set: o.KeepAlive != nil, level: unix.SOL_SOCKET, opt: unix.SO_KEEPALIVE, value: truthOf(o.KeepAlive)},
		{name: "KeepAliveTimeSec=", set: o.KeepAliveTime > 0, level: unix.IPPROTO_TCP, opt: unix.TCP_KEEPIDLE, value: seconds(o.KeepAliveTime), tcp: true},
		{name: "KeepAliveIntervalSec=", set: o.KeepAliveInterval > 0, level: unix.IPPROTO_TCP, opt: unix.TCP_KEEPINTVL, value: seconds(o.KeepAliveInterval), tcp: true},
		{name: "KeepAliveProbes=", set: o.KeepAliveProbes != nil, level: unix.IPPROTO_TCP, opt: unix.TCP_KEEPCNT, value: valueOf(o.KeepAliveProbes), tcp: true},
		{name: "DeferAcceptSec=", set: o.DeferAccept > 0, level: unix.IPPROTO_TCP, opt: unix.TCP_DEFER_ACCEPT, value: seconds(o.DeferAccept), tcp: true},
		{name: "NoDelay=", set: o.NoDelay != nil, level: unix.IPPROTO_TCP, opt: unix.TCP_NODELAY, value: truthOf(o.NoDelay), tcp: true},
		{name: "Broadcast=", set: o.Broadcast != nil, level: unix.SOL_SOCKET, opt: unix.SO_BROADCAST, value: truthOf(o.Broadcast)},
		{name: "PassCredentials=", set: o.PassCredentials != nil, level: unix.SOL_SOCKET, opt: unix.SO_PASSCRED, value: truthOf(o.PassCredentials), family: unix.AF_UNIX},
		{name: "PassSecurity=", set: o.PassSecurity != nil, level: unix.SOL_SOCKET, opt: unix.SO_PASSSEC, value: truthOf(o.PassSecurity), family: unix.AF_UNIX},
		{name: "PassPacketInfo=", set: o.PassPacketInfo != nil, level: unix.IPPROTO_IP, opt: unix.IP_PKTINFO, value: truthOf(o.PassPacketInfo), family: unix.AF_INET},
		{name: "PassPacketInfo=", set: o.PassPacketInfo != nil, level: unix.IPPROTO_IPV6, opt: unix.IPV6_RECVPKTINFO, value: truthOf(o.PassPacketInfo), family: unix.AF_INET6},
		{name: "PassPacketInfo=", set: o.PassPacketInfo != nil, level: unix.SOL_NETLINK, opt: unix.NETLINK_PKTINFO, value: truthOf(o.PassPacketInfo), family: unix.AF_NETLINK},
		{name: "Timestamping=", set: o.Timestamping == "us", level: unix.SOL_SOCKET, opt: unix.SO_TIMESTAMP, value: 1},
		{name: "Timestamping=", set: o.Timestamping == "ns", level: unix.SOL_SOCKET, opt: unix.SO_TIMESTAMPNS, value: 1},
		{name: "Priority=", set: o.Priority != nil, level: unix.SOL_SOCKET, opt: unix.SO_PRIORITY, value: valueOf(o.Priority)},
		{name: "Mark=", set: o.Mark != nil, level: unix.SOL_SOCKET, opt: unix.SO_MARK, value: valueOf(o.Mark)},
		{name: "IPTOS=", set: o.IPTOS != nil, level: unix.IPPROTO_IP, opt: unix.IP_TOS, value: valueOf(o.IPTOS), family: unix.AF_INET},
		{name: "IPTTL=", set: o.IPTTL != nil, level: unix.IPPROTO_IP, opt: unix.IP_TTL, value: valueOf(o.IPTTL), family: unix.AF_INET},
		{name: "IPTTL=", set: o.IPTTL != nil, level: unix.IPPROTO_IPV6, opt: unix.IPV6_UNICAST_HOPS, value: valueOf(o.IPTTL), family: unix.AF_INET6},
	}
	for _, x := range list {
		if !x.set || (x.tcp && !tcp) || (x.family != 0 && x.family != a.Family) {
			continue
		}
		if err := unix.SetsockoptInt(fd, x.level, x.opt, x.value); err != nil {
			op.tolerate(x.name, err)
		}
	}
	op.buffers(fd)
	if o.TCPCongestion != "" && tcp {
		if err := unix.SetsockoptString(fd, unix.IPPROTO_TCP, unix.TCP_CONGESTION, o.TCPCongestion); err != nil {
			op.tolerate("TCPCongestion=", err)
		}
	}
	op.smack(fd)
}

// buffers tries the forced form first, which may exceed the system's limit
// (needs CAP_NET_ADMIN), then what everybody may have.
func (op *opening) buffers(fd int) {
	o := op.s.Options
	for _, b := range []struct {
		name       string
		size       *uint64
		force, opt int
	}{
		{"ReceiveBuffer=", o.ReceiveBuffer, unix.SO_RCVBUFFORCE, unix.SO_RCVBUF},
		{"SendBuffer=", o.SendBuffer, unix.SO_SNDBUFFORCE, unix.SO_SNDBUF},
	} {
		if b.size == nil {
			continue
		}
		size := int(min(*b.size, 1<<30))
		if unix.SetsockoptInt(fd, unix.SOL_SOCKET, b.force, size) == nil {
			continue
		}
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, b.opt, size); err != nil {
			op.tolerate(b.name, err)
		}
	}
}

func (op *opening) smack(fd int) {
	o := op.s.Options
	for _, x := range [][3]string{
		{"SmackLabel=", "security.SMACK64", o.SmackLabel},
		{"SmackLabelIPIn=", "security.SMACK64IPIN", o.SmackLabelIPIn},
		{"SmackLabelIPOut=", "security.SMACK64IPOUT", o.SmackLabelIPOut},
	} {
		if x[2] == "" {
			continue
		}
		if err := unix.Fsetxattr(fd, x[1], []byte(x[2]), 0); err != nil {
			op.tolerate(x[0], err)
		}
	}
}

func isSet(b *bool) bool { return b != nil && *b }

func truthOf(b *bool) int { return truth(isSet(b)) }

func truth(b bool) int {
	if b {
		return 1
	}
	return 0
}

func valueOf(v *int32) int {
	if v == nil {
		return 0
	}
	return int(*v)
}

// seconds rounds up, so that a short time does not become "never".
func seconds(d time.Duration) int {
	return int((d + time.Second - 1) / time.Second)
}
