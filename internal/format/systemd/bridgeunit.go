// SPDX-License-Identifier: Apache-2.0

package systemd

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/rouse-init/rouse/internal/unit"
)

// defaultDrain is that of `rouse bridge`.
const defaultDrain = 30 * time.Second

// stopMargin is what a bridge has beyond its drain before it is killed.
const stopMargin = 10 * time.Second

// finishBridge applies the rules of a socket whose clients a bridge has: it
// takes the place of the service.
func (b *build) finishBridge() {
	s := b.sock
	br := s.Bridge
	const key = "X-Handover"
	streams, datagrams := 0, 0
	for _, l := range s.Listens {
		switch {
		case l.Kind == unit.ListenStream && !strings.HasPrefix(l.Address, "vsock"):
			streams++
		case l.Kind == unit.ListenDatagram && !strings.HasPrefix(l.Address, "vsock"):
			datagrams++
		}
	}
	switch {
	case b.fatal != nil:
		return
	case s.Accept:
		b.refuse(key, "X-Handover=bridge: has one bridge for all connections, which does not go with Accept=yes", "remove one of them")
	case streams+datagrams != len(s.Listens):
		b.refuse(key, "a bridge carries what comes to ListenStream= and ListenDatagram= by TCP, UDP and unix sockets, and the socket listens on something else",
			"move it to a socket of its own")
	case streams > 0 && datagrams > 0:
		b.refuse(key, "a bridge carries either connections or datagrams, and the socket has both", "move the datagrams to a socket of their own")
	case unit.BridgedBy(s.Service) != "":
		b.refuse("Service", "Service= names a bridge, which is made by X-Handover=bridge: itself", "name the service that listens behind the bridge")
	case !unit.ValidName(unit.BridgeOf(b.u.Name)):
		b.refuse(key, "the name is too long for that of its bridge, "+unit.BridgeOf(b.u.Name), "give the socket a shorter name")
	default:
		b.bridgeKinds(datagrams > 0)
	}
	br.Service, s.Service = s.Service, unit.BridgeOf(b.u.Name)
}

// bridgeKinds: the daemon's addresses are of the kind of the socket's.
func (b *build) bridgeKinds(datagram bool) {
	br := b.sock.Bridge
	for _, o := range br.Options {
		name, _, _ := strings.Cut(strings.TrimPrefix(o, "--"), "=")
		if datagram && (name == "send-proxy" || name == "accept-proxy" || name == "starting-page") {
			b.refuse("X-Handover", name+" is for connections, and the socket has datagrams", "remove "+name)
			return
		}
	}
	for i, to := range br.To {
		word, rest, _ := strings.Cut(to, ":")
		kind, given := bridgeKinds[word]
		switch {
		case given && kind != datagram:
			b.refuse("X-Handover", "a bridge cannot lead to "+to+": one side has connections, the other datagrams", "write "+bridgePrefix(rest, datagram)+rest)
			return
		case !given:
			rest = to
			br.To[i] = bridgePrefix(to, datagram) + to
		}
		for _, l := range b.sock.Listens {
			if sameAddress(l.Address, rest, b.sock.BindIPv6Only == unit.IPv6Only) {
				b.refuse("X-Handover", "the bridge would connect to its own socket: it listens on "+l.Address+" and leads to "+rest,
					"have the service listen on another address, or set X-Handover=bind")
				return
			}
		}
	}
}

// bridgePrefix is what stands in front of an address for datagrams.
func bridgePrefix(address string, datagram bool) string {
	switch {
	case !datagram:
		return ""
	case address[0] == '/' || address[0] == '@':
		return "unixgram:"
	}
	return "udp:"
}

// sameAddress tells whether who connects to `to` gets to a socket that listens
// on l, with only6 for IPv6 alone; names are not looked up.
func sameAddress(l, to string, only6 bool) bool {
	if l == to {
		return true
	}
	lh, lp := cutPort(l)
	th, tp := cutPort(to)
	if lp != tp || lp == "" {
		return false
	}
	if th == "" {
		th = "127.0.0.1"
	}
	ta, err := netip.ParseAddr(th)
	if err != nil {
		return false
	}
	la, err := netip.ParseAddr(lh)
	if lh == "" {
		la, err = netip.IPv6Unspecified(), nil
	}
	if err != nil || la != ta && !la.IsUnspecified() {
		return false
	}
	return la == ta || ta.IsLoopback() && (ta.Is6() == la.Is6() || la.Is6() && !only6)
}

// cutPort cuts HOST:PORT, "" for paths and names.
func cutPort(s string) (host, port string) {
	if s == "" || s[0] == '/' || s[0] == '@' {
		return "", ""
	}
	i := strings.LastIndexByte(s, ':')
	return strings.Trim(s[:max(i, 0)], "[]"), s[i+1:]
}

// BridgeFile is the unit file that the bridge of a socket stands for; every
// line of it stands where X-Handover= does. service is what listens behind it,
// nil where that is not known: the bridge runs as the same user.
func BridgeFile(sock, service *unit.Unit) *File {
	br := sock.Socket.Bridge
	f := &File{Name: br.Pos.File}
	add := func(section, key, value string) {
		info := sections()[section]
		f.Assigns = append(f.Assigns, Assign{
			Section: section, Key: key, Value: value, Line: br.Pos.Line, Col: br.Pos.Col, valueCol: br.Pos.Col,
			dir: info.keys[key], bit: info.bit,
		})
	}
	plain := func(s string) string { return strings.ReplaceAll(s, "%", "%%") }
	add("Unit", "Description", plain("Bridge of "+sock.Name+" to "+strings.Join(br.To, ", ")))
	if strings.HasPrefix(br.Pos.File, "/") {
		add("Unit", "SourcePath", plain(br.Pos.File))
	}
	add("Unit", "BindsTo", br.Service)
	if !br.Page {
		add("Unit", "After", br.Service)
	}
	add("Service", "Type", "notify")
	// The program that the manager runs, also when a package has put another
	// one, or none, in its place: proc(5), /proc/pid/exe.
	command := ":@/proc/self/exe rouse bridge --ready=daemon"
	for _, to := range br.To {
		command += " --to " + quoteArgument(to)
	}
	for _, o := range br.Options {
		command += " " + quoteArgument(o)
	}
	add("Service", "ExecStart", command)
	add("Service", "Sockets", sock.Name)
	// It is started again when it crashed (2 is that of the Go runtime) or could
	// not begin, but not when the daemon was not there in time: the next client
	// tries again.
	add("Service", "Restart", "on-abort")
	add("Service", "RestartForceExitStatus", "1 2 SIGKILL")
	add("Service", "RestartMode", "direct") // the service behind it need not notice
	add("Service", "NoNewPrivileges", "yes")
	if br.Timeout > 0 {
		add("Service", "TimeoutStartSec", unit.FormatTimespan(br.Timeout))
	}
	drain := br.Drain
	if drain == 0 {
		drain = defaultDrain
	}
	if drain != unit.Infinity {
		drain += stopMargin
	}
	add("Service", "TimeoutStopSec", unit.FormatTimespan(drain))
	if service != nil && service.Service != nil && service.Service.Exec != nil {
		x := service.Service.Exec
		if x.User != "" {
			add("Service", "User", plain(x.User))
		}
		if x.Group != "" {
			add("Service", "Group", plain(x.Group))
		}
		if x.User != "" && slices.Contains(br.Options, "--transparent") {
			add("Service", "AmbientCapabilities", "CAP_NET_ADMIN")
		}
	}
	return f
}

// quoteArgument writes a word of a command line so that it comes back as it
// is; it has no control characters.
func quoteArgument(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "%", "%%").Replace(s) + `"`
}
