// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/rouse-init/rouse/internal/manager"
)

// onOptions are the flags of `rouse on`.
type onOptions struct {
	idle             time.Duration
	idleAction       string
	handover         string
	accept           bool
	env              []string
	user, dir        string
	timeout          time.Duration
	killSignal       string
	quiet, showUnits bool
	notify           bool
}

func newOn() *cobra.Command {
	var o onOptions
	c := &cobra.Command{
		Use:   "on ADDRESS... -- COMMAND...",
		Short: "Run one command when somebody connects",
		Long: `Listen on the addresses and start the command at the first connection. The
command may take the socket by LISTEN_FDS or simply bind to the address, as it
always did: its bind() is answered with the socket that is held already.

An ADDRESS is HOST:PORT, PORT, [IPv6]:PORT, /path, @abstract or vsock:CID:PORT;
with udp: or seqpacket: in front it is of that kind.`,
		Example: `  rouse on 127.0.0.1:8080 --idle 10m -- python3 -m http.server 8080 --bind 127.0.0.1
  rouse on 127.0.0.1:6379 --idle 1h --idle-action freeze -- redis-server
  rouse on /run/echo.sock --accept -- cat`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			n := cmd.ArgsLenAtDash()
			if n < 1 || n == len(args) {
				return errors.New("expected addresses, then --, then a command: rouse on 8080 -- python3 -m http.server 8080")
			}
			return runOn(cmd, &o, args[:n], args[n:])
		},
	}
	f := c.Flags()
	f.DurationVar(&o.idle, "idle", 0, "let it sleep after this long without a connection (default: never)")
	f.StringVar(&o.idleAction, "idle-action", "stop", "how it sleeps: stop or freeze")
	f.StringVar(&o.handover, "handover", "both", "how it gets the socket: both, bind, pass (LISTEN_FDS) or stdio")
	f.BoolVar(&o.accept, "accept", false, "one process for each connection, on its standard streams")
	f.StringArrayVarP(&o.env, "env", "e", nil, "set a variable, NAME=value (may be given again)")
	f.StringVar(&o.user, "user", "", "run it as this user")
	f.StringVar(&o.dir, "dir", "", "run it in this directory (default: here)")
	f.DurationVar(&o.timeout, "timeout", 90*time.Second, "how long it may take to start and to stop")
	f.StringVar(&o.killSignal, "kill-signal", "SIGTERM", "what stops it")
	f.BoolVar(&o.notify, "notify", false, "it says READY=1 (sd_notify) when it can serve; clients wait until then")
	f.BoolVarP(&o.quiet, "quiet", "q", false, "do not print what it prints")
	f.BoolVar(&o.showUnits, "print", false, "print the unit files that this is equal to, and run nothing")
	return c
}

func runOn(cmd *cobra.Command, o *onOptions, addresses, command []string) error {
	path, err := exec.LookPath(command[0])
	if err != nil {
		return fmt.Errorf("cannot run %q: %w", command[0], errors.Unwrap(err))
	}
	if path, err = filepath.Abs(path); err != nil {
		return err
	}
	if o.dir == "" {
		if o.dir, err = os.Getwd(); err != nil {
			return err
		}
	}
	files, err := o.units(addresses, path, command)
	if err != nil {
		return err
	}
	if o.showUnits {
		for _, f := range files {
			fmt.Fprintf(cmd.OutOrStdout(), "# %s\n%s\n", f.name, f.text)
		}
		return nil
	}
	cfg, err := foregroundConfig(manager.ModeOn, socketFlag(cmd))
	if err != nil {
		return err
	}
	cfg.Quiet, cfg.Dir = o.quiet, o.dir
	dir := filepath.Join(cfg.Runtime, "units")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, f := range files {
		if err := os.WriteFile(filepath.Join(dir, f.name), []byte(f.text), 0o644); err != nil {
			return err
		}
	}
	return exitWith(guard(cfg, true))
}

type unitFile struct{ name, text string }

// units writes what the flags mean as a socket and a service.
func (o *onOptions) units(addresses []string, path string, command []string) ([]unitFile, error) {
	name := unitName(filepath.Base(path))
	var sock, svc strings.Builder
	fmt.Fprintf(&sock, "[Unit]\nDescription=%s on demand\n\n[Socket]\n", escapePercent(filepath.Base(path)))
	for _, a := range addresses {
		kind, addr := "ListenStream", a
		if rest, ok := strings.CutPrefix(a, "udp:"); ok {
			kind, addr = "ListenDatagram", rest
		} else if rest, ok := strings.CutPrefix(a, "seqpacket:"); ok {
			kind, addr = "ListenSequentialPacket", rest
		} else if rest, ok := strings.CutPrefix(a, "unix:"); ok {
			addr = rest
		}
		fmt.Fprintf(&sock, "%s=%s\n", kind, escapePercent(addr))
	}
	if err := o.socketLines(&sock); err != nil {
		return nil, err
	}
	sock.WriteString("\n[Install]\nWantedBy=sockets.target\n")

	fmt.Fprintf(&svc, "[Unit]\nDescription=%s\n\n[Service]\nType=%s\n", escapePercent(strings.Join(command, " ")), o.serviceType())
	fmt.Fprintf(&svc, "ExecStart=:%s", quoteWord(path))
	for _, w := range command[1:] {
		svc.WriteByte(' ')
		svc.WriteString(quoteWord(w))
	}
	fmt.Fprintf(&svc, "\nWorkingDirectory=%s\nTimeoutSec=%s\nKillSignal=%s\n", escapePercent(o.dir), o.timeout, o.killSignal)
	for _, e := range o.env {
		fmt.Fprintf(&svc, "Environment=%s\n", quoteWord(e))
	}
	if o.user != "" {
		fmt.Fprintf(&svc, "User=%s\n", o.user)
	}
	service := name + ".service"
	if o.accept {
		service = name + "@.service"
		svc.WriteString("StandardInput=socket\nStandardError=journal\n")
	}
	return []unitFile{{name + ".socket", sock.String()}, {service, svc.String()}}, nil
}

func (o *onOptions) socketLines(w *strings.Builder) error {
	if o.accept {
		w.WriteString("Accept=yes\nMaxConnections=1024\n")
		if o.idle != 0 {
			return errors.New("--idle has no meaning with --accept: each process ends with its connection")
		}
		return nil
	}
	switch o.handover {
	case "both", "bind", "pass", "stdio":
	default:
		return fmt.Errorf("--handover=%s: expected both, bind, pass or stdio", o.handover)
	}
	fmt.Fprintf(w, "X-Handover=%s\n", o.handover)
	if o.idle == 0 {
		return nil
	}
	if o.idleAction != "stop" && o.idleAction != "freeze" {
		return fmt.Errorf("--idle-action=%s: expected stop or freeze", o.idleAction)
	}
	fmt.Fprintf(w, "X-IdleSec=%s\nX-IdleAction=%s\n", o.idle, o.idleAction)
	return nil
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

// quoteWord writes one word of a command line so that it comes back as it
// is: quotes and C escapes of systemd.syntax(7), no specifiers.
func quoteWord(s string) string {
	plain := s != "" && s != ";" && strings.IndexFunc(s, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune(`"'\%`, r)
	}) < 0
	if plain {
		return s
	}
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c == '%':
			b.WriteString("%%")
		case c < ' ' || c == 0x7f:
			fmt.Fprintf(&b, `\x%02x`, c)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}
