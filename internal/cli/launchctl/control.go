// SPDX-License-Identifier: Apache-2.0

package launchctl

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/rouse-init/rouse/internal/bus/wire"
	"github.com/rouse-init/rouse/internal/format/systemd"
	"github.com/rouse-init/rouse/internal/unit"
)

// esrch is the exit status for a job that is not there (ESRCH of macOS).
const esrch = 3

func (r *run) start(args []string) error { return r.control("start", "StartUnit", args) }

func (r *run) stop(args []string) error { return r.control("stop", "StopUnit", args) }

// control starts or stops a job by its label, and does not wait.
func (r *run) control(verb, method string, args []string) error {
	if len(args) != 1 {
		return errUsage
	}
	j, err := r.find(split(args[0]))
	if err != nil {
		return err
	}
	if !j.known {
		r.code = esrch
		return fmt.Errorf("launchctl %s error: No such process", verb)
	}
	_, err = r.conn.Manager(method, "ss", func(e *wire.Encoder) {
		e.String(j.unit)
		e.String("replace")
	})
	return err
}

// kickstart starts a job at once. With -k one that runs is killed first.
func (r *run) kickstart(args []string) error {
	again, tell := false, false
	for len(args) > 0 && strings.HasPrefix(args[0], "-") {
		again = again || strings.Contains(args[0], "k")
		tell = tell || strings.Contains(args[0], "p")
		if strings.Trim(args[0][1:], "kps") != "" {
			return errUsage
		}
		args = args[1:]
	}
	if len(args) != 1 || split(args[0]) == "" {
		return errUsage
	}
	j, err := r.service(args[0])
	if err != nil {
		return err
	}
	method := "StartUnit"
	if again {
		method = "RestartUnit"
	}
	jobs := r.conn.Jobs()
	if err := jobs.Ask(method, j.unit, "replace"); err != nil {
		return err
	}
	if err := r.outcome(jobs, 1); err != nil || !tell {
		return err
	}
	if j, err = r.ask(r.conn, j.unit); err == nil && j.pid != 0 {
		fmt.Fprintf(r.Out, "service spawned with pid: %d\n", j.pid)
	}
	return err
}

// service finds the job of DOMAIN/LABEL.
func (r *run) service(target string) (job, error) {
	j, err := r.lookUp(split(target))
	if err == nil && !j.known {
		err = fmt.Errorf("Could not find service %q in domain", split(target))
	}
	if err != nil {
		r.code = 113 // as macOS has it
	}
	return j, err
}

func (r *run) kill(args []string) error {
	if len(args) != 2 || split(args[1]) == "" {
		return errUsage
	}
	sig, err := systemd.ParseSignal(strings.ToUpper(args[0]))
	if err != nil {
		return fmt.Errorf("Unknown signal: %s", args[0])
	}
	j, err := r.service(args[1])
	if err != nil {
		return err
	}
	_, err = r.conn.Manager("KillUnit", "ssi", func(e *wire.Encoder) {
		e.String(j.unit)
		e.String("main")
		e.Int32(int32(sig))
	})
	return err
}

// enable writes down that a job is enabled or disabled, beside its file. What
// runs goes on.
func (r *run) enable(args []string, off bool) error {
	if len(args) != 1 || split(args[0]) == "" {
		return errUsage
	}
	j, err := r.service(args[0])
	if err != nil {
		return err
	}
	if !strings.HasSuffix(j.path, ".plist") {
		r.code = 0
		return fmt.Errorf("%s is no job of launchd\n    fix: rouse enable %s, or disable", j.unit, j.unit)
	}
	if err := setDisabled(filepath.Dir(j.path), j.label, off, true); err != nil {
		return err
	}
	_, err = r.conn.Manager("Reload", "", nil)
	return err
}

// print describes a service, or lists those of a domain.
func (r *run) print(args []string) error {
	if len(args) != 1 {
		return errUsage
	}
	if isDomain(args[0]) {
		jobs, err := r.jobs()
		if err != nil {
			return err
		}
		fmt.Fprintf(r.Out, "%s = {\n\tservices = {\n", args[0])
		for _, j := range jobs {
			fmt.Fprintf(r.Out, "\t\t%8d %6s \t%s\n", j.pid, j.column(), j.label)
		}
		fmt.Fprintf(r.Out, "\t}\n}\n")
		return nil
	}
	j, err := r.service(args[0])
	if err != nil {
		return err
	}
	state := "not running"
	if j.pid != 0 {
		state = "running"
	}
	fmt.Fprintf(r.Out, "%s = {\n\tactive count = %d\n\tpath = %s\n\tunit = %s\n\tstate = %s\n", args[0], min(j.pid, 1), j.path, j.unit, state)
	for _, e := range r.describe(j).Entries {
		switch e.Key {
		case "Program":
			fmt.Fprintf(r.Out, "\n\tprogram = %s\n", e.Value.Text)
		case "ProgramArguments":
			fmt.Fprintf(r.Out, "\targuments = {\n")
			for _, item := range e.Value.Items {
				fmt.Fprintf(r.Out, "\t\t%s\n", item.Text)
			}
			fmt.Fprintf(r.Out, "\t}\n")
		case "StandardOutPath":
			fmt.Fprintf(r.Out, "\tstdout path = %s\n", e.Value.Text)
		case "StandardErrorPath":
			fmt.Fprintf(r.Out, "\tstderr path = %s\n", e.Value.Text)
		}
	}
	if j.pid != 0 {
		fmt.Fprintf(r.Out, "\tpid = %d\n", j.pid)
	}
	last := "(never exited)"
	switch {
	case !j.ended:
	case j.status&0x7f != 0:
		last = fmt.Sprintf("%d: terminated by %s", j.status&0x7f, unix.SignalName(unix.Signal(j.status&0x7f)))
	default:
		last = strconv.FormatInt(j.status>>8, 10)
	}
	fmt.Fprintf(r.Out, "\tlast exit code = %s\n}\n", last)
	return nil
}

func isDomain(target string) bool {
	first, rest, _ := strings.Cut(target, "/")
	switch first {
	case "system":
		return rest == ""
	case "user", "gui", "login", "pid", "session":
		return !strings.Contains(rest, "/")
	}
	return false
}

func (r *run) printDisabled(args []string) error {
	if len(args) != 1 {
		return errUsage
	}
	words := map[string]bool{}
	dirs, _ := r.dirs()
	all, err := r.jobs()
	if err != nil {
		return err
	}
	for _, j := range all {
		dirs = append(dirs, filepath.Dir(j.path))
	}
	for _, dir := range dirs {
		maps.Copy(words, readDisabled(dir))
	}
	fmt.Fprintf(r.Out, "disabled services = {\n")
	for _, label := range slices.Sorted(maps.Keys(words)) {
		word := "enabled"
		if words[label] {
			word = "disabled"
		}
		fmt.Fprintf(r.Out, "\t%q => %s\n", label, word)
	}
	fmt.Fprintf(r.Out, "}\n")
	return nil
}

// blame tells what started a service.
func (r *run) blame(args []string) error {
	if len(args) != 1 || split(args[0]) == "" {
		return errUsage
	}
	j, err := r.service(args[0])
	if err != nil {
		return err
	}
	if unit.IsTemplate(j.unit) {
		return r.say("each connection")
	}
	_, cause, _, err := r.conn.Failure(j.unit, 0)
	switch {
	case err != nil:
		return err
	case j.pid == 0:
		return errors.New("service is not running")
	}
	return r.say(cause)
}
