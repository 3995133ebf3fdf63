// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/rouse-init/rouse/internal/load"
	"github.com/rouse-init/rouse/internal/manager"
)

// The exit statuses of a super-server: nothing else is promised by inetd(8).
const (
	superFailed = 1
	superUsage  = 2
)

// superServer is what the command line of inetd or xinetd asks for.
type superServer struct {
	name  string
	conf  []string // files and directories
	debug bool     // in the foreground, with Ctrl-C
	stay  bool     // do not become a daemon
	env   bool     // keep the environment
	pid   string   // file to write the number of the daemon to
	pidOf bool     // it was asked for, also in the foreground
	opts  load.InetdOptions
}

// inetd runs under the names inetd and xinetd.
func (a *app) inetd(name string, args []string) int {
	s := superServer{name: name, pid: "/run/" + name + ".pid"}
	parse := s.inetdOptions
	if name == "xinetd" {
		parse = s.xinetdOptions
	}
	if err := parse(a.takeSocket(args)); err != nil {
		if errors.Is(err, io.EOF) { // only its version was asked for
			_, _ = fmt.Fprintln(a.out, name+" (rouse "+manager.Version()+")")
			return 0
		}
		a.errorf("%s: %v", name, err)
		return superUsage
	}
	err := a.placeSocket()
	code := 0
	if err == nil {
		code, err = s.run()
	}
	if err != nil {
		a.errorf("%s: %v", name, err)
		return superFailed
	}
	return code
}

// placeSocket puts --socket where the daemon, which is another process in
// another directory, finds it, too.
func (a *app) placeSocket() error {
	if a.opt.socket == "" {
		return nil
	}
	path, err := filepath.Abs(a.opt.socket)
	if err != nil {
		return err
	}
	return os.Setenv("ROUSE_SOCKET", path)
}

func (s *superServer) run() (int, error) {
	for i, path := range s.conf {
		path, err := filepath.Abs(path)
		if err == nil {
			_, err = os.Stat(path)
		}
		if err != nil {
			return 0, fmt.Errorf("cannot read its configuration: %w", err)
		}
		s.conf[i] = path
		// Also with a mistake in its first line, or empty, it is what it is.
		if s.name == "xinetd" && i == 0 {
			s.opts.Xinetd = append(s.opts.Xinetd, path)
		} else {
			s.opts.Inetd = append(s.opts.Inetd, path)
		}
	}
	if !s.env {
		launder()
	}
	if !s.debug && !s.stay {
		return 0, s.daemon()
	}
	cfg, err := foregroundConfig(manager.ModeUp, os.Getenv("ROUSE_SOCKET"))
	if err != nil {
		return 0, err
	}
	cfg.Paths, cfg.Debug, cfg.Dir = s.conf, s.debug, "/"
	cfg.InetdOptions = s.opts
	if s.pidOf {
		if err := writePid(s.pid, os.Getpid()); err != nil {
			return 0, err
		}
		defer func() { _ = os.Remove(s.pid) }() // it may be gone already
	}
	return guard(cfg, s.debug)
}

// daemon starts the program again in a session of its own, and ends.
func (s *superServer) daemon() error {
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer null.Close()
	// The options are passed on in a form that has no defaults left.
	argv := append([]string{"inetd", "-i", "-E", "-q", strconv.Itoa(int(s.opts.Backlog)), "-R", strconv.Itoa(int(s.opts.Rate)), "--"}, s.conf...)
	if s.name == "xinetd" {
		argv = []string{"xinetd", "-dontfork", "-f", s.conf[0]}
		if len(s.conf) > 1 {
			argv = append(argv, "-inetd_compat")
		}
	}
	p, err := os.StartProcess(exe, argv, &os.ProcAttr{
		Dir: "/", Env: os.Environ(), Files: []*os.File{null, null, null}, Sys: &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil {
		return err
	}
	if err := writePid(s.pid, p.Pid); err != nil && os.Getuid() == 0 {
		fmt.Fprintf(os.Stderr, "%s: %v, going on without it\n", s.name, err)
	}
	return p.Release()
}

func writePid(path string, pid int) error {
	return os.WriteFile(path, []byte(strconv.Itoa(pid)+"\n"), 0o644) //nolint:gosec // read by anybody's scripts
}

// launder leaves of the environment what no server can be led astray by, as
// inetd(8) does without -E.
func launder() {
	kept := map[string]string{"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
	for _, name := range []string{"LANG", "TZ", "XDG_RUNTIME_DIR", "ROUSE_SOCKET", "NOTIFY_SOCKET"} {
		if v, ok := os.LookupEnv(name); ok {
			kept[name] = v
		}
	}
	os.Clearenv()
	for name, v := range kept {
		_ = os.Setenv(name, v) // it came out of an environment
	}
}

// inetdOptions reads -d -E -i -l -q LENGTH -R RATE [FILE], in the manner of
// getopt(3).
func (s *superServer) inetdOptions(args []string) error {
	for len(args) > 0 && strings.HasPrefix(args[0], "-") && args[0] != "-" {
		arg := args[0][1:]
		args = args[1:]
		if arg == "-" {
			break
		}
		for ; arg != ""; arg = arg[1:] {
			switch arg[0] {
			case 'd':
				s.debug = true
			case 'E':
				s.env = true
			case 'i':
				s.stay = true
			case 'l':
				return errors.New("-l needs libwrap, which rouse does not have: start servers by tcpd in the file, or use only_from of xinetd")
			case 'q', 'R':
				value := arg[1:]
				if value == "" && len(args) > 0 {
					value, args = args[0], args[1:]
				}
				n, err := strconv.ParseUint(value, 10, 31)
				if err != nil {
					return fmt.Errorf("-%c takes a number, not %q", arg[0], value)
				}
				if arg[0] == 'q' {
					s.opts.Backlog = uint32(n)
				} else {
					s.opts.Rate = uint32(n)
				}
				arg = arg[:1]
			default:
				return fmt.Errorf("there is no option -%c: usage: inetd [-dEi] [-q length] [-R rate] [configuration file]", arg[0])
			}
		}
	}
	s.conf = args
	if len(s.conf) == 0 {
		s.conf = []string{"/etc/inetd.conf"}
	}
	return nil
}

// xinetdOptions reads those of xinetd(8) that mean something here.
func (s *superServer) xinetdOptions(args []string) error {
	s.conf = []string{"/etc/xinetd.conf"}
	for len(args) > 0 {
		arg := args[0]
		args = args[1:]
		switch arg {
		case "-d", "-dontfork", "-stayalive", "-reuse", "-inetd_compat", "-version":
		case "-f", "-pidfile", "-syslog", "-filelog", "-limit", "-logprocs", "-cc":
			if len(args) == 0 {
				return fmt.Errorf("%s takes a value", arg)
			}
		default:
			return fmt.Errorf("there is no option %s: usage: xinetd [-d] [-dontfork] [-f FILE] [-pidfile FILE] [-inetd_compat]", arg)
		}
		switch arg {
		case "-d":
			s.debug = true
		case "-dontfork":
			s.stay = true
		case "-inetd_compat":
			s.conf = append(s.conf, "/etc/inetd.conf")
		case "-version":
			return io.EOF
		case "-f":
			s.conf[0], args = args[0], args[1:]
		case "-pidfile":
			s.pid, s.pidOf, args = args[0], true, args[1:]
		case "-syslog", "-filelog", "-limit", "-logprocs", "-cc": // the log is each unit's own
			args = args[1:]
		}
	}
	return nil
}

func inetdCommand(a *app) *cobra.Command {
	return a.roleByName("inetd", "Serve /etc/inetd.conf as inetd(8) does", func(args []string) int { return a.inetd("inetd", args) })
}

func xinetdCommand(a *app) *cobra.Command {
	return a.roleByName("xinetd", "Serve /etc/xinetd.conf as xinetd(8) does", func(args []string) int { return a.inetd("xinetd", args) })
}
