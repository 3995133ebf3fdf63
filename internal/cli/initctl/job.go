// SPDX-License-Identifier: Apache-2.0

package initctl

import (
	"errors"
	"fmt"
	"strings"

	"github.com/rouse-init/rouse/internal/bus/client"
	"github.com/rouse-init/rouse/internal/cli/option"
)

// target is the job that a command is about: named by its arguments, or, in
// a process of a job and without any, that process's own job.
type target struct {
	job *client.UpstartJob
	env []string
	// own: no arguments, the instance is that of the environment.
	own      bool
	instance string
}

// target connects and finds the job that args name.
func (r *run) target(args []string) (*target, error) {
	t := &target{}
	var name string
	switch {
	case len(args) > 0:
		name, t.env = args[0], args[1:]
	case r.inJob():
		name, t.own, t.instance = r.getenv("UPSTART_JOB"), true, r.getenv("UPSTART_INSTANCE")
	default:
		return nil, option.UsageError("missing job name")
	}
	up, err := r.connect()
	if err != nil {
		return nil, err
	}
	if t.job, err = up.JobByName(name); err != nil {
		return nil, err
	}
	// The name in the object's path has passed through an escape.
	t.job.Name = name
	return t, nil
}

// inJob tells whether this is a process of a job.
func (r *run) inJob() bool {
	_, instance := r.Lookup("UPSTART_INSTANCE") // empty for the only one
	return r.getenv("UPSTART_JOB") != "" && instance
}

// find is the instance that is meant, which exists.
func (t *target) find() (*client.UpstartInstance, error) {
	var i *client.UpstartInstance
	var err error
	if t.own {
		i, err = t.job.InstanceByName(t.instance)
	} else {
		i, err = t.job.Instance(t.env)
	}
	return i, t.named(err)
}

// unknownInstance is how the text of that error begins.
const unknownInstance = "Unknown instance: "

// named says which job an "Unknown instance" is about where Upstart gives an
// empty name: for a job without an instance stanza.
func (t *target) named(err error) error {
	var e *client.Error
	if isError(err, "UnknownInstance") && errors.As(err, &e) && e.Msg == unknownInstance {
		return &client.Error{Name: e.Name, Msg: fmt.Sprintf("%sjob %s is not running", unknownInstance, t.job.Name)}
	}
	return err
}

// show prints the line of an instance, or of its job where it is gone.
func (r *run) show(job string, i *client.UpstartInstance) error {
	s := resting(job)
	if i != nil {
		st, err := i.Status()
		switch {
		case gone(err):
		case err != nil:
			return err
		default:
			s = state{job: job, instance: st.Name, goal: st.Goal, state: st.State}
			for _, p := range st.Processes {
				s.processes = append(s.processes, process{p.Name, p.Pid})
			}
		}
	}
	r.printf("%s", s.line())
	return nil
}

func startCmd(r *run, args []string) error {
	t, err := r.target(args)
	if err != nil {
		return err
	}
	if t.own {
		return r.ownGoal(t, (*client.UpstartInstance).Start)
	}
	i, err := t.job.Start(t.env, !r.noWait)
	if err != nil {
		return r.why(t, t.named(err))
	}
	return r.show(t.job.Name, i)
}

func stopCmd(r *run, args []string) error {
	t, err := r.target(args)
	if err != nil {
		return err
	}
	if t.own {
		return r.ownGoal(t, (*client.UpstartInstance).Stop)
	}
	// The instance is asked for first: its line is shown while it lasts.
	i, err := t.find()
	if err != nil {
		return err
	}
	if err := t.job.Stop(t.env, !r.noWait); err != nil {
		return r.why(t, t.named(err))
	}
	return r.show(t.job.Name, i)
}

func restartCmd(r *run, args []string) error {
	t, err := r.target(args)
	if err != nil {
		return err
	}
	if t.own {
		return r.ownGoal(t, (*client.UpstartInstance).Restart)
	}
	i, err := t.job.Restart(t.env, !r.noWait)
	switch {
	case isError(err, "UnknownInstance"), isError(err, "NotRunning"):
		return fmt.Errorf("%w\n    fix: start %s", t.named(err), strings.Join(append([]string{t.job.Name}, t.env...), " "))
	case err != nil:
		return r.why(t, err)
	}
	return r.show(t.job.Name, i)
}

// ownGoal is start, stop or restart in a process of the job itself. It does
// not wait: what it would wait for may wait for this process.
func (r *run) ownGoal(t *target, ask func(*client.UpstartInstance, bool) error) error {
	i, err := t.find()
	if err != nil {
		return err
	}
	if err := ask(i, false); err != nil {
		return t.named(err)
	}
	return r.show(t.job.Name, i)
}

func reloadCmd(r *run, args []string) error {
	t, err := r.target(args)
	if err != nil {
		return err
	}
	i, err := t.find()
	if err != nil {
		return err
	}
	return t.named(i.Reload())
}

func statusCmd(r *run, args []string) error {
	t, err := r.target(args)
	if err != nil {
		return err
	}
	i, err := t.find()
	if isError(err, "UnknownInstance") && !t.own && !t.hasName(err) {
		return r.show(t.job.Name, nil)
	}
	if err != nil {
		return err
	}
	return r.show(t.job.Name, i)
}

// hasName tells whether an "Unknown instance" is about one with a name: a
// job that can have but one rests where that does not exist.
func (t *target) hasName(err error) bool {
	var e *client.Error
	return !errors.As(err, &e) || !strings.HasPrefix(e.Msg, unknownInstance+"job "+t.job.Name+" ")
}

func listCmd(r *run, _ []string) error {
	up, err := r.connect()
	if err != nil {
		return err
	}
	jobs, err := up.AllJobs()
	if err != nil {
		return err
	}
	for _, j := range jobs {
		list, err := j.Instances()
		if gone(err) {
			continue // since we were told of it
		}
		if err != nil {
			return err
		}
		if len(list) == 0 {
			r.printf("%s", resting(j.Name).line())
		}
		for _, i := range list {
			if err := r.show(j.Name, i); err != nil {
				return err
			}
		}
	}
	return nil
}

func usageCmd(r *run, args []string) error {
	t, err := r.target(args)
	if err != nil {
		return err
	}
	text, err := t.job.Usage()
	if err != nil {
		return err
	}
	r.printf("Usage: %s\n", text)
	return nil
}
