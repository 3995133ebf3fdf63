// SPDX-License-Identifier: Apache-2.0

package sockdiag

import (
	"cmp"
	"slices"
)

// Client is a process's end of a connection to a unix listener.
type Client struct {
	Inode  uint32
	Unread uint32 // bytes that came for the process and that it has not read
}

// Clients finds the connections that processes have made to the listeners with
// these names, among the sockets with these inodes. One dump tells of all: to ask
// for one socket, the kernel looks through all of them as well. Without UNIX_DIAG
// it fails.
func (d *Diag) Clients(inodes map[uint32]bool, names []string) ([]Client, error) {
	if len(inodes) == 0 || len(names) == 0 {
		return nil, nil
	}
	var out []Client
	peers := make(map[uint32]uint32)  // by the inodes of the clients
	accepted := make(map[uint32]bool) // inodes of the other ends
	err := d.dumpUnix(1<<tcpEstablished, showName|showPeer|showLengths, 0, func(m unixMsg) {
		if inodes[m.inode] && m.peer != 0 {
			out = append(out, Client{m.inode, m.waiting})
			peers[m.inode] = m.peer
		}
		if slices.ContainsFunc(names, func(n string) bool { return n != "" && nameIs(m.name, n) }) {
			accepted[m.inode] = true
		}
	})
	if err != nil {
		return nil, err
	}
	out = slices.DeleteFunc(out, func(c Client) bool { return !accepted[peers[c.Inode]] })
	slices.SortFunc(out, func(a, b Client) int { return cmp.Compare(a.Inode, b.Inode) })
	return out, nil
}
