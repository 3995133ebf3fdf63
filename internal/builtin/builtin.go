// SPDX-License-Identifier: Apache-2.0

// Package builtin serves what inetd serves without a program: echo (RFC 862),
// discard (RFC 863), chargen (RFC 864), daytime (RFC 867) and time (RFC 868).
// It runs in a process of its own on sockets that somebody else listens on,
// and ends when nobody has come for a while; whoever comes then waits in the
// queue until it is started again.
package builtin

import (
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"time"
)

// Names are the services.
var Names = []string{"echo", "discard", "chargen", "daytime", "time"}

// stream serves one connection until its client has had enough.
func stream(name string, c net.Conn) {
	defer func() { _ = c.Close() }()
	var err error
	switch name {
	case "echo":
		_, err = io.Copy(c, c)
	case "discard":
		_, err = io.Copy(io.Discard, c)
	case "chargen":
		err = chargen(c)
	default:
		_, err = c.Write(answer(name, nil))
	}
	_ = err // the client is gone: nobody to tell
}

// answer is the datagram that answers one. It is never longer than what it
// answers, where that could be chosen: a service that answers strangers must
// not multiply what they send in somebody else's name.
func answer(name string, request []byte) []byte {
	now := time.Now()
	switch name {
	case "echo":
		return request
	case "chargen":
		return pattern(0)[:min(len(request), lineLength)]
	case "daytime":
		return []byte(now.Format("Mon Jan _2 15:04:05 2006") + "\r\n")
	case "time":
		return binary.BigEndian.AppendUint32(nil, uint32(now.Unix()+since1900)) //nolint:gosec // RFC 868 wraps in 2036
	}
	return nil
}

// since1900 are the seconds from 1900 to 1970 (RFC 868).
const since1900 = 2208988800

// lineLength is that of a line of chargen: 72 characters and its end.
const lineLength = 74

// pattern is line n of chargen: 72 of the 95 printing characters of ASCII,
// from one on that moves with each line.
func pattern(n int) []byte {
	const first, printing = ' ', 95
	b := make([]byte, 0, lineLength)
	for i := range lineLength - 2 {
		b = append(b, byte(first+(n+i)%printing))
	}
	return append(b, '\r', '\n')
}

// chargen writes all lines of the pattern over and over.
func chargen(w io.Writer) error {
	var all []byte
	for n := range 95 {
		all = append(all, pattern(n)...)
	}
	for {
		if _, err := w.Write(all); err != nil {
			return err
		}
	}
}

// answerable tells whether a datagram from there is to be answered: not from
// the ports of servers, where two services would answer each other for ever,
// and not from what is no single host.
func answerable(from net.Addr) bool {
	u, ok := from.(*net.UDPAddr)
	if !ok {
		return from != nil && from.String() != "" // a unix socket that has a name
	}
	const reserved, nfs = 1024, 2049
	a, _ := netip.AddrFromSlice(u.IP)
	a = a.Unmap()
	return u.Port >= reserved && u.Port != nfs && a.IsValid() && !a.IsMulticast() && !a.IsUnspecified()
}
