// SPDX-License-Identifier: Apache-2.0

package xinetd

import (
	"fmt"
	"math"
	"net/netip"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/rouse-init/rouse/internal/unit"
)

func (b *build) nothing(word)    {}
func (b *build) nothings([]word) {}

func (b *build) types(v []word) {
	for _, w := range v {
		switch strings.ToUpper(w.text) {
		case "INTERNAL":
			b.internal = true
		case "UNLISTED":
			b.unlisted = true
		case "RPC":
			b.rpc(w)
		case "TCPMUX", "TCPMUXPLUS":
			b.fail(CodeUnsupported, w.pos, "cannot serve tcpmux (RFC 1078): services are not chosen by name over one port", "give the service a port of its own, with type = UNLISTED")
		default:
			b.bad("type", w, "INTERNAL or UNLISTED")
		}
	}
}

func (b *build) rpc(w word) {
	if !b.broken {
		b.fail(CodeUnsupported, w.pos, "cannot register the service with rpcbind: rouse does not speak ONC RPC", "let the server register itself, as a service without a socket")
	}
}

// yes is a boolean.
func (b *build) yes(attr string, w word) bool {
	switch strings.ToLower(w.text) {
	case "yes":
		return true
	case "no":
	default:
		b.bad(attr, w, "yes or no")
	}
	return false
}

func (b *build) disable(w word) { b.Off = b.yes("disable", w) || b.Off }

func (b *build) socketType(w word) {
	switch w.text {
	case "stream":
	case "dgram":
		b.dgram = true
	case "raw", "seqpacket":
		b.fail(CodeUnsupported, w.pos, fmt.Sprintf("cannot listen: sockets of the type %s have no service to start for", w.text), "run the server as a service of its own")
	default:
		b.bad("socket_type", w, "stream or dgram")
	}
}

func (b *build) protocol(w word) {
	switch w.text {
	case "tcp", "udp":
		b.proto = w.text
	case "tcp6", "udp6":
		b.proto, b.six = w.text[:3], true
	default:
		b.bad("protocol", w, "tcp or udp")
	}
}

func (b *build) waiting(w word) { b.wait, b.waitSet = b.yes("wait", w), true }

func (b *build) port(w word) {
	n, err := strconv.ParseUint(w.text, 10, 16)
	if err != nil || n == 0 {
		b.bad("port", w, "a number from 1 to 65535")
		return
	}
	b.portNumber = uint16(n)
}

func (b *build) bind(w word)   { b.address = w }
func (b *build) v6only(w word) { b.v6 = b.yes("v6only", w) }

func (b *build) user(w word) {
	b.Exec.User = w.text
	b.Where("User", w.pos)
}

func (b *build) group(w word) {
	b.Exec.Group = w.text
	b.Where("Group", w.pos)
}

func (b *build) groups(w word) {
	if !b.yes("groups", w) && !b.broken {
		b.warn(CodeUnsupported, w.pos, "groups = no has no effect: a server has all groups of its user", "write groups = yes")
	}
}

func (b *build) umask(w word) {
	n, err := strconv.ParseUint(w.text, 8, 12)
	if err != nil || n > 0o777 {
		b.bad("umask", w, "an octal number up to 777")
		return
	}
	b.Exec.Umask = int32(n)
}

func (b *build) nice(w word) {
	n, err := strconv.ParseInt(w.text, 10, 8)
	if err != nil || n < -20 || n > 19 {
		b.bad("nice", w, "a number from -20 to 19")
		return
	}
	nice := int8(n)
	b.Exec.Nice = &nice
}

func (b *build) server(w word) {
	if !path.IsAbs(w.text) {
		b.bad("server", w, "the absolute path of a program")
		return
	}
	b.Command.Path, b.Command.Pos = path.Clean(w.text), w.pos
}

func (b *build) serverArgs(v []word) { b.args = v }

func (b *build) redirect(v []word) {
	host, port := v[0], v[1]
	n, err := strconv.ParseUint(port.text, 10, 16)
	if err != nil {
		if p, ok := b.lookUpPort(port.text, "tcp"); ok {
			n = uint64(p)
		}
	}
	if n == 0 {
		b.bad("redirect", port, "a port")
		return
	}
	to := host.text
	if a, err := netip.ParseAddr(to); err == nil && a.Is6() {
		to = "[" + to + "]"
	}
	b.forward = to + ":" + strconv.FormatUint(n, 10)
	b.Command.Pos = host.pos
}

func (b *build) lookUpPort(service, proto string) (uint16, bool) {
	if b.c.opt.Port == nil {
		return 0, false
	}
	return b.c.opt.Port(service, proto)
}

func (b *build) env(v []word) {
	for _, w := range v {
		name, _, ok := strings.Cut(w.text, "=")
		if !ok || name == "" {
			b.bad("env", w, "NAME=VALUE")
			return
		}
		b.Exec.Environment = append(b.Exec.Environment, w.text)
	}
}

func (b *build) passenv(v []word) {
	for _, w := range v {
		b.Exec.PassEnvironment = append(b.Exec.PassEnvironment, w.text)
	}
}

// rlimit reads a resource limit. Sizes may have K or M.
func rlimit(resource uint8, size bool) func(*build, word) {
	return func(b *build, w word) {
		text, scale := w.text, uint64(1)
		if size && len(text) > 1 {
			switch text[len(text)-1] {
			case 'K', 'k':
				text, scale = text[:len(text)-1], 1<<10
			case 'M', 'm':
				text, scale = text[:len(text)-1], 1<<20
			}
		}
		n, err := strconv.ParseUint(text, 10, 64)
		switch {
		case strings.EqualFold(w.text, "UNLIMITED"):
			n = math.MaxUint64
		case err != nil || n > math.MaxInt64/scale:
			b.bad("the limit", w, "a number or UNLIMITED")
			return
		default:
			n *= scale
		}
		b.Exec.Limits = append(b.Exec.Limits, unit.Limit{Resource: resource, Soft: n, Hard: n})
	}
}

// count reads a number or UNLIMITED, which is 0.
func (b *build) count(attr string, w word) uint32 {
	if strings.EqualFold(w.text, "UNLIMITED") {
		return 0
	}
	n, err := strconv.ParseUint(w.text, 10, 32)
	if err != nil || n == 0 {
		b.bad(attr, w, "a number of at least 1, or UNLIMITED")
	}
	return uint32(n)
}

func (b *build) instances(w word) { b.Socket.MaxConnections = b.count("instances", w) }
func (b *build) perSource(w word) { b.Socket.MaxPerSource = b.count("per_source", w) }

func (b *build) mdns(w word) {
	if b.yes("mdns", w) {
		b.warn(CodeUnsupported, w.pos, "mdns has no effect: rouse does not announce services", "write a static service for Avahi, below /etc/avahi/services")
	}
}

func (b *build) libwrap(w word) {
	b.warn(CodeUnsupported, w.pos, "libwrap has no effect: /etc/hosts.allow and /etc/hosts.deny are not read", "write only_from and no_access, or start the server by tcpd")
}

func (b *build) flags(v []word) {
	yes := true
	for _, w := range v {
		switch f := strings.ToUpper(w.text); f {
		case "KEEPALIVE":
			b.Options.KeepAlive = &yes
		case "NODELAY":
			b.Options.NoDelay = &yes
		case "NAMEINARGS":
			b.nameInArgs = true
		case "IPV4":
			b.only4 = true
		case "IPV6":
			b.six = true
		case "SENSOR":
			b.access.Sensor = true
		case "DISABLE":
			b.Off = true
		case "NORETRY", "REUSE", "NOLIBWRAP":
		case "INTERCEPT":
			b.fail(CodeUnsupported, w.pos, "cannot check each connection of a server that accepts by itself (INTERCEPT)", "write wait = no, and remove the flag")
		case "IDONLY":
			b.fail(CodeUnsupported, w.pos, "cannot ask clients who their users are (IDONLY): rouse does not speak ident (RFC 1413)", "remove the flag, and limit who may connect with only_from")
		case "LABELED":
			b.warn(CodeUnsupported, w.pos, "LABELED has no effect: servers run with the label of their program", "")
		default:
			b.bad("flags", w, "KEEPALIVE, NODELAY, NAMEINARGS, SENSOR, IPv4 or IPv6")
		}
	}
}

func upper(v []word) (out []string) {
	for _, w := range v {
		if u := strings.ToUpper(w.text); !slices.Contains(out, u) {
			out = append(out, u)
		}
	}
	slices.Sort(out)
	return out
}
