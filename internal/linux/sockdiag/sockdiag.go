// SPDX-License-Identifier: Apache-2.0

// Package sockdiag asks the kernel about sockets by NETLINK_SOCK_DIAG: how
// many connections a listener has, how long they have been silent, who
// listens on an address. One dump answers for all listeners that are asked
// for. Where the kernel has no INET_DIAG the tables of /proc/net are read.
// It never asks a service, and never blocks.
package sockdiag

import (
	"math"
	"net/netip"
	"time"
)

// Never is the Silence of a listener without connections.
const Never time.Duration = math.MaxInt64

// Key tells the connections of one listener: by its own address, as accepted
// sockets carry it (their cgroup is that of the listener's creator and says
// nothing). The zero Key matches nothing.
type Key struct {
	// Addr and Port of a TCP listener. An unspecified address covers every
	// address of its family, "::" those of IPv4 as well unless V6Only.
	Addr   netip.Addr
	Port   uint16
	V6Only bool
	// Path of a unix listener, "@name" for an abstract one; Type is
	// SOCK_STREAM or SOCK_SEQPACKET.
	Path string
	Type uint8
}

// Stat is what is known of one listener's connections.
type Stat struct {
	// Open connections: established, half-closed by either side while the
	// service still has the socket, half-open, or waiting to be accepted.
	Open uint32
	// Queued are those of them that nobody has accepted yet.
	Queued uint32
	// Silence is the time since the last byte on any of them, either way:
	// Never without connections, 0 when it was not asked for or is not
	// known (unix sockets do not tell).
	Silence time.Duration
	// Asked is the time since a client said something that has had no answer,
	// the shortest; 0 where all have theirs, or it is not known.
	Asked time.Duration
}
