// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/rouse-init/rouse/internal/cli/initctl"
	"github.com/rouse-init/rouse/internal/manager"
)

// initOptions are the options of `rouse init`.
type initOptions struct {
	user, debug, verbose, quiet    bool
	noStartup, noSessions, version bool
	inetd                          bool
	unit, startup                  string
	paths                          []string
	upstart                        manager.Upstart
}

func newInit() *cobra.Command {
	var o initOptions
	c := &cobra.Command{
		Use:   "init",
		Short: "Be the service manager of the machine, the container or the user",
		Long: `Be the service manager of a machine or container (as process 1, or as root)
or of one user (--user): load default.target from the search path of
systemd.unit(5), start it, emit the event startup to the jobs of /etc/init or
of the user, and go on until asked to stop by SIGTERM, SIGINT or SIGRTMIN+3.
As root without --user the rules of system managers hold.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.version {
				// Tools tell by the first line whose language an init speaks.
				_, err := fmt.Fprintf(cmd.OutOrStdout(), "init (upstart %s)\nrouse %s\n", initctl.Version, manager.Version())
				return err
			}
			cfg, err := o.config(socketFlag(cmd))
			if err != nil {
				return err
			}
			if cfg.Session {
				if cfg.Runtime, err = sessionRuntime(cfg.Runtime); err != nil {
					return err
				}
				if socketFlag(cmd) == "" {
					cfg.Socket = filepath.Join(cfg.Runtime, "private")
				}
				if err := initctl.WriteSession(os.Getenv, os.Getpid(), cfg.Socket); err != nil {
					fmt.Fprintf(os.Stderr, "rouse: %v, ignoring\n", err)
				}
				defer initctl.RemoveSession(os.Getenv, os.Getpid())
				defer removeOwn(cfg.Runtime)
			}
			return exitWith(guard(cfg, false))
		},
	}
	o.register(c.Flags())
	if os.Getpid() == 1 {
		// The kernel passes on what it does not know of its own command line.
		c.FParseErrWhitelist.UnknownFlags = true
		c.Args = cobra.ArbitraryArgs
	}
	return c
}

func (o *initOptions) register(f *pflag.FlagSet) {
	u := &o.upstart
	f.BoolVar(&o.user, "user", false, "be the manager of this user, also as root")
	f.BoolVar(&o.debug, "debug", false, "say more about what the manager does")
	f.BoolVarP(&o.verbose, "verbose", "v", false, "tell of changes of jobs and of events")
	f.BoolVarP(&o.quiet, "quiet", "q", false, "print nothing but errors")
	f.StringVar(&o.unit, "unit", "", "start this unit instead of default.target")
	f.StringArrayVar(&o.paths, "unit-path", nil, "read units from this directory instead of the search path (may be given again)")
	f.BoolVar(&o.inetd, "inetd", false, "be the super-server, too: serve /etc/inetd.conf, /etc/xinetd.conf and /etc/xinetd.d")
	f.StringArrayVar(&u.JobDirs, "confdir", nil, "read jobs from this `DIR` instead of the default ones (may be given again)")
	f.StringArrayVar(&u.PrependJobDirs, "prepend-confdir", nil, "read jobs from this `DIR` before the others (may be given again)")
	f.StringArrayVar(&u.AppendJobDirs, "append-confdir", nil, "read jobs from this `DIR` after the others (may be given again)")
	f.StringVar(&u.LogDir, "logdir", "", "write the output of jobs to `DIR`")
	f.BoolVar(&u.NoLog, "no-log", false, "do not log the output of jobs")
	f.StringVar(&u.DefaultConsole, "default-console", "", "the console stanza of jobs without one: `VALUE` none, log, output or owner")
	f.BoolVar(&u.NoInheritEnv, "no-inherit-env", false, "do not pass the environment on to jobs")
	f.BoolVar(&o.noStartup, "no-startup-event", false, "do not emit the first event")
	f.StringVar(&o.startup, "startup-event", "", "emit this `EVENT` first, and not startup")
	f.BoolVar(&o.noSessions, "no-sessions", false, "do nothing: there are no chroot sessions")
	f.BoolVar(&u.NoDBus, "no-dbus", false, "do not connect to a message bus")
	f.BoolVar(&u.SessionBus, "session", false, "connect to the session's message bus, not the system's (for testing)")
	// Not cobra's own: a text of ours would take text/template, and with that
	// the linker keeps every exported method: 2 MB more of program.
	f.BoolVar(&o.version, "version", false, "print the version")
	f.BoolVar(&u.NoCgroups, "no-cgroups", false, "ignore cgroup stanzas")
}

// consoles are the values of --default-console.
var consoles = []string{"", "none", "log", "output", "owner"}

// config is what the manager is told.
func (o *initOptions) config(socket string) (manager.Config, error) {
	base, err := runtimeBase()
	if err != nil {
		return manager.Config{}, err
	}
	// A session's jobs run where its init was started (init(8)).
	dir, err := os.Getwd()
	if err != nil {
		return manager.Config{}, fmt.Errorf("cannot tell the working directory: %w", err)
	}
	cfg := manager.Config{Mode: manager.ModeInit, Dir: dir, Runtime: base, Socket: socket, Paths: o.paths, Debug: o.debug, Upstart: o.upstart}
	if o.user || os.Getuid() != 0 {
		cfg.Mode = manager.ModeUser
		cfg.Session = true
	}
	if cfg.Socket == "" {
		cfg.Socket = filepath.Join(base, "private")
	}
	if cfg.Socket, err = filepath.Abs(cfg.Socket); err != nil {
		return cfg, err
	}
	if o.unit != "" {
		if cfg.Units, err = mangleAll([]string{o.unit}); err != nil {
			return cfg, err
		}
	}
	cfg.Inetd = o.inetd
	cfg.Verbose, cfg.ErrorsOnly = o.verbose, o.quiet
	cfg.StartupEvent = o.startup
	if o.noStartup {
		cfg.StartupEvent = "-"
	}
	if !slices.Contains(consoles, cfg.DefaultConsole) {
		return cfg, fmt.Errorf("--default-console=%s: expected none, log, output or owner", cfg.DefaultConsole)
	}
	for _, dirs := range [][]string{cfg.JobDirs, cfg.PrependJobDirs, cfg.AppendJobDirs} {
		if err := absoluteDirs(dirs); err != nil {
			return cfg, err
		}
	}
	if cfg.LogDir != "" {
		cfg.LogDir, err = filepath.Abs(cfg.LogDir)
	}
	return cfg, err
}

// absoluteDirs makes directories absolute, which must exist: one with a
// mistake in its name would be empty without a word.
func absoluteDirs(dirs []string) error {
	for i, dir := range dirs {
		path, err := filepath.Abs(dir)
		if err == nil {
			_, err = os.ReadDir(path)
		}
		if err != nil {
			return fmt.Errorf("cannot read jobs from %s: %w", dir, err)
		}
		dirs[i] = path
	}
	return nil
}
