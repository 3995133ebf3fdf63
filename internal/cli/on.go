// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/rouse-init/rouse/internal/manager"
)

// onOptions are the flags of `rouse on`.
type onOptions struct {
	idle             span
	idleAction       string
	handover         string
	accept           bool
	env              []string
	user, dir        string
	timeout          span
	killSignal       string
	quiet, showUnits bool
	notify           bool
}

func newOn() *cobra.Command {
	o := onOptions{timeout: span(90 * time.Second)}
	c := &cobra.Command{
		Use:   "on ADDRESS... -- COMMAND...",
		Short: "Run one command when somebody connects",
		Long: `Listen on the addresses and start the command at the first connection. The
command may take the socket by LISTEN_FDS or simply bind to the address, as it
always did: its bind() is answered with the socket that is held already.

An ADDRESS is a number with a port (127.0.0.1:8080, [::1]:8080), a port alone,
which listens to all the world, /path, @abstract or vsock:CID:PORT; with udp:
or seqpacket: in front it is of that kind. Names are not looked up.`,
		Example: `  rouse on 127.0.0.1:8080 --idle 10m -- python3 -m http.server 8080 --bind 127.0.0.1
  rouse on 127.0.0.1:6379 --idle 1h --idle-action freeze -- redis-server
  rouse on 443 --handover "bridge:127.0.0.1:3000 starting-page" -- node app.js
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
	f.Var(&o.idle, "idle", "let it sleep after this `TIME` without a connection: 2, 10min, \"1h 30min\" (default: never)")
	f.StringVar(&o.idleAction, "idle-action", "stop", "how it sleeps: stop or freeze")
	f.StringVar(&o.handover, "handover", "both", "how it gets the socket: both, bind, pass (LISTEN_FDS), stdio, or bridge:ADDRESS where it listens by itself")
	f.BoolVar(&o.accept, "accept", false, "one process for each connection, on its standard streams")
	f.StringArrayVarP(&o.env, "env", "e", nil, "set a variable, NAME=value (may be given again)")
	f.StringVar(&o.user, "user", "", "run it as this user")
	f.StringVar(&o.dir, "dir", "", "run it in this directory (default: here)")
	f.Var(&o.timeout, "timeout", "how much `TIME` it may take to start and to stop")
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
	if o.dir, err = filepath.Abs(o.dir); err != nil {
		return err
	}
	files, err := o.checked(addresses, path, command)
	if err != nil {
		return err
	}
	if o.showUnits {
		for _, f := range files {
			_, _ = fmt.Fprintf(cmd.OutOrStdout(), "# %s\n%s\n", f.name, f.text)
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
