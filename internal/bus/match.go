// SPDX-License-Identifier: Apache-2.0

package bus

import (
	"fmt"
	"strings"

	"github.com/rouse-init/rouse/internal/bus/wire"
)

// match is a rule of AddMatch. Keys about arguments and names are accepted
// and not looked at: the client gets more than it asked for and sorts it out
// itself, as it must anyhow.
type match struct {
	text                      string
	typ                       wire.Type // 0: any
	path, below, iface, membr string
}

func parseMatch(text string) (match, error) {
	m := match{text: text}
	if len(text) > 1024 {
		return m, fmt.Errorf("match rule is longer than 1024 bytes")
	}
	for rest := text; strings.Trim(rest, " ,") != ""; {
		key, value, tail, err := matchPart(strings.TrimLeft(rest, " ,"))
		if err != nil {
			return m, err
		}
		rest = tail
		switch key {
		case "type":
			t, ok := map[string]wire.Type{"method_call": wire.MethodCall, "method_return": wire.MethodReturn, "error": wire.Error, "signal": wire.Signal}[value]
			if !ok {
				return m, fmt.Errorf("match rule has unknown type %q", value)
			}
			m.typ = t
		case "path":
			m.path = value
		case "path_namespace":
			m.below = value
		case "interface":
			m.iface = value
		case "member":
			m.membr = value
		case "sender", "destination", "eavesdrop":
		default:
			if !strings.HasPrefix(key, "arg") {
				return m, fmt.Errorf("match rule has unknown key %q", key)
			}
		}
	}
	return m, nil
}

// matchPart splits the first key='value' off.
func matchPart(s string) (key, value, rest string, err error) {
	key, s, ok := strings.Cut(s, "=")
	if !ok {
		return "", "", "", fmt.Errorf("match rule has %q without a value", key)
	}
	var b strings.Builder
	quoted := false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\'':
			quoted = !quoted
		case c == ',' && !quoted:
			return strings.TrimSpace(key), b.String(), s[i+1:], nil
		case c == '\\' && !quoted && i+1 < len(s) && s[i+1] == '\'':
			b.WriteByte('\'')
			i++
		default:
			b.WriteByte(c)
		}
	}
	if quoted {
		return "", "", "", fmt.Errorf("match rule has an open quote")
	}
	return strings.TrimSpace(key), b.String(), "", nil
}

// reaches tells whether the rule may match a signal of an object at root or
// below it.
func (m *match) reaches(root, iface, member string) bool {
	return (m.typ == 0 || m.typ == wire.Signal) &&
		(m.path == "" || within(m.path, root)) &&
		(m.below == "" || within(m.below, root) || within(root, m.below)) &&
		(m.iface == "" || m.iface == iface) &&
		(m.membr == "" || m.membr == member)
}

func (m *match) matches(t wire.Type, path, iface, member string) bool {
	return (m.typ == 0 || m.typ == t) &&
		(m.path == "" || m.path == path) &&
		(m.below == "" || within(path, m.below)) &&
		(m.iface == "" || m.iface == iface) &&
		(m.membr == "" || m.membr == member)
}
