// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"path/filepath"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/rouse-init/rouse/internal/unit"
)

type unitFile struct{ name, text string }

// onListens are the kinds of `rouse on`'s addresses by the word in front.
var onListens = map[string]struct {
	kind unit.ListenKind
	key  string
}{
	"":          {unit.ListenStream, "ListenStream"},
	"unix":      {unit.ListenStream, "ListenStream"},
	"udp":       {unit.ListenDatagram, "ListenDatagram"},
	"seqpacket": {unit.ListenSeqpacket, "ListenSequentialPacket"},
}

// cutListen takes the word in front off an address.
func cutListen(address string) (word, rest string) {
	if word, rest, ok := strings.Cut(address, ":"); ok && word != "" {
		if _, known := onListens[word]; known {
			return word, rest
		}
	}
	return "", address
}

// units writes what the flags mean as a socket and a service. The flags are
// checked: no value ends its line.
func (o *onOptions) units(addresses []string, path string, command []string) []unitFile {
	name := unitName(filepath.Base(path))
	var sock, svc strings.Builder
	fmt.Fprintf(&sock, "[Unit]\nDescription=%s on demand\n\n[Socket]\n", describe(filepath.Base(path)))
	for _, a := range addresses {
		word, rest := cutListen(a)
		fmt.Fprintf(&sock, "%s=%s\n", onListens[word].key, escapePercent(rest))
	}
	o.socketLines(&sock)
	sock.WriteString("\n[Install]\nWantedBy=sockets.target\n")

	fmt.Fprintf(&svc, "[Unit]\nDescription=%s\n\n[Service]\nType=%s\n", describe(strings.Join(command, " ")), o.serviceType())
	fmt.Fprintf(&svc, "ExecStart=:%s", quoteWord(path))
	for _, w := range command[1:] {
		svc.WriteByte(' ')
		svc.WriteString(quoteWord(w))
	}
	fmt.Fprintf(&svc, "\nWorkingDirectory=%s\nTimeoutSec=%s\nKillSignal=%s\n", escapePercent(o.dir), o.timeout.String(), o.killSignal)
	for _, e := range o.env {
		fmt.Fprintf(&svc, "Environment=%s\n", quoteWord(e))
	}
	if o.user != "" {
		fmt.Fprintf(&svc, "User=%s\n", escapePercent(o.user))
	}
	service := name + ".service"
	if o.accept {
		service = name + "@.service"
		svc.WriteString("StandardInput=socket\nStandardError=journal\n")
	}
	return []unitFile{{name + ".socket", sock.String()}, {service, svc.String()}}
}

func (o *onOptions) socketLines(w *strings.Builder) {
	if o.accept {
		w.WriteString("Accept=yes\nMaxConnections=1024\n")
		return
	}
	fmt.Fprintf(w, "X-Handover=%s\n", escapePercent(o.handover))
	if o.idle != 0 {
		fmt.Fprintf(w, "X-IdleSec=%s\nX-IdleAction=%s\n", o.idle.String(), o.idleAction)
	}
}

// serviceType: a program that says when it is ready is not shown to its
// clients before that.
func (o *onOptions) serviceType() string {
	if o.notify {
		return "notify\nX-Readiness=hold"
	}
	return "exec"
}

// unitName makes a unit's name of a program's.
func unitName(program string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '.', r == '_', r == '-':
			return r
		}
		return '_'
	}, program)
}

func escapePercent(s string) string { return strings.ReplaceAll(s, "%", "%%") }

// describe makes a Description= of any text. The key knows no escapes, and a
// backslash at its end would take in the next line.
func describe(s string) string {
	s = strings.TrimSpace(visible(s))
	if strings.HasSuffix(s, `\`) {
		s += "."
	}
	return escapePercent(s)
}

// quoteWord writes one word of a command line so that it comes back as it
// is: quotes and C escapes of systemd.syntax(7), no specifiers. Bytes that
// are not UTF-8 are escaped too: a unit file with them is refused as a whole.
func quoteWord(s string) string {
	plain := s != "" && s != ";" && strings.IndexFunc(s, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune(`"'\%`, r)
	}) < 0
	if plain {
		return s
	}
	var b strings.Builder
	b.WriteByte('"')
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteByte(s[i])
		case r == '%':
			b.WriteString("%%")
		case r == utf8.RuneError && n == 1, r < utf8.RuneSelf && unicode.IsControl(r):
			writeEscape(&b, s[i])
		default:
			b.WriteString(s[i : i+n])
		}
		i += n
	}
	b.WriteByte('"')
	return b.String()
}
