// SPDX-License-Identifier: Apache-2.0

package sockdiag

import (
	"encoding/binary"
	"errors"
	"strings"

	"golang.org/x/sys/unix"
)

// Parts of <linux/unix_diag.h>.
const (
	showName    = 1
	showVFS     = 2
	showPeer    = 4
	showLengths = 16
	unixName    = 0 // attributes
	unixVFS     = 1
	unixPeer    = 2
	unixLengths = 4
	unixMsgLen  = 16 // struct unix_diag_msg
)

// unixMsg is what is used of struct unix_diag_msg and its attributes.
type unixMsg struct {
	typ, state      uint8
	inode           uint32
	name            []byte // as bound: a leading NUL for an abstract name
	nodeIno, devNum uint32 // of the node in the file system
	waiting         uint32 // connections in the queue of a listener, bytes in that of a connection
	peer            uint32 // inode of the other end
}

// eachUnix calls fn with the accepted connections of unix sockets and with
// the listeners, if any key is one. Accepted ends carry the name of their
// listener; those that wait have none on newer kernels, so that they are
// counted by the listener's queue.
func (d *Diag) eachUnix(keys []Key, fn func(unixMsg)) error {
	wanted := false
	for i := range keys {
		wanted = wanted || keys[i].Path != ""
	}
	if !wanted {
		return nil
	}
	if d.fd >= 0 {
		// Lengths are asked for of listeners only: they are dear.
		err := d.dumpUnix(1<<tcpListen, showName|showLengths, 0, fn)
		if err == nil {
			err = d.dumpUnix(1<<tcpEstablished, showName, 0, fn)
		}
		if !errors.Is(err, unix.ENOENT) {
			return err
		}
		// The kernel has INET_DIAG without UNIX_DIAG.
	}
	return readProcUnix(func(m unixMsg) {
		if m.state == tcpEstablished {
			fn(m)
		}
	})
}

// dumpUnix dumps all unix sockets in some states, or, where inode is not 0,
// asks for that one.
func (d *Diag) dumpUnix(states, show, inode uint32, fn func(unixMsg)) error {
	flags := uint16(unix.NLM_F_DUMP)
	if inode != 0 {
		flags = 0
	}
	d.header(flags)
	d.req = append(d.req, unix.AF_UNIX, 0, 0, 0)
	d.req = binary.NativeEndian.AppendUint32(d.req, states)
	d.req = binary.NativeEndian.AppendUint32(d.req, inode)
	d.req = binary.NativeEndian.AppendUint32(d.req, show)
	d.req = append(d.req, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)
	return d.ask(func(body []byte) {
		if m, ok := parseUnix(body); ok {
			fn(m)
		}
	})
}

func parseUnix(b []byte) (unixMsg, bool) {
	if len(b) < unixMsgLen {
		return unixMsg{}, false
	}
	m := unixMsg{typ: b[1], state: b[2], inode: binary.NativeEndian.Uint32(b[4:])}
	attributes(b[unixMsgLen:], func(typ uint16, v []byte) {
		switch {
		case typ == unixName:
			m.name = v
		case typ == unixLengths && len(v) >= 4:
			m.waiting = binary.NativeEndian.Uint32(v)
		case typ == unixPeer && len(v) >= 4:
			m.peer = binary.NativeEndian.Uint32(v)
		case typ == unixVFS && len(v) >= 8:
			m.nodeIno, m.devNum = binary.NativeEndian.Uint32(v), binary.NativeEndian.Uint32(v[4:])
		}
	})
	return m, true
}

func findUnix(keys []Key, m unixMsg) int {
	for i := range keys {
		if k := &keys[i]; k.Path != "" && k.Type == m.typ && nameIs(m.name, k.Path) {
			return i
		}
	}
	return -1
}

// nameIs compares a bound name with its written form. The kernel ends paths
// with a NUL, and abstract names with nothing.
func nameIs(name []byte, path string) bool {
	if len(name) == 0 {
		return false
	}
	if name[0] == 0 {
		return path[0] == '@' && string(name[1:]) == path[1:]
	}
	return strings.TrimRight(string(name), "\x00") == path
}

// UnixAlive tells whether some socket of this network namespace still
// receives at the node in the file system, or is about to: it is bound and
// does not listen yet. Connections show the node of their listener, and do not
// count.
func UnixAlive(path string) bool {
	var st unix.Stat_t
	if unix.Lstat(path, &st) != nil {
		return false
	}
	d := Open()
	defer d.Close()
	alive := false
	look := func(m unixMsg) {
		if (m.state == tcpListen || m.state == tcpClose || m.typ == unix.SOCK_DGRAM) && isNode(m, &st, path) {
			alive = true
		}
	}
	if d.fd < 0 {
		return readProcUnix(look) == nil && alive
	}
	return d.dumpUnix(^uint32(0), showName|showVFS, 0, look) == nil && alive
}

func isNode(m unixMsg, st *unix.Stat_t, path string) bool {
	if m.nodeIno == 0 {
		return nameIs(m.name, path)
	}
	dev := unix.Major(uint64(st.Dev))<<20 | unix.Minor(uint64(st.Dev)) //nolint:unconvert // uint32 on some; packed as in the kernel
	return m.nodeIno == uint32(st.Ino) && m.devNum == dev
}

// OwnsNode tells whether the node at path is the one that fd, a bound unix
// socket, has made: it may have been removed or replaced since.
func OwnsNode(fd int, path string) bool {
	var node, sock unix.Stat_t
	if unix.Lstat(path, &node) != nil || node.Mode&unix.S_IFMT != unix.S_IFSOCK || unix.Fstat(fd, &sock) != nil {
		return false
	}
	d := Open()
	defer d.Close()
	if d.fd < 0 {
		return true // it cannot be known
	}
	owns := false
	err := d.dumpUnix(^uint32(0), showName|showVFS, uint32(sock.Ino), func(m unixMsg) { owns = isNode(m, &node, path) })
	return owns || err != nil
}
