// SPDX-License-Identifier: Apache-2.0

package sockdiag

import (
	"encoding/binary"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// The TCP states of include/net/tcp_states.h.
const (
	tcpEstablished = 1
	tcpSynRecv     = 3
	tcpFinWait1    = 4
	tcpFinWait2    = 5
	tcpClose       = 7
	tcpCloseWait   = 8
	tcpListen      = 10
)

// connected are the states of connections that a service may still serve.
// TIME_WAIT, LAST_ACK and CLOSING are over for it; FIN_WAIT counts only while
// it still has the socket (see isOpen).
const connected = 1<<tcpEstablished | 1<<tcpSynRecv | 1<<tcpFinWait1 | 1<<tcpFinWait2 | 1<<tcpCloseWait

const (
	inetReqSize = 56 // struct inet_diag_req_v2
	inetMsgSize = 72 // struct inet_diag_msg
	extInfo     = 2  // INET_DIAG_INFO
	attrFilter  = 1  // INET_DIAG_REQ_BYTECODE
)

// inetMsg is what is used of struct inet_diag_msg.
type inetMsg struct {
	state        uint8
	family       uint8
	port         uint16
	inode        uint32
	local        netip.Addr
	peer         netip.AddrPort
	queue, limit uint32 // of a listener: waiting connections, backlog
	talk         talk
}

// isOpen leaves out what the service has closed already: such a socket has
// no inode any more. One that has none and is established waits to be
// accepted.
func (m inetMsg) isOpen() bool {
	return m.inode != 0 || (m.state != tcpFinWait1 && m.state != tcpFinWait2)
}

func (m inetMsg) isQueued() bool { return m.inode == 0 }

// dumpInet asks for all sockets of a family and protocol in some states
// (1<<state). port is set into the request for a cheap first sieve, 0 for
// none; program is the kernel-side filter, nil for none.
func (d *Diag) dumpInet(family, proto uint8, states uint32, port uint16, program []byte, fn func(inetMsg)) error {
	return d.dumpInetExt(family, proto, 0, states, port, program, fn)
}

func (d *Diag) dumpInetExt(family, proto, ext uint8, states uint32, port uint16, program []byte, fn func(inetMsg)) error {
	d.header(unix.NLM_F_DUMP)
	d.inetReq(family, proto, ext, states, netip.AddrPortFrom(netip.Addr{}, port))
	if len(program) > 0 {
		d.req = binary.NativeEndian.AppendUint16(d.req, uint16(4+len(program)))
		d.req = binary.NativeEndian.AppendUint16(d.req, attrFilter)
		d.req = append(d.req, program...)
	}
	return d.ask(func(body []byte) {
		if m, ok := parseInet(body); ok {
			fn(m)
		}
	})
}

// inetReq appends struct inet_diag_req_v2.
func (d *Diag) inetReq(family, proto, ext uint8, states uint32, local netip.AddrPort) {
	d.req = append(d.req, family, proto, ext, 0)
	d.req = binary.NativeEndian.AppendUint32(d.req, states)
	d.req = binary.BigEndian.AppendUint16(d.req, local.Port())
	d.req = append(d.req, 0, 0)
	var src [16]byte
	if a := local.Addr(); a.IsValid() {
		if family == unix.AF_INET {
			b := a.As4()
			copy(src[:], b[:])
		} else {
			src = a.As16()
		}
	}
	d.req = append(d.req, src[:]...)
	d.req = append(d.req, make([]byte, 16+4)...)                          // peer and interface
	d.req = append(d.req, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff) // INET_DIAG_NOCOOKIE
}

func parseInet(b []byte) (inetMsg, bool) {
	if len(b) < inetMsgSize {
		return inetMsg{}, false
	}
	m := inetMsg{
		family: b[0], state: b[1], port: binary.BigEndian.Uint16(b[4:]),
		queue: binary.NativeEndian.Uint32(b[56:]), limit: binary.NativeEndian.Uint32(b[60:]),
		inode: binary.NativeEndian.Uint32(b[68:]),
	}
	peer := netip.AddrFrom16([16]byte(b[24:40]))
	if m.family == unix.AF_INET {
		m.local, peer = netip.AddrFrom4([4]byte(b[8:12])), netip.AddrFrom4([4]byte(b[24:28]))
	} else {
		m.local = netip.AddrFrom16([16]byte(b[8:24]))
	}
	m.peer = netip.AddrPortFrom(peer, binary.BigEndian.Uint16(b[6:]))
	if len(b) > inetMsgSize {
		attributes(b[inetMsgSize:], m.attribute)
	}
	return m, true
}

// talk is when something was said on a connection; 0 when that was not asked for.
type talk struct {
	silence time.Duration
	asked   time.Duration // age of what the client said last, 0 when it has its answer
}

// hear adds a connection to those of a listener.
func (st *Stat) hear(t talk) {
	st.Silence = min(st.Silence, t.silence)
	if t.asked > 0 && (st.Asked == 0 || t.asked < st.Asked) {
		st.Asked = t.asked
	}
}

// attribute takes the times out of struct tcp_info. They are counted in ticks of
// the kernel, so that a question and its answer may be of the same time: only of
// the first question the numbers of segments (since Linux 4.6) tell more.
func (m *inetMsg) attribute(typ uint16, v []byte) {
	const lastSent, lastReceived, segmentsIn, segmentsOut = 44, 52, 152, 156 // offsets
	if typ != extInfo || len(v) < lastReceived+4 {
		return
	}
	at := func(offset int) uint32 { return binary.NativeEndian.Uint32(v[offset:]) }
	sent, received := at(lastSent), at(lastReceived)
	m.talk.silence = time.Duration(min(sent, received)) * time.Millisecond
	first := len(v) >= segmentsOut+4 && at(segmentsIn) > 0 && at(segmentsOut) == 0
	if received < sent || first || m.queue > 0 {
		m.talk.asked = max(time.Duration(received)*time.Millisecond, 1)
	}
}

// Queue looks one TCP listener up, without a dump: how many connections wait
// in it, and how many may.
func (d *Diag) Queue(k Key) (waiting, limit uint32, err error) {
	if d.fd < 0 {
		return 0, 0, unix.EOPNOTSUPP
	}
	family := uint8(unix.AF_INET6)
	if k.Addr.Is4() {
		family = unix.AF_INET
	}
	d.header(0)
	d.inetReq(family, unix.IPPROTO_TCP, 0, 1<<tcpListen, netip.AddrPortFrom(k.Addr, k.Port))
	err = d.ask(func(body []byte) {
		if m, ok := parseInet(body); ok && m.state == tcpListen {
			waiting, limit = m.queue, m.limit
		}
	})
	return waiting, limit, err
}
