// SPDX-License-Identifier: Apache-2.0

package launchctl

import (
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/rouse-init/rouse/internal/bus/wire"
)

func (r *run) setenv(args []string) error {
	if len(args) != 2 || args[0] == "" || strings.Contains(args[0], "=") {
		return errUsage
	}
	return r.change("SetEnvironment", args[0]+"="+args[1])
}

func (r *run) unsetenv(args []string) error {
	if len(args) != 1 {
		return errUsage
	}
	return r.change("UnsetEnvironment", args[0])
}

func (r *run) change(method, word string) error {
	conn, err := r.connect()
	if err != nil {
		return err
	}
	_, err = conn.Manager(method, "as", func(e *wire.Encoder) { e.Strings([]string{word}) })
	return err
}

func (r *run) environment() ([]string, error) {
	conn, err := r.connect()
	if err != nil {
		return nil, err
	}
	v, err := conn.ManagerProperty("Environment")
	list, _ := v.Value.([]string)
	return list, err
}

func (r *run) getenv(args []string) error {
	if len(args) != 1 {
		return errUsage
	}
	list, err := r.environment()
	for _, kv := range list {
		if value, ok := strings.CutPrefix(kv, args[0]+"="); ok {
			fmt.Fprintln(r.Out, value)
		}
	}
	return err
}

func (r *run) export([]string) error {
	list, err := r.environment()
	for _, kv := range list {
		key, value, _ := strings.Cut(kv, "=")
		fmt.Fprintf(r.Out, "%s=\"%s\"; export %s;\n", key, strings.NewReplacer(`\`, `\\`, `"`, `\"`, "$", `\$`, "`", "\\`").Replace(value), key)
	}
	return err
}

// status is the part of the manager's own Status that is asked for here.
type status struct {
	Guardian int32 `json:"guardian_pid"`
	Manager  int32 `json:"manager_pid"`
}

// pid is the process that holds everything: the guardian.
func (r *run) pid() (int, error) {
	conn, err := r.connect()
	if err != nil {
		return 0, err
	}
	var s status
	if err := conn.JSON("Status", &s); err != nil {
		return 0, err
	}
	if s.Guardian == 0 {
		s.Guardian = s.Manager
	}
	return int(s.Guardian), nil
}

func (r *run) managerPid([]string) error {
	pid, err := r.pid()
	if err != nil {
		return err
	}
	return r.say(strconv.Itoa(pid))
}

func (r *run) managerUID([]string) error {
	pid, err := r.pid()
	if err != nil {
		return err
	}
	var st unix.Stat_t
	if err := unix.Stat("/proc/"+strconv.Itoa(pid), &st); err != nil {
		return &os.PathError{Op: "stat", Path: "/proc", Err: err}
	}
	return r.say(strconv.Itoa(int(st.Uid)))
}

func (r *run) managerName([]string) error {
	if r.UID == 0 {
		return r.say("System")
	}
	return r.say("Background")
}

// resources are launchctl's names of limits, in its order.
var resources = []struct {
	name string
	num  int
}{
	{"cpu", unix.RLIMIT_CPU}, {"filesize", unix.RLIMIT_FSIZE}, {"data", unix.RLIMIT_DATA}, {"stack", unix.RLIMIT_STACK},
	{"core", unix.RLIMIT_CORE}, {"rss", unix.RLIMIT_RSS}, {"memlock", unix.RLIMIT_MEMLOCK}, {"maxproc", unix.RLIMIT_NPROC},
	{"maxfiles", unix.RLIMIT_NOFILE},
}

// limit prints the manager's limits. It sets none: services have their own.
func (r *run) limit(args []string) error {
	if len(args) > 1 {
		return fmt.Errorf("limits of the manager are not changed at run time\n    fix: set SoftResourceLimits and HardResourceLimits in the job, or LimitNOFILE= and its kin in a unit")
	}
	pid, err := r.pid()
	if err != nil {
		return err
	}
	found := len(args) == 0
	for _, res := range resources {
		if len(args) == 1 && args[0] != res.name {
			continue
		}
		found = true
		var l unix.Rlimit
		if err := unix.Prlimit(pid, res.num, nil, &l); err != nil {
			return fmt.Errorf("Could not read the limits of process %d: %w", pid, err)
		}
		fmt.Fprintf(r.Out, "\t%-12s%-15s%-15s\n", res.name, amount(l.Cur), amount(l.Max))
	}
	if !found {
		return errUsage
	}
	return nil
}

func amount(n uint64) string {
	if n == math.MaxUint64 {
		return "unlimited"
	}
	return strconv.FormatUint(n, 10)
}
