// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/rouse-init/rouse/internal/diag"
	"github.com/rouse-init/rouse/internal/format/systemd"
	"github.com/rouse-init/rouse/internal/linux/socket"
	"github.com/rouse-init/rouse/internal/load/verify"
	"github.com/rouse-init/rouse/internal/unit"
)

// span is a flag that takes a time span of systemd.time(7).
type span time.Duration

func (s *span) String() string { return unit.FormatTimespan(time.Duration(*s)) }
func (s *span) Type() string   { return "time" }
func (s *span) Set(text string) error {
	d, err := unit.ParseTimespan(text, false)
	*s = span(d)
	return err
}

var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// checked writes the units of these flags after it has seen that they can
// work, so that a slip ends the command and not its first connection.
func (o *onOptions) checked(addresses []string, path string, command []string) ([]unitFile, error) {
	for _, check := range []func() error{
		func() error { return o.checkAddresses(addresses) },
		o.checkSocket, o.checkService,
	} {
		if err := check(); err != nil {
			return nil, err
		}
	}
	files := o.units(addresses, path, command)
	return files, readBack(files, append([]string{path}, command[1:]...))
}

func (o *onOptions) checkAddresses(addresses []string) error {
	for _, a := range addresses {
		word, rest := cutListen(a)
		if _, err := socket.Parse(onListens[word].kind, rest); err != nil {
			return fmt.Errorf("cannot listen on %q: %w%s", a, err, addressHint(rest))
		}
		if err := oneLine(rest); err != nil {
			return fmt.Errorf("cannot listen on %q: %w", a, err)
		}
		if o.accept && onListens[word].kind == unit.ListenDatagram {
			return fmt.Errorf("cannot listen on %q with --accept: datagrams come without connections, and --accept starts one process for each connection", a)
		}
	}
	return nil
}

// addressHint says what to write in the place of a wrong address.
func addressHint(address string) string {
	if port, ok := strings.CutPrefix(address, "localhost:"); ok {
		return "\n    fix: write a numeric address: 127.0.0.1:" + port + " or [::1]:" + port
	}
	return "\n    fix: expected a port, a numeric address (1.2.3.4:PORT, [::1]:PORT), /a/path, @abstract or vsock:CID:PORT"
}

func (o *onOptions) checkSocket() error {
	bridge := strings.HasPrefix(o.handover, "bridge:")
	if !bridge && !slices.Contains([]string{"both", "bind", "pass", "stdio"}, o.handover) {
		return fmt.Errorf("--handover=%s: expected both, bind, pass, stdio or bridge:ADDRESS", visible(o.handover))
	}
	if err := oneLine(o.handover); err != nil {
		return fmt.Errorf("--handover=%s: %w", visible(o.handover), err)
	}
	if bridge && o.accept {
		return errors.New("--handover=bridge: has one bridge for all connections, which has no meaning with --accept")
	}
	if o.idleAction != "stop" && o.idleAction != "freeze" {
		return fmt.Errorf("--idle-action=%s: expected stop or freeze", o.idleAction)
	}
	if o.idleAction == "freeze" && o.idle == 0 {
		return errors.New("--idle-action has no meaning without --idle: it never sleeps\n    fix: add --idle, such as --idle 10min")
	}
	if o.accept && o.idle != 0 {
		return errors.New("--idle has no meaning with --accept: each process ends with its connection")
	}
	return nil
}

func (o *onOptions) checkService() error {
	if _, err := systemd.ParseSignal(o.killSignal); err != nil {
		return fmt.Errorf("--kill-signal=%s: expected the name or number of a signal, such as SIGTERM, INT or 9", o.killSignal)
	}
	for _, e := range o.env {
		if name, _, ok := strings.Cut(e, "="); !ok || !variableName.MatchString(name) {
			return fmt.Errorf("--env=%s: expected NAME=value, such as LANG=C", visible(e))
		}
	}
	if o.user != "" && !verify.UserExists(o.user) {
		return fmt.Errorf("--user=%s: expected the name or number of a user of this machine", visible(o.user))
	}
	st, err := os.Stat(o.dir)
	switch {
	case err != nil:
		return fmt.Errorf("--dir=%s: %w", visible(o.dir), errors.Unwrap(err))
	case !st.IsDir():
		return fmt.Errorf("--dir=%s: expected a directory", visible(o.dir))
	}
	if err := oneLine(o.dir); err != nil {
		return fmt.Errorf("--dir=%s: %w", visible(o.dir), err)
	}
	return nil
}

var errOneLine = errors.New("a unit file cannot hold a control character, bytes that are not UTF-8, or a blank or backslash at an end of this value")

// oneLine refuses what cannot be the value of a key without quotes.
func oneLine(s string) error {
	if !utf8.ValidString(s) || strings.IndexFunc(s, unicode.IsControl) >= 0 || strings.TrimSpace(s) != s || strings.HasSuffix(s, `\`) {
		return errOneLine
	}
	return nil
}

// readBack reads the units as the manager will, and holds them against what
// was asked for: text of a user must never become a directive.
func readBack(files []unitFile, args []string) error {
	for _, f := range files {
		file, list := systemd.Parse(f.name, []byte(f.text))
		name := f.name
		if unit.IsTemplate(name) {
			name = unit.InstanceOf(name, "0")
		}
		u, more := systemd.Compile(name, []*systemd.File{file}, systemd.Options{})
		for _, d := range append(list, more...) {
			if d.Severity != diag.Note {
				return fmt.Errorf("cannot run this command: %s", d.Msg)
			}
		}
		if u.Service != nil && (len(u.Service.Commands) != 1 || !slices.Equal(u.Service.Commands[0].Args, args)) {
			return errors.New("cannot run this command: its arguments cannot be written to a unit file")
		}
	}
	return nil
}
