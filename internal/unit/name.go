// SPDX-License-Identifier: Apache-2.0

package unit

import (
	"errors"
	"strings"
)

// MaxName is the longest unit name in bytes (systemd.unit(5)).
const MaxName = 255

// Suffix is the ending of the names of kind k, without the dot; "" for
// KindInvalid.
func (k Kind) Suffix() string {
	switch k {
	case KindInvalid:
		return ""
	case KindService:
		return "service"
	case KindSocket:
		return "socket"
	case KindTarget:
		return "target"
	case KindSlice:
		return "slice"
	case KindTimer:
		return "timer"
	case KindPath:
		return "path"
	case KindMount:
		return "mount"
	case KindAutomount:
		return "automount"
	case KindSwap:
		return "swap"
	case KindScope:
		return "scope"
	case KindDevice:
		return "device"
	}
	return ""
}

// KindOf tells the kind of a unit from the suffix of its name, KindInvalid
// if it has none. It does not check the rest of the name.
func KindOf(name string) Kind {
	dot := strings.LastIndexByte(name, '.')
	if dot < 0 {
		return KindInvalid
	}
	switch name[dot+1:] {
	case "service":
		return KindService
	case "socket":
		return KindSocket
	case "target":
		return KindTarget
	case "slice":
		return KindSlice
	case "timer":
		return KindTimer
	case "path":
		return KindPath
	case "mount":
		return KindMount
	case "automount":
		return KindAutomount
	case "swap":
		return KindSwap
	case "scope":
		return KindScope
	case "device":
		return KindDevice
	}
	return KindInvalid
}

// ValidName tells whether name is the name of a unit: plain, template or
// instance.
func ValidName(name string) bool {
	if len(name) > MaxName || KindOf(name) == KindInvalid {
		return false
	}
	stem := name[:strings.LastIndexByte(name, '.')]
	if stem == "" || stem[0] == '@' {
		return false
	}
	for i := range len(stem) {
		if stem[i] != '@' && !nameByte(stem[i]) {
			return false
		}
	}
	return true
}

// nameByte tells whether c may stand in the name of a unit; '@' apart, which
// separates the instance.
func nameByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' ||
		c == ':' || c == '-' || c == '_' || c == '.' || c == '\\'
}

// Parts are the parts of a unit's name: Prefix[@[Instance]].Kind.
type Parts struct {
	Prefix   string // still escaped
	Instance string // still escaped; "" for plain units and templates
	At       bool   // there is an "@"
	Kind     Kind
}

// Split takes a name apart. It allocates nothing and does not check it.
func Split(name string) Parts {
	p := Parts{Prefix: name, Kind: KindOf(name)}
	if p.Kind != KindInvalid {
		p.Prefix = name[:strings.LastIndexByte(name, '.')]
	}
	if at := strings.IndexByte(p.Prefix, '@'); at >= 0 {
		p.Prefix, p.Instance, p.At = p.Prefix[:at], p.Prefix[at+1:], true
	}
	return p
}

// String puts the parts together again.
func (p Parts) String() string {
	s := p.Prefix
	if p.At {
		s += "@" + p.Instance
	}
	if p.Kind != KindInvalid {
		s += "." + p.Kind.Suffix()
	}
	return s
}

// IsTemplate tells whether name is of the form foo@.service.
func IsTemplate(name string) bool {
	p := Split(name)
	return p.At && p.Instance == ""
}

// IsInstance tells whether name is of the form foo@bar.service.
func IsInstance(name string) bool { return Split(name).Instance != "" }

// TemplateOf returns the template of an instance, foo@.service of
// foo@bar.service; "" for every other name.
func TemplateOf(name string) string {
	p := Split(name)
	if p.Instance == "" {
		return ""
	}
	p.Instance = ""
	return p.String()
}

// InstanceOf returns the instance of a template: foo@bar.service for
// foo@.service and bar, which must be escaped already. The result may be
// longer than a name may be: check it with ValidName.
func InstanceOf(template, instance string) string {
	p := Split(template)
	p.Instance, p.At = instance, true
	return p.String()
}

// WithKind returns name with the suffix of another kind: foo@x.service for
// foo@x.socket.
func WithKind(name string, k Kind) string {
	p := Split(name)
	p.Kind = k
	return p.String()
}

// SliceParent returns the slice that a slice is in: a-b.slice for
// a-b-c.slice, -.slice for a.slice, "" for -.slice and for what is no slice.
func SliceParent(name string) string {
	stem, ok := strings.CutSuffix(name, ".slice")
	if !ok || stem == "-" {
		return ""
	}
	if i := strings.LastIndexByte(stem, '-'); i > 0 {
		return stem[:i] + ".slice"
	}
	return "-.slice"
}

// ValidSlice tells whether name is the name of a slice: no empty part
// between its dashes (systemd.slice(5)).
func ValidSlice(name string) bool {
	stem, ok := strings.CutSuffix(name, ".slice")
	if !ok || !ValidName(name) {
		return false
	}
	if stem == "-" {
		return true
	}
	return stem[0] != '-' && stem[len(stem)-1] != '-' && !strings.Contains(stem, "--") &&
		!strings.Contains(stem, "@")
}

var errName = errors.New("not a unit name")

// Mangle makes a unit name of what a person typed, as systemctl(1) does: a
// name with a suffix stays, "/dev/…" becomes a device, another path a mount,
// everything else gets suffix (such as ".service"); bytes that names may not
// hold are escaped.
func Mangle(s, suffix string) (string, error) {
	if s == "" {
		return "", errName
	}
	if ValidName(s) {
		return s, nil
	}
	if s[0] == '/' {
		kind := KindMount
		if strings.HasPrefix(s, "/dev/") {
			kind = KindDevice
		}
		e, err := EscapePath(s)
		if err != nil {
			return "", err
		}
		return e + "." + kind.Suffix(), nil
	}
	var b strings.Builder
	for i := range len(s) {
		switch c := s[i]; {
		case c == '/':
			b.WriteByte('-')
		case c == '@' || nameByte(c):
			b.WriteByte(c)
		default:
			writeHex(&b, c)
		}
	}
	if KindOf(s) == KindInvalid {
		b.WriteString(suffix)
	}
	if !ValidName(b.String()) {
		return "", errName
	}
	return b.String(), nil
}

// bridgePrefix begins the names of bridges.
const bridgePrefix = "rouse-bridge@"

// BridgeOf names the service that carries the connections of a socket
// (X-Handover=bridge:): "rouse-bridge@web.service" for web.socket.
func BridgeOf(socket string) string {
	return bridgePrefix + strings.TrimSuffix(socket, ".socket") + ".service"
}

// BridgedBy is the inverse: the socket of a bridge, "" for other units.
func BridgedBy(service string) string {
	stem, ok := strings.CutPrefix(service, bridgePrefix)
	if !ok || KindOf(service) != KindService || stem == ".service" {
		return ""
	}
	return strings.TrimSuffix(stem, ".service") + ".socket"
}
