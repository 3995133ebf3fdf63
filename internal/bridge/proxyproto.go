// SPDX-License-Identifier: Apache-2.0

package bridge

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net/netip"
	"strconv"

	"golang.org/x/sys/unix"
)

// The PROXY protocol, version 1 and 2
// (https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt).

const (
	signature  = "\r\n\r\n\x00\r\nQUIT\n"
	headV2     = len(signature) + 4
	maxHeadV1  = 107  // with the CRLF
	maxHeadV2  = 4096 // extensions are passed over, so there is no reason for many
	v2Local    = 0x20
	v2Proxy    = 0x21
	v2TCP4     = 0x11
	v2TCP6     = 0x21
	v2AddrTCP4 = 4 + 4 + 2 + 2
	v2AddrTCP6 = 16 + 16 + 2 + 2
)

var (
	errPartial  = errors.New("the header is not complete")
	errNoHeader = errors.New("a header of the PROXY protocol is expected")
)

// appendHeader writes the header of a connection from one address to
// another; either may be invalid, for a client that has none.
func appendHeader(b []byte, version Header, from, to netip.AddrPort) []byte {
	known := from.IsValid() && to.IsValid()
	v4 := known && from.Addr().Is4() && to.Addr().Is4()
	if version == HeaderV1 {
		if !known {
			return append(b, "PROXY UNKNOWN\r\n"...)
		}
		family := "TCP6 "
		if v4 {
			family = "TCP4 "
		}
		b = append(b, "PROXY "+family...)
		for _, a := range []netip.AddrPort{from, to} {
			ip := a.Addr().WithZone("")
			if !v4 {
				ip = netip.AddrFrom16(ip.As16())
			}
			b = append(ip.AppendTo(b), ' ')
		}
		b = append(strconv.AppendUint(b, uint64(from.Port()), 10), ' ')
		return append(strconv.AppendUint(b, uint64(to.Port()), 10), "\r\n"...)
	}
	b = append(b, signature...)
	switch {
	case !known:
		return append(b, v2Proxy, 0, 0, 0)
	case v4:
		b = append(b, v2Proxy, v2TCP4, 0, v2AddrTCP4)
		f, t := from.Addr().As4(), to.Addr().As4()
		b = append(append(b, f[:]...), t[:]...)
	default:
		b = append(b, v2Proxy, v2TCP6, 0, v2AddrTCP6)
		f, t := from.Addr().As16(), to.Addr().As16()
		b = append(append(b, f[:]...), t[:]...)
	}
	b = binary.BigEndian.AppendUint16(b, from.Port())
	return binary.BigEndian.AppendUint16(b, to.Port())
}

// parseHeader reads a header at the start of b: its length, and the addresses
// where it says some. errPartial means that more may come.
func parseHeader(b []byte) (n int, from, to netip.AddrPort, err error) {
	if len(b) == 0 {
		return 0, from, to, errPartial
	}
	if b[0] == 'P' {
		return parseV1(b)
	}
	return parseV2(b)
}

func parseV1(b []byte) (n int, from, to netip.AddrPort, err error) {
	const start = "PROXY "
	if k := min(len(b), len(start)); string(b[:k]) != start[:k] {
		return 0, from, to, errNoHeader
	}
	end := bytes.Index(b[:min(len(b), maxHeadV1)], []byte("\r\n"))
	if end < 0 {
		if len(b) >= maxHeadV1 {
			return 0, from, to, errNoHeader
		}
		return 0, from, to, errPartial
	}
	words := bytes.Split(b[len(start):max(end, len(start))], []byte(" "))
	n = end + 2
	if string(words[0]) == "UNKNOWN" {
		return n, from, to, nil
	}
	if len(words) != 5 || string(words[0]) != "TCP4" && string(words[0]) != "TCP6" {
		return 0, from, to, errNoHeader
	}
	var ends [2]netip.AddrPort
	for i := range ends {
		ip, err := netip.ParseAddr(string(words[1+i]))
		if err != nil || ip.Zone() != "" || ip.Is4() != (string(words[0]) == "TCP4") {
			return 0, from, to, errNoHeader
		}
		port, err := parsePort(string(words[3+i]))
		if err != nil {
			return 0, from, to, errNoHeader
		}
		ends[i] = netip.AddrPortFrom(ip.Unmap(), port)
	}
	return n, ends[0], ends[1], nil
}

func parseV2(b []byte) (n int, from, to netip.AddrPort, err error) {
	if k := min(len(b), len(signature)); string(b[:k]) != signature[:k] {
		return 0, from, to, errNoHeader
	}
	if len(b) < headV2 {
		return 0, from, to, errPartial
	}
	command, family := b[len(signature)], b[len(signature)+1]
	size := int(binary.BigEndian.Uint16(b[headV2-2:]))
	if command != v2Local && command != v2Proxy || size > maxHeadV2 {
		return 0, from, to, errNoHeader
	}
	if n = headV2 + size; len(b) < n {
		return 0, from, to, errPartial
	}
	if command == v2Local {
		return n, from, to, nil
	}
	body := b[headV2:n]
	var length int
	switch family {
	case v2TCP4:
		length = 4
	case v2TCP6:
		length = 16
	default:
		return n, from, to, nil
	}
	if len(body) < 2*length+4 {
		return 0, from, to, errNoHeader
	}
	src, _ := netip.AddrFromSlice(body[:length])
	dst, _ := netip.AddrFromSlice(body[length : 2*length])
	ports := body[2*length:]
	from = netip.AddrPortFrom(src.Unmap(), binary.BigEndian.Uint16(ports))
	to = netip.AddrPortFrom(dst.Unmap(), binary.BigEndian.Uint16(ports[2:]))
	return n, from, to, nil
}

// greet reads the header that a client begins with, and nothing beyond it.
func (l *loop) greet(s *session) {
	fd := s.ends[client].fd
	got, errno := sysPeek(fd, l.buf[:headV2+maxHeadV2])
	if errno == unix.EAGAIN || errno == unix.EINTR {
		return
	}
	if got <= 0 {
		l.reset(s) // it left, as those do who only look whether we are there
		return
	}
	n, from, to, err := parseHeader(l.buf[:got])
	if errors.Is(err, errPartial) {
		return
	}
	if err == nil {
		_, errno = sysRead(fd, l.buf[:n])
	}
	if err != nil || errno != 0 {
		l.b.say("a client was turned away: " + errNoHeader.Error())
		l.reset(s)
		return
	}
	if s.about != nil && from.IsValid() && to.IsValid() {
		s.about.from, s.about.to = inetAddr(from), inetAddr(to)
	}
	l.find(s)
}

// sendHeader tells the backend who the client is. The socket is new, so there
// is room for it.
func (l *loop) sendHeader(s *session) bool {
	if l.b.cfg.SendProxy == NoHeader {
		return true
	}
	var b [headV2 + v2AddrTCP6 + maxHeadV1]byte
	head := appendHeader(b[:0], l.b.cfg.SendProxy, s.about.from.inet(), s.about.to.inet())
	n, _ := sysSend(s.ends[server].fd, head)
	l.spoke = true
	return n == len(head)
}
