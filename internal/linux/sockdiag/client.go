// SPDX-License-Identifier: Apache-2.0

package sockdiag

import (
	"errors"
	"maps"
	"slices"

	"golang.org/x/sys/unix"
)

// Client is a process's end of a connection to a unix listener.
type Client struct {
	Inode  uint32
	Unread uint32 // bytes that came for the process and that it has not read
}

// Clients finds the connections that processes have made to the listeners with
// these names, among the sockets with these inodes. Without UNIX_DIAG in the
// kernel it finds none, and says so by an error.
func (d *Diag) Clients(inodes map[uint32]bool, names []string) ([]Client, error) {
	var out []Client
	for _, inode := range slices.Sorted(maps.Keys(inodes)) {
		var own, other unixMsg
		// Sockets of other families have inodes, too, and are not found.
		if err := d.dumpUnix(1<<tcpEstablished, showPeer|showLengths, inode, func(m unixMsg) { own = m }); err != nil || own.peer == 0 {
			if err != nil && !notThere(err) {
				return nil, err
			}
			continue
		}
		if err := d.dumpUnix(1<<tcpEstablished, showName, own.peer, func(m unixMsg) { other = m }); err != nil {
			if !notThere(err) {
				return nil, err
			}
			continue // it has ended
		}
		if slices.ContainsFunc(names, func(n string) bool { return n != "" && nameIs(other.name, n) }) {
			out = append(out, Client{inode, own.waiting})
		}
	}
	return out, nil
}

// notThere: no unix socket has the inode, or not any more.
func notThere(err error) bool { return errors.Is(err, unix.ENOENT) }
