// SPDX-License-Identifier: Apache-2.0

package bus

import (
	"bytes"
	"strings"
	"testing"
)

func TestAuthentication(t *testing.T) {
	for _, c := range []struct {
		name, in, want string
		done, bad      bool
	}{
		{"sd-bus", hands, "DATA|OK g|AGREE_UNIX_FD|", true, false},
		{"libdbus", "\x00AUTH EXTERNAL 30\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n", "OK g|AGREE_UNIX_FD|", true, false},
		{"GDBus", "\x00AUTH\r\nAUTH EXTERNAL 30\r\nBEGIN\r\n", "REJECTED EXTERNAL|OK g|", true, false},
		{"other user", "\x00AUTH EXTERNAL 31\r\nBEGIN\r\n", `REJECTED EXTERNAL|ERROR "this is not expected now"|`, false, false},
		{"not a number", "\x00AUTH EXTERNAL 3x\r\n", "REJECTED EXTERNAL|", false, false},
		{"other mechanism", "\x00AUTH DBUS_COOKIE_SHA1 30\r\nCANCEL\r\nAUTH EXTERNAL 30\r\nBEGIN\r\n", "REJECTED EXTERNAL|REJECTED EXTERNAL|OK g|", true, false},
		{"begins too early", "\x00BEGIN\r\n", `ERROR "this is not expected now"|`, false, false},
		{"no NUL", "AUTH EXTERNAL 30\r\n", "", false, true},
		{"long line", "\x00" + strings.Repeat("x", 1000), "", false, true},
		{"many lines", "\x00" + strings.Repeat("AUTH\r\n", 20), strings.Repeat("REJECTED EXTERNAL|", 16), false, true},
		{"half a line", "\x00AUTH EXTERN", "", false, false},
	} {
		var a auth
		reply, used, err := a.feed([]byte(c.in), "g")
		got := strings.ReplaceAll(string(reply), "\r\n", "|")
		if got != c.want || a.done != c.done || (err != nil) != c.bad {
			t.Errorf("%s: answer %q, done %v, error %v", c.name, got, a.done, err)
		}
		if c.done && used != len(c.in) {
			t.Errorf("%s: used %d of %d bytes", c.name, used, len(c.in))
		}
	}
}

// FuzzAuthentication compares one write with the same in two: where it is cut
// must not matter, and nobody gets in as another.
func FuzzAuthentication(f *testing.F) {
	f.Add([]byte(hands), 5)
	f.Add([]byte("\x00AUTH EXTERNAL 31\r\nBEGIN\r\n"), 20)
	f.Fuzz(func(t *testing.T, data []byte, cut int) {
		var whole, parts auth
		reply, used, err := whole.feed(data, "g")
		if used > len(data) {
			t.Fatalf("used %d of %d bytes", used, len(data))
		}
		if whole.done && !bytes.Contains(reply, []byte("OK g\r\n")) {
			t.Fatalf("authenticated without OK by %q", data)
		}
		if cut < 0 || cut > len(data) || len(data) > maxAuthLine {
			return
		}
		r1, u1, err1 := parts.feed(data[:cut], "g")
		if err1 != nil {
			return // a line too long to be cut there
		}
		r2, u2, err2 := parts.feed(data[u1:], "g")
		if got := append(r1, r2...); !bytes.Equal(got, reply) || parts != whole || (err2 != nil) != (err != nil) || u1+u2 != used {
			t.Fatalf("cut at %d: %q, whole: %q", cut, got, reply)
		}
	})
}
