// SPDX-License-Identifier: Apache-2.0

package sysv

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/rouse-init/rouse/internal/linux/utmp"
)

// maxMessage is the most bytes of a message that terminals are shown.
const maxMessage = 4096

// wall writes a message on the terminals of all who are logged in. One that
// cannot be written to at once is left out: it must not hold up a shutdown.
func (r *run) wall(warning, message string) {
	var b strings.Builder
	fmt.Fprintf(&b, "\aBroadcast message from %s@%s\n", r.User, r.Host)
	if r.Terminal != "" {
		fmt.Fprintf(&b, "\t(%s) at %s ...\n\n", r.Terminal, r.Now().Format("15:04"))
	} else {
		fmt.Fprintf(&b, "\tat %s ...\n\n", r.Now().Format("15:04"))
	}
	for _, s := range []string{warning, message} {
		if s != "" {
			b.WriteString(printable(s) + "\n")
		}
	}
	// In raw mode a newline alone only goes down.
	text := "\r\n" + strings.ReplaceAll(b.String(), "\n", "\r\n")
	records, err := utmp.Read(r.Utmp)
	if err != nil {
		return // nobody is known to be logged in
	}
	seen := map[string]bool{}
	for _, rec := range records {
		line := filepath.Clean(rec.Line)
		if rec.Type != utmp.User || rec.User == "" || seen[line] || !filepath.IsLocal(line) {
			continue
		}
		seen[line] = true
		r.tell(filepath.Join(r.Dev, line), text)
	}
}

func (r *run) tell(tty, text string) {
	fd, err := unix.Open(tty, unix.O_WRONLY|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0)
	if err != nil {
		return // a terminal that has gone
	}
	defer unix.Close(fd)
	_, _ = unix.Write(fd, []byte(text))
}

// printable takes out what would act on a terminal.
func printable(s string) string {
	s = s[:min(len(s), maxMessage)]
	return strings.Map(func(c rune) rune {
		if c == '\n' || c == '\t' || c >= ' ' && c != 0x7f && (c < 0x80 || c > 0x9f) {
			return c
		}
		return '?'
	}, s)
}

// forbidLogins writes the file that login(1) shows to those it turns away.
func (r *run) forbidLogins(message string) {
	if err := os.WriteFile(r.Nologin, []byte(message+"\n"), 0o644); err != nil {
		_, _ = fmt.Fprintf(r.Err, "%s: cannot write %s: %v, ignoring\n", r.prog, r.Nologin, err)
	}
}

// allowLogins takes it back.
func (r *run) allowLogins() error {
	if err := os.Remove(r.Nologin); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}
