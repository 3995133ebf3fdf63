// SPDX-License-Identifier: Apache-2.0

package systemd

import (
	"errors"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rouse-init/rouse/internal/unit"
)

// X-Handover=bridge:ADDRESS [ADDRESS...] [OPTION...]: the addresses of the
// service and the options of its bridge, which are those of `rouse bridge`.

const bridgeWord = "bridge:"

var (
	errBridgeAddress = errors.New("expected a port, ADDRESS:PORT, [IPV6]:PORT, NAME:PORT, a path or @NAME")
	errBridgeText    = errors.New("it has a control character in it")
)

// maxBridges bounds the addresses of one bridge.
const maxBridges = 64

// handovers are the values of X-Handover= that are one word.
var handovers = strings.Fields("pass stdio bind both")

// setHandover reads X-Handover=. Nobody is served where the service does not
// listen, so a mistake in a bridge keeps the socket from loading.
func setHandover(b *build, v string) error {
	if !strings.HasPrefix(v, bridgeWord) {
		n := lookup(handovers, v)
		if n < 0 {
			err := notOneOf(v, append(slices.Clone(handovers), bridgeWord+"ADDRESS"))
			if strings.HasPrefix(v, "bridge") {
				err = hinted{err, "write where the service listens: X-Handover=bridge:127.0.0.1:3000"}
			}
			return err
		}
		b.sock.Handover, b.sock.Bridge = unit.Handover(n), nil
		return nil
	}
	br := &unit.Bridge{Pos: b.pos()}
	b.sock.Handover, b.sock.Bridge = unit.HandoverBridge, br
	first := true
	return b.words(v, unquote, func(w string) error {
		if first {
			w, first = strings.TrimPrefix(w, bridgeWord), false
		} else if name, value, given := strings.Cut(w, "="); isOptionName(name) {
			value, err := b.expand(value)
			if err == nil {
				err = bridgeOption(br, name, value, given)
			}
			return fatal(err)
		}
		a, err := b.expand(w)
		switch {
		case err != nil:
		case len(br.To) == maxBridges:
			err = errors.New("a bridge leads to " + strconv.Itoa(maxBridges) + " addresses at most")
		default:
			err = checkBridgeAddress(a)
		}
		br.To = append(br.To, a)
		return fatal(err)
	})
}

// isOptionName tells options from addresses, which begin with a slash, @ or
// bracket, or have a colon.
func isOptionName(s string) bool {
	return s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz-") == ""
}

// The kinds of the bridge's options.
const (
	bridgeFlag = iota
	bridgeSpan
	bridgeCount
	bridgeHeader
	bridgePage
)

type bridgeOptionKind struct {
	name string
	kind int
}

// bridgeExamples are values of those kinds that need one.
var bridgeExamples = [...]string{bridgeSpan: "10min", bridgeCount: "100", bridgeHeader: "v2"}

var bridgeOptions = []bridgeOptionKind{
	{"timeout", bridgeSpan},
	{"connect-timeout", bridgeSpan},
	{"connections-max", bridgeCount},
	{"connection-idle", bridgeSpan},
	{"keep-alive", bridgeSpan},
	{"drain", bridgeSpan},
	{"udp-timeout", bridgeSpan},
	{"accept-proxy", bridgeFlag},
	{"send-proxy", bridgeHeader},
	{"transparent", bridgeFlag},
	{"starting-page", bridgePage},
	{"page-after", bridgeSpan},
	{"threads", bridgeCount},
}

// bridgeOptionNames are for messages and the documentation.
func bridgeOptionNames() (out []string) {
	for _, o := range bridgeOptions {
		out = append(out, o.name)
	}
	return out
}

// bridgeOption checks one option and adds the word of the command line that
// it is.
func bridgeOption(br *unit.Bridge, name, value string, given bool) error {
	i := slices.IndexFunc(bridgeOptions, func(o bridgeOptionKind) bool { return o.name == name })
	if i < 0 {
		err := errors.New(name + " is no option of a bridge")
		if n := nearest(name, bridgeOptionNames()); n != "" {
			return hinted{err, "did you mean " + n + "?"}
		}
		return hinted{err, "the options are " + strings.Join(bridgeOptionNames(), ", ")}
	}
	kind := bridgeOptions[i].kind
	if !given && kind != bridgeFlag && kind != bridgePage {
		return errors.New(name + " needs a value: " + name + "=" + bridgeExamples[kind])
	}
	if given && kind == bridgeFlag {
		return errors.New(name + " takes no value")
	}
	word := "--" + name
	switch kind {
	case bridgeSpan:
		d, err := parseSpan(value)
		if err != nil {
			return errors.New(name + ": " + err.Error())
		}
		bridgeSpans(br, name, d)
		word += "=" + unit.FormatTimespan(d)
	case bridgeCount:
		n, err := parseInt(value, 0, math.MaxInt32)
		if err != nil {
			return errors.New(name + ": " + err.Error())
		}
		word += "=" + strconv.FormatInt(n, 10)
	case bridgeHeader:
		if value != "v1" && value != "v2" {
			return errors.New(name + ": expected v1 or v2")
		}
		word += "=" + value
	case bridgePage:
		br.Page = true
		if given {
			p, err := cleanPath(value)
			if err != nil {
				return errors.New(name + ": " + err.Error())
			}
			word += "=" + p
		}
	}
	br.Options = slices.DeleteFunc(br.Options, func(o string) bool { return o == "--"+name || strings.HasPrefix(o, "--"+name+"=") })
	br.Options = append(br.Options, word)
	return nil
}

// bridgeSpans notes what the unit has to know, too; 0 is for ever.
func bridgeSpans(br *unit.Bridge, name string, d time.Duration) {
	if d == 0 {
		d = unit.Infinity
	}
	switch name {
	case "timeout":
		br.Timeout = d
	case "drain":
		br.Drain = d
	}
}

// bridgeKinds are the words in front of an address; true: for datagrams.
var bridgeKinds = map[string]bool{"tcp": false, "unix": false, "udp": true, "unixgram": true}

// checkBridgeAddress checks an address of `rouse bridge --to`.
func checkBridgeAddress(s string) error {
	if strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return errBridgeText
	}
	word, rest, ok := strings.Cut(s, ":")
	if _, known := bridgeKinds[word]; !ok || !known {
		rest = s
	}
	if rest == "" {
		return errBridgeAddress
	}
	if rest[0] == '/' || rest[0] == '@' {
		if len(rest) > 107 {
			return errUnixLen
		}
		if len(rest) == 1 {
			return errBridgeAddress
		}
		return nil
	}
	host, port := "", rest
	if i := strings.LastIndexByte(rest, ':'); i >= 0 {
		host, port = rest[:i], rest[i+1:]
		if host == "" {
			return errBridgeAddress
		}
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 || port[0] == '+' {
		return errPort
	}
	bare, six := strings.CutPrefix(host, "[")
	if six {
		a, err := netip.ParseAddr(strings.TrimSuffix(bare, "]"))
		if err != nil || !a.Is6() || !strings.HasSuffix(bare, "]") {
			return errBridgeAddress
		}
		return nil
	}
	if len(host) > 253 || strings.ContainsAny(host, "/@ ") {
		return errBridgeAddress
	}
	if strings.IndexByte(host, ':') >= 0 {
		return hinted{errBridgeAddress, "put the IPv6 address in brackets: [" + host + "]:" + port}
	}
	return nil
}
