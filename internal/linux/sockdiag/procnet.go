// SPDX-License-Identifier: Apache-2.0

package sockdiag

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// readProcTCP reads /proc/net/tcp or tcp6 (proc_pid_net(5)): what there is
// without INET_DIAG. It knows no silence.
func readProcTCP(family uint8, states uint32, fn func(inetMsg)) error {
	return readProcInet("/proc/net/tcp", family, states, fn)
}

// readProcInet reads the table of IPv4 or, with a 6 after its name, of IPv6.
func readProcInet(name string, family uint8, states uint32, fn func(inetMsg)) error {
	if family == unix.AF_INET6 {
		name += "6"
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return fmt.Errorf("cannot count connections: %w", err)
	}
	for line := range bytes.Lines(data) {
		if m, ok := parseProcTCP(family, line); ok && states&(1<<m.state) != 0 {
			fn(m)
		}
	}
	return nil
}

// parseProcTCP reads "  0: 0100007F:1F90 00000000:0000 0A TX:RX TR:TM->WHEN
// RETRNSMT UID TIMEOUT INODE ...".
func parseProcTCP(family uint8, line []byte) (inetMsg, bool) {
	f := bytes.Fields(line)
	if len(f) < 10 {
		return inetMsg{}, false
	}
	local, ok := parseProcAddress(f[1])
	peer, ok2 := parseProcAddress(f[2])
	_, waiting, ok3 := bytes.Cut(f[4], []byte(":"))
	if !ok || !ok2 || !ok3 {
		return inetMsg{}, false
	}
	state, err1 := strconv.ParseUint(string(f[3]), 16, 5)
	inode, err2 := strconv.ParseUint(string(f[9]), 10, 32)
	queue, err3 := strconv.ParseUint(string(waiting), 16, 32)
	if err1 != nil || err2 != nil || err3 != nil {
		return inetMsg{}, false
	}
	m := inetMsg{family: family, state: uint8(state), local: local.Addr(), port: local.Port(), peer: peer, inode: uint32(inode)}
	if m.state == tcpListen {
		m.queue = uint32(queue)
	}
	return m, true
}

// parseProcAddress reads "0100007F:1F90".
func parseProcAddress(text []byte) (netip.AddrPort, bool) {
	addr, port, ok := bytes.Cut(text, []byte(":"))
	if !ok {
		return netip.AddrPort{}, false
	}
	ip, err := hex.DecodeString(string(addr))
	if err != nil || (len(ip) != 4 && len(ip) != 16) {
		return netip.AddrPort{}, false
	}
	// Each group of four bytes is printed as a number of the host's order.
	for i := 0; i < len(ip); i += 4 {
		binary.NativeEndian.PutUint32(ip[i:], binary.BigEndian.Uint32(ip[i:]))
	}
	a, _ := netip.AddrFromSlice(ip)
	p, err := strconv.ParseUint(string(port), 16, 16)
	return netip.AddrPortFrom(a, uint16(p)), err == nil
}

// readProcUnix reads /proc/net/unix. It does not show which connections wait
// in a listener; they stay there, so nothing is lost by that.
func readProcUnix(fn func(unixMsg)) error {
	data, err := os.ReadFile("/proc/net/unix")
	if err != nil {
		return fmt.Errorf("cannot count connections: %w", err)
	}
	for line := range bytes.Lines(data) {
		if m, ok := parseProcUnix(line); ok {
			fn(m)
		}
	}
	return nil
}

// parseProcUnix reads "Num: RefCount Protocol Flags Type St Inode Path". St
// is the state of the old BSD kind: 03 is connected; the flag 00010000 marks
// a listener.
func parseProcUnix(line []byte) (unixMsg, bool) {
	f := bytes.Fields(line)
	if len(f) < 7 {
		return unixMsg{}, false
	}
	flags, err1 := strconv.ParseUint(string(f[3]), 16, 32)
	typ, err2 := strconv.ParseUint(string(f[4]), 16, 8)
	state, err3 := strconv.ParseUint(string(f[5]), 16, 8)
	inode, err4 := strconv.ParseUint(string(f[6]), 10, 32)
	if err1 != nil || err2 != nil || err3 != nil || err4 != nil {
		return unixMsg{}, false
	}
	m := unixMsg{typ: uint8(typ), inode: uint32(inode), state: tcpClose}
	switch {
	case flags&(1<<16) != 0:
		m.state = tcpListen
	case state == 3:
		m.state = tcpEstablished
	}
	if len(f) > 7 {
		_, name, _ := bytes.Cut(line, f[6])
		m.name = bytes.TrimSuffix(name[1:], []byte("\n"))
		if m.name[0] == '@' {
			m.name = append([]byte{0}, m.name[1:]...)
		}
	}
	return m, true
}
