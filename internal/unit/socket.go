// SPDX-License-Identifier: Apache-2.0

package unit

import (
	"time"

	"github.com/rouse-init/rouse/internal/diag"
)

// ListenKind is the kind of an address that a socket unit listens on.
type ListenKind uint8

// The kinds of addresses of systemd.socket(5).
const (
	ListenStream ListenKind = iota
	ListenDatagram
	ListenSeqpacket
	ListenFIFO
	ListenSpecial
	ListenNetlink
	ListenMessageQueue
	ListenUSBFunction
)

// Listen is one Listen*= line. Address is as written, specifiers expanded.
type Listen struct {
	Kind    ListenKind
	Address string
	Pos     diag.Pos
}

// BindIPv6Only is BindIPv6Only= of systemd.socket(5).
type BindIPv6Only uint8

// The values of BindIPv6Only=.
const (
	IPv6Default BindIPv6Only = iota
	IPv6Both
	IPv6Only
)

// IdleAction is X-IdleAction=.
type IdleAction uint8

// The values of X-IdleAction=.
const (
	IdleStop IdleAction = iota
	IdleFreeze
)

// Handover is X-Handover=: how the service gets its connections.
type Handover uint8

// The values of X-Handover=.
const (
	// HandoverPass is LISTEN_FDS, the default.
	HandoverPass Handover = iota
	// HandoverStdio connects the socket to the standard streams.
	HandoverStdio
	// HandoverBind answers the daemon's own bind() with the held socket.
	HandoverBind
	// HandoverBoth is what `rouse on` uses: LISTEN_FDS and bind.
	HandoverBoth
	// HandoverBridge has a bridge take the connections and carry them to
	// where the service listens: see Bridge.
	HandoverBridge
)

// MaxDistribute bounds Distribute=: each member is a descriptor and two units,
// and a socket filter of the kernel has to choose among them.
const MaxDistribute = 1024

// Bridge is what X-Handover=bridge: says. Socket.Service is the bridge then,
// a unit that load makes (BridgeOf).
type Bridge struct {
	Service string   // what the connections are for
	To      []string // where it listens
	Options []string // of `rouse bridge`, "--send-proxy=v2"
	// Page: clients are shown a page while the service starts, so that the
	// bridge has to be there before it.
	Page bool
	// Timeout is how long a client is held, Drain how long connections have
	// to end; Infinity: for ever.
	Timeout, Drain time.Duration
	Pos            diag.Pos // of the value
}

// Socket is the [Socket] section.
type Socket struct {
	Listens  []Listen
	Service  string // Service=, or the name derived from the socket's own
	Accept   bool
	Handover Handover
	Bridge   *Bridge // with HandoverBridge

	// Distribute is how many sockets share the addresses (SO_REUSEPORT), 0 for
	// one that has them alone. Each is a unit of its own that load makes, a
	// member: NAME@0.socket and so on; this one opens nothing by itself.
	Distribute uint32
	// MemberOf is the socket with Distribute= that a member belongs to.
	MemberOf string
	// Leaving members are more than Distribute= wants since a reload: they take
	// no new connections, and are closed when all that came are served.
	Leaving bool

	IdleSec    time.Duration // X-IdleSec=; Infinity: never
	IdleAction IdleAction

	Backlog                       uint32
	BindIPv6Only                  BindIPv6Only
	MaxConnections                uint32
	MaxPerSource                  uint32
	TriggerInterval, PollInterval time.Duration
	TriggerBurst, PollBurst       uint32
	FlushPending                  bool
	RemoveOnStop                  bool
	Writable                      bool
	Symlinks                      []string
	FDName                        string // FileDescriptorName=, or the default
	User, Group                   string
	Mode, DirMode                 uint32
	Timeout                       time.Duration

	Options  *SocketOptions // nil when none is set
	Access   *Access        // nil: everybody may connect
	Commands []Command      // StartPre, StartPost, Stop (ExecStopPre=), StopPost
	Exec     *Exec          // for Commands
	Kill     Kill
	Pos      diag.Pos // of the [Socket] section
}

// SocketOptions are the socket options of systemd.socket(5). Integers are
// nil when not set, so that the kernel's default stays.
type SocketOptions struct {
	KeepAlive, NoDelay, FreeBind, Transparent, Broadcast, ReusePort *bool
	PassCredentials, PassSecurity, PassPacketInfo, PassFDsToExec    *bool
	KeepAliveTime, KeepAliveInterval, DeferAccept                   time.Duration
	KeepAliveProbes, Priority, IPTOS, IPTTL, Mark, PipeSize         *int32
	ReceiveBuffer, SendBuffer                                       *uint64
	MQMaxMessages, MQMessageSize                                    *int64
	BindToDevice, TCPCongestion                                     string
	SmackLabel, SmackLabelIPIn, SmackLabelIPOut                     string
	Timestamping                                                    string // "", "us", "ns"
	Protocol                                                        string // SocketProtocol=: "udplite", "sctp", "mptcp"
}

// Resources are the attributes of the unit's cgroup, as file and value: what
// the kernel is told ("memory.max", "1073741824"). Sorted by file.
type Resources struct {
	Attributes []Attribute
	Delegate   bool
	// DelegateSubgroup is where the service's processes go below its cgroup.
	DelegateSubgroup string
	// Controllers that the attributes need, sorted: "cpu", "io", "memory", "pids".
	Controllers []string
}

// Attribute is one cgroup file and what to write into it.
type Attribute struct {
	File, Value string
	Pos         diag.Pos
}
