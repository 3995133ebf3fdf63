// SPDX-License-Identifier: Apache-2.0

package launchd

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/rouse-init/rouse/internal/diag"
	"github.com/rouse-init/rouse/internal/format/launchd/plist"
	"github.com/rouse-init/rouse/internal/format/pair"
	"github.com/rouse-init/rouse/internal/unit"
)

// sock is one dictionary of Sockets, which becomes one socket unit.
type sock struct {
	key     string // as written
	name    string // for LISTEN_FDNAMES
	unit    string // the stem of the unit's name
	pos     diag.Pos
	listens []unit.Listen
	mode    uint32
	path    bool // of a unix socket
	bad     bool

	kind              unit.ListenKind
	typed             bool // SockType was given
	family            string
	node, service     *plist.Value
	pathName, secure  *plist.Value
	protocol          string
	passive, modeSeen bool
}

// setInetd reads inetdCompatibility.
func (b *build) setInetd(v *plist.Value) {
	b.inetd = true
	for _, e := range v.Entries {
		if !strings.EqualFold(e.Key, "Wait") {
			b.unknown(e, "inetdCompatibility", []string{"Wait"})
		} else if b.fits("Wait", []plist.Kind{plist.Bool}, e.Value, true) {
			b.wait = e.Value.Bool
		}
	}
}

// setSockets reads Sockets: each key has a dictionary, or an array of them.
func (b *build) setSockets(v *plist.Value) {
	for _, e := range v.Entries {
		list := []*plist.Value{e.Value}
		if e.Value.Kind == plist.Array {
			list = e.Value.Items
		}
		name := b.fdName(e)
		for _, item := range list {
			if len(b.sockets) == maxSockets {
				b.report(diag.Error, CodeLimit, e.Pos, fmt.Sprintf("cannot load: the job has more than %d sockets", maxSockets), "split it")
				return
			}
			if b.fits("Sockets "+quoteKey(e.Key), []plist.Kind{plist.Dict}, item, true) {
				b.sockets = append(b.sockets, b.socket(e.Key, name, item))
			}
		}
	}
	if len(v.Entries) == 0 {
		b.warn(v.Pos, "cannot open sockets: Sockets is empty, ignoring")
	}
}

// fdName is the name of a descriptor: up to 255 bytes without what separates
// names (sd_listen_fds(3)).
func (b *build) fdName(e plist.Entry) string {
	const most = 255
	name := strings.Map(func(r rune) rune {
		if r == ':' || r < ' ' || r == 0x7f {
			return '_'
		}
		return r
	}, e.Key)
	name = name[:min(len(name), most)]
	if name == "" {
		name = "unknown"
	}
	if name != e.Key {
		b.report(diag.Warning, CodeDiffers, e.Pos, fmt.Sprintf("cannot call a descriptor %.60q, using %.60q", e.Key, name), "use a key without colons")
	}
	return name
}

// socket reads one dictionary.
func (b *build) socket(key, name string, v *plist.Value) *sock {
	s := &sock{key: key, name: name, pos: v.Pos, mode: 0o666, passive: true}
	for _, e := range v.Entries {
		k := socketKey(e.Key)
		switch {
		case k == nil:
			b.unknown(e, "Sockets", socketKeyNames())
		case b.fits(k.name, k.kinds, e.Value, true):
			k.read(b, s, e.Value)
		default:
			s.bad = true
		}
	}
	if !s.passive {
		b.report(diag.Error, CodeUnsupported, v.Pos, "cannot load: SockPassive=false asks for a connection to be made, which rouse does not do", "let the program connect")
		s.bad = true
	}
	if !s.typed && s.protocol == "UDP" {
		s.kind = unit.ListenDatagram
	}
	return s
}

// socketKeyDef is one key of a socket's dictionary.
type socketKeyDef struct {
	name    string
	kinds   []plist.Kind
	read    func(b *build, s *sock, v *plist.Value)
	becomes string
}

func socketKey(name string) *socketKeyDef {
	for _, k := range socketKeys() {
		if strings.EqualFold(k.name, name) {
			return &k
		}
	}
	return nil
}

func socketKeyNames() (out []string) {
	for _, k := range socketKeys() {
		out = append(out, k.name)
	}
	return out
}

func socketKeys() []socketKeyDef {
	str, integer := []plist.Kind{plist.String}, []plist.Kind{plist.Integer}
	text := func(to func(*sock) **plist.Value) func(*build, *sock, *plist.Value) {
		return func(_ *build, s *sock, v *plist.Value) { *to(s) = v }
	}
	return []socketKeyDef{
		{"SockType", str, readSockType, "stream: `ListenStream=`, dgram: `ListenDatagram=`, seqpacket: `ListenSequentialPacket=`"},
		{"SockPassive", []plist.Kind{plist.Bool}, func(_ *build, s *sock, v *plist.Value) { s.passive = v.Bool }, "`false` is refused"},
		{"SockNodeName", str, text(func(s *sock) **plist.Value { return &s.node }), "the address, by itself or by `/etc/hosts`; without it all of IPv4 and, as a second descriptor, all of IPv6"},
		{"SockServiceName", []plist.Kind{plist.String, plist.Integer}, text(func(s *sock) **plist.Value { return &s.service }), "the port, by its number or by `/etc/services`"},
		{"SockFamily", str, readFamily, "IPv4, IPv6 (alone), IPv4v6 (one socket for both) or Unix"},
		{"SockProtocol", str, readProtocol, "TCP or UDP, where it contradicts SockType an error"},
		{"SockPathName", str, text(func(s *sock) **plist.Value { return &s.pathName }), "the path of a unix socket"},
		{"SockPathMode", integer, readMode, "`SocketMode=` (the integer is decimal); 0700 without it, as under launchd"},
		{"SockPathOwner", integer, func(b *build, _ *sock, v *plist.Value) {
			b.warn(v.Pos, "cannot use SockPathOwner: the socket belongs to the manager's user, ignoring")
		}, "no effect"},
		{"SockPathGroup", integer, func(b *build, _ *sock, v *plist.Value) {
			b.warn(v.Pos, "cannot use SockPathGroup: the socket belongs to the manager's group, ignoring")
		}, "no effect"},
		{"SecureSocketWithKey", str, text(func(s *sock) **plist.Value { return &s.secure }), "a unix socket in a directory of the manager's, and its path as this variable, for this job alone"},
		{"MulticastGroup", str, func(b *build, _ *sock, v *plist.Value) {
			b.report(diag.Warning, CodeUnsupported, v.Pos, "cannot join the multicast group "+quoteKey(v.Text)+": the program has to do it, ignoring", "")
		}, "no effect: the program has to join"},
		{"Bonjour", []plist.Kind{plist.Bool, plist.String, plist.Array}, func(b *build, _ *sock, v *plist.Value) {
			b.report(diag.Note, CodeUnsupported, v.Pos, "cannot use Bonjour: nothing is announced, ignoring", "describe the service to Avahi: /etc/avahi/services")
		}, "no effect: nothing is announced"},
	}
}

func readSockType(b *build, s *sock, v *plist.Value) {
	s.typed = true
	switch strings.ToLower(v.Text) {
	case "stream":
		s.kind = unit.ListenStream
	case "dgram":
		s.kind = unit.ListenDatagram
	case "seqpacket":
		s.kind = unit.ListenSeqpacket
	default:
		b.fail(v.Pos, "", "cannot read SockType: expected stream, dgram or seqpacket, found %.80q", v.Text)
		s.bad = true
	}
}

func readFamily(b *build, s *sock, v *plist.Value) {
	switch f := strings.ToLower(v.Text); f {
	case "ipv4", "ipv6", "ipv4v6", "ipv46", "unix":
		s.family = f
	default:
		b.fail(v.Pos, "", "cannot read SockFamily: expected IPv4, IPv6, IPv4v6 or Unix, found %.80q", v.Text)
		s.bad = true
	}
}

func readProtocol(b *build, s *sock, v *plist.Value) {
	switch p := strings.ToUpper(v.Text); p {
	case "TCP", "UDP":
		s.protocol = p
	default:
		b.fail(v.Pos, "", "cannot read SockProtocol: expected TCP or UDP, found %.80q", v.Text)
		s.bad = true
	}
}

func readMode(b *build, s *sock, v *plist.Value) {
	if v.Int < 0 || v.Int > 0o777 {
		fix := ""
		if n, err := strconv.ParseInt(strconv.FormatInt(v.Int, 10), 8, 12); err == nil {
			fix = fmt.Sprintf("the integer is decimal: for mode 0%o write %d", n, n)
		}
		b.fail(v.Pos, fix, "cannot read SockPathMode: expected 0 to 511, found %d", v.Int)
		return
	}
	s.mode, s.modeSeen = uint32(v.Int), true
}

// nameSockets gives each socket the stem of its unit: LABEL for one alone,
// else LABEL-KEY, with a number where that is taken.
func (b *build) nameSockets() {
	taken := map[string]bool{}
	for _, s := range b.sockets {
		stem := b.stem()
		if len(b.sockets) > 1 {
			stem += "-" + pair.Escape(s.key[:min(len(s.key), maxKey)])
		}
		s.unit = stem
		for n := 2; taken[s.unit]; n++ {
			s.unit = stem + "-" + strconv.Itoa(n)
		}
		taken[s.unit] = true
	}
}

// maxKey is how many bytes of a key the name of a unit has at most: each may
// need four.
const maxKey = 8
