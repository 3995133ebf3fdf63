// SPDX-License-Identifier: Apache-2.0

package client

import (
	"errors"
	"strings"

	"github.com/rouse-init/rouse/internal/bus/wire"
)

// UpstartJob is a job: what its file says, and the way to its instances.
type UpstartJob struct {
	// Name and Path of its object.
	Name, Path string
	up         *Upstart
}

// UpstartInstance is one instance of a job.
type UpstartInstance struct {
	// Job and Name are the job's and the instance's ("" for the only one).
	Job, Name, Path string
	up              *Upstart
}

// UpstartJobInfo are all properties of a job.
type UpstartJobInfo struct {
	Name, Description, Author, Version, Usage string
	// StartOn and StopOn are in postfix order: each an event's name and its
	// conditions, or only "/AND" or "/OR".
	StartOn, StopOn [][]string
	Emits           []string
}

// UpstartStatus are all properties of an instance. Those of one that does not
// exist are {"stop", "waiting"} in initctl.
type UpstartStatus struct {
	Name, Goal, State string
	Processes         []UpstartProcess
}

// UpstartProcess is one process of an instance: "main", "pre-start"...
type UpstartProcess struct {
	Name string
	Pid  int32
}

// Job is a job of which the name is known to be right.
func (u *Upstart) Job(name string) *UpstartJob { return u.job(upstartJobs + wire.EscapeBytes(name)) }

func (u *Upstart) job(path string) *UpstartJob {
	return &UpstartJob{Name: lastPart(path), Path: path, up: u}
}

func (j *UpstartJob) instance(path string) *UpstartInstance {
	return &UpstartInstance{Job: j.Name, Name: lastPart(path), Path: path, up: j.up}
}

// Start starts the instance that env names, and returns it.
func (j *UpstartJob) Start(env []string, wait bool) (*UpstartInstance, error) {
	return j.oneInstance(wait, "Start", env)
}

// Restart restarts the instance that env names, and returns it.
func (j *UpstartJob) Restart(env []string, wait bool) (*UpstartInstance, error) {
	return j.oneInstance(wait, "Restart", env)
}

// Stop stops the instance that env names.
func (j *UpstartJob) Stop(env []string, wait bool) error {
	ask := func() error {
		_, err := j.up.patient(wait, j.Path, ifUpstartJob, "Stop", "asb", envAndWait(env, wait))
		return err
	}
	err := ask()
	if wait && errors.Is(err, ErrGone) {
		return j.outlast("Stop", ask, func() (*UpstartInstance, error) { return j.Instance(env) })
	}
	return err
}

func (j *UpstartJob) oneInstance(wait bool, member string, env []string) (i *UpstartInstance, err error) {
	ask := func() error {
		d, err := j.up.patient(wait, j.Path, ifUpstartJob, member, "asb", envAndWait(env, wait))
		if err != nil {
			return err
		}
		i = j.instance(d.Path())
		return d.Err()
	}
	if err = ask(); wait && errors.Is(err, ErrGone) {
		err = j.outlast(member, ask, func() (*UpstartInstance, error) { return j.Instance(env) })
	}
	if err == nil && i == nil {
		// The manager that knew the path is gone, and the instance may be too.
		if i, err = j.Instance(env); IsUpstartError(err, "UnknownInstance") {
			i, err = j.instance(j.Path+"/_"), nil
		}
	}
	return i, err
}

// Instance finds the instance that env names. Error.Name ends in
// "UnknownInstance" where it does not exist, in ".InvalidArgs" where env
// does not name one.
func (j *UpstartJob) Instance(env []string) (*UpstartInstance, error) {
	d, err := j.up.call(j.Path, ifUpstartJob, "GetInstance", "as", func(e *wire.Encoder) { e.Strings(env) })
	if err != nil {
		return nil, err
	}
	return j.instance(d.Path()), d.Err()
}

// InstanceByName finds an instance by its name.
func (j *UpstartJob) InstanceByName(name string) (*UpstartInstance, error) {
	d, err := j.up.call(j.Path, ifUpstartJob, "GetInstanceByName", "s", texts(name))
	if err != nil {
		return nil, err
	}
	return j.instance(d.Path()), d.Err()
}

// Instances are all that exist.
func (j *UpstartJob) Instances() ([]*UpstartInstance, error) {
	d, err := j.up.call(j.Path, ifUpstartJob, "GetAllInstances", "", nil)
	if err != nil {
		return nil, err
	}
	var list []*UpstartInstance
	for _, path := range paths(d) {
		list = append(list, j.instance(path))
	}
	return list, d.Err()
}

// Info reads all properties.
func (j *UpstartJob) Info() (UpstartJobInfo, error) {
	p, err := j.up.properties(j.Path, ifUpstartJob)
	return UpstartJobInfo{
		Name: p.Text("name"), Description: p.Text("description"), Author: p.Text("author"), Version: p.Text("version"),
		Usage: p.Text("usage"), StartOn: lists(p.Get("start_on")), StopOn: lists(p.Get("stop_on")), Emits: p.List("emits"),
	}, err
}

// UpstartMore is what rouse says of a job besides.
type UpstartMore struct {
	// Unit is its unit, File what it was read from ("" for none).
	Unit, File string
	// Task: whoever starts it waits until it has finished.
	Task bool
}

// More asks for it; Upstart itself does not answer.
func (j *UpstartJob) More() (UpstartMore, error) {
	p, err := j.up.properties(j.Path, ifRouseJob)
	return UpstartMore{p.Text("unit"), p.Text("file"), p.Flag("task")}, err
}

// Usage is the text of the usage stanza.
func (j *UpstartJob) Usage() (string, error) {
	return j.up.textProperty(j.Path, ifUpstartJob, "usage")
}

// Start starts the instance again.
func (i *UpstartInstance) Start(wait bool) error { return i.ask("Start", wait) }

// Stop stops it.
func (i *UpstartInstance) Stop(wait bool) error { return i.ask("Stop", wait) }

// Restart restarts it.
func (i *UpstartInstance) Restart(wait bool) error { return i.ask("Restart", wait) }

// Reload sends its main process the reload signal.
func (i *UpstartInstance) Reload() error {
	_, err := i.up.call(i.Path, ifUpstartInstance, "Reload", "", nil)
	return err
}

// More is what rouse says besides: its unit, and what is worth knowing
// ("expected 2 forks, saw 1"). Upstart itself does not answer.
func (i *UpstartInstance) More() (unit string, notes []string, err error) {
	p, err := i.up.properties(i.Path, ifRouseInstance)
	return p.Text("unit"), p.List("notes"), err
}

func (i *UpstartInstance) ask(member string, wait bool) error {
	ask := func() error {
		_, err := i.up.patient(wait, i.Path, ifUpstartInstance, member, "b", func(e *wire.Encoder) { e.Bool(wait) })
		return err
	}
	err := ask()
	if wait && errors.Is(err, ErrGone) {
		return i.up.Job(i.Job).outlast(member, ask, func() (*UpstartInstance, error) { return i, nil })
	}
	return err
}

// Status reads all properties.
func (i *UpstartInstance) Status() (UpstartStatus, error) {
	p, err := i.up.properties(i.Path, ifUpstartInstance)
	s := UpstartStatus{Name: p.Text("name"), Goal: p.Text("goal"), State: p.Text("state")}
	rows, _ := p.Get("processes").([]any)
	for _, row := range rows {
		if row, ok := row.([]any); ok && len(row) == 2 {
			name, _ := row[0].(string)
			pid, _ := row[1].(int32)
			s.Processes = append(s.Processes, UpstartProcess{name, pid})
		}
	}
	return s, err
}

func envAndWait(env []string, wait bool) func(*wire.Encoder) {
	return func(e *wire.Encoder) {
		e.Strings(env)
		e.Bool(wait)
	}
}

// lists is the value of an aas.
func lists(v any) [][]string {
	rows, _ := v.([]any)
	var out [][]string
	for _, row := range rows {
		if words, ok := row.([]string); ok {
			out = append(out, words)
		}
	}
	return out
}

// IsUpstartError tells whether err is the refusal of that name ("UnknownJob",
// "AlreadyStarted", "InvalidArgs").
func IsUpstartError(err error, name string) bool {
	return strings.HasSuffix(errorName(err), "."+name)
}
