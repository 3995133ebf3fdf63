// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/rouse-init/rouse/internal/bus/client"
	"github.com/rouse-init/rouse/internal/cli/initctl"
	"github.com/rouse-init/rouse/internal/guardian"
	"github.com/rouse-init/rouse/internal/linux/cgroup"
	"github.com/rouse-init/rouse/internal/manager"
)

// managerName and managerRole are the first words of the manager's command
// line; nobody types them. "start manager X=1" is something else.
const (
	managerName = "rouse"
	managerRole = "manager"
)

// GuardianMain is a guardian that goes on after it has become another build.
func GuardianMain() (status int, ok bool) {
	if !guardian.Resuming() {
		return 0, false
	}
	defer initctl.RemoveSession(os.Getenv, os.Getpid())
	return guardian.Run(guardian.Config{}), true
}

// ManagerMain is the manager's process, if args are those of one: it is asked
// before anything else, because that process must be small and start fast.
func ManagerMain(args []string) (status int, ok bool) {
	if len(args) != 3 || args[0] != managerName || args[1] != managerRole {
		return 0, false
	}
	cfg, err := manager.DecodeConfig(args[2])
	if err == nil {
		err = manager.Run(cfg)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "rouse: %v\n", err)
		return exitSystem, true
	}
	return 0, true
}

// exitSystem is the status of a failure that is not the user's.
const exitSystem = 111

// guard becomes the guardian of a manager with this configuration.
func guard(cfg manager.Config, foreground bool) (int, error) {
	var err error
	if cfg.Program, err = os.Executable(); err != nil {
		return 0, err
	}
	arg, err := cfg.Encode()
	if err != nil {
		return 0, err
	}
	g := guardian.Config{Argv: []string{managerName, managerRole, arg}, Env: os.Environ(), Foreground: foreground}
	if os.Getpid() == 1 && !foreground {
		g.EmergencyShell = []string{"/bin/sh"}
	}
	return guardian.Run(g), nil
}

// runtimeBase is the directory below which managers of this user keep what
// lives as long as they do. Services of root's manager that run as somebody
// else must get at the notify socket in it.
func runtimeBase() (string, error) {
	base, err := client.RuntimeDir(true)
	if err == nil && os.Getuid() == 0 {
		err = os.Chmod(base, 0o755)
	}
	return base, err
}

// foregroundConfig fills in where a manager of the foreground lives: a
// directory of its own, and the default control socket unless another
// manager has it.
func foregroundConfig(mode manager.Mode, socket string) (manager.Config, error) {
	base, err := runtimeBase()
	if err != nil {
		return manager.Config{}, err
	}
	removeStale(base)
	cfg := manager.Config{Mode: mode, Socket: socket, Color: colorful(os.Stdout)}
	cfg.Runtime = ownRuntime(base, mode)
	if err := lockRuntime(cfg.Runtime); err != nil {
		return cfg, err
	}
	if cfg.Socket == "" {
		cfg.Socket = filepath.Join(base, "private")
		if c, err := net.Dial("unix", cfg.Socket); err == nil {
			_ = c.Close()
			cfg.Socket = filepath.Join(cfg.Runtime, "private")
			fmt.Fprintf(os.Stderr, "rouse: another manager has the default control socket; for this one say --socket %s\n", cfg.Socket)
		}
	}
	cfg.Socket, err = filepath.Abs(cfg.Socket)
	return cfg, err
}

// sessionRuntime is the directory of a user's manager: that of the user for
// the first, one of its own for the others, since each of a user's sessions
// may have one (init(8), --user). Root's is the system manager's.
func sessionRuntime(base string) (string, error) {
	removeStale(base)
	if os.Getuid() != 0 && lockRuntime(base) == nil {
		return base, nil
	}
	dir := ownRuntime(base, manager.ModeUser)
	return dir, lockRuntime(dir)
}

// ownRuntime is the directory of the manager of this process alone.
func ownRuntime(base string, mode manager.Mode) string {
	return filepath.Join(base, string(mode)+"-"+strconv.Itoa(os.Getpid()))
}

// removeOwn removes a runtime directory that is this process's alone.
func removeOwn(dir string) {
	if dir == ownRuntime(filepath.Dir(dir), manager.ModeUser) {
		_ = os.RemoveAll(dir) // or the next manager does
	}
}

// lockRuntime makes a runtime directory and holds a lock in it as long as the
// guardian lives. The descriptor is not close-on-exec: it has to outlive the
// guardian's own re-execution.
func lockRuntime(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	fd, err := unix.Open(filepath.Join(dir, "lock"), unix.O_RDWR|unix.O_CREAT, 0o600)
	if err == nil {
		if err = unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB); err != nil {
			unix.Close(fd)
		}
	}
	if err != nil {
		return fmt.Errorf("cannot lock %s: %w", dir, err)
	}
	return nil
}

// removeStale cleans up after managers whose guardian was killed: nobody
// holds the lock of their directory. What runs in their cgroup is killed.
func removeStale(base string) {
	entries, err := os.ReadDir(base)
	if err != nil {
		return
	}
	for _, e := range entries {
		mode, _, ok := strings.Cut(e.Name(), "-")
		if !ok || mode != "up" && mode != "on" && mode != "user" {
			continue
		}
		dir := filepath.Join(base, e.Name())
		fd, err := unix.Open(filepath.Join(dir, "lock"), unix.O_RDWR|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0)
		if err != nil {
			continue
		}
		if unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB) == nil {
			fmt.Fprintf(os.Stderr, "rouse: cleaning up after a manager that was killed (%s)\n", e.Name())
			if cg, err := os.ReadFile(filepath.Join(dir, "cgroup")); err == nil {
				cgroup.Destroy(string(cg))
			}
			_ = os.RemoveAll(dir) // the next one tries again
		}
		unix.Close(fd)
	}
}

// colorful tells whether f is a terminal that wants colors.
func colorful(f *os.File) bool {
	return isTerminal(int(f.Fd())) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

// socketFlag is the control socket that the user asked for, "" for none.
func socketFlag(cmd *cobra.Command) string {
	if path, err := cmd.Flags().GetString("socket"); err == nil && path != "" {
		return path
	}
	return os.Getenv("ROUSE_SOCKET")
}

// exitWith passes the guardian's exit status on.
func exitWith(code int, err error) error {
	if err != nil {
		return err
	}
	if code != 0 {
		return ExitWith(code, nil)
	}
	return nil
}
