// SPDX-License-Identifier: Apache-2.0

package bustest

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/rouse-init/rouse/internal/bus/upstart"
	"github.com/rouse-init/rouse/internal/diag"
	"github.com/rouse-init/rouse/internal/engine"
	"github.com/rouse-init/rouse/internal/unit"
)

// Jobs is an upstart.Backend of plain data.
type Jobs struct {
	Units []*unit.Unit // of jobs, sorted by name
	// States are the instances that exist, by unit.
	States map[string]engine.JobStatus
	// Envs are the variables by unit, "" for all jobs.
	Envs map[string][]string
	// Broken are jobs whose files have errors, by name.
	Broken map[string]*unit.Unit
	// Open are events that have not completed.
	Open []upstart.OpenEvent
	// Calls records what clients asked for, in order.
	Calls    []string
	Priority string
	Session  bool // User
	// Service is set by Serve.
	Service *upstart.Service
	// Waiting are the answers that "hang" jobs and events owe.
	Waiting []func(failed bool)

	nextPid int32
}

// NewJobs is a manager with a few jobs: apache runs, mysql rests, getty has an
// instance tty1, broken fails to start, hang takes until Release, task ends at
// once, net/portmap and nginx (a systemd unit) are there too.
func NewJobs() *Jobs {
	j := &Jobs{
		States: make(map[string]engine.JobStatus), Envs: map[string][]string{"": {"PATH=/usr/bin:/bin", "TERM=linux"}},
		Priority: "message", nextPid: 1233,
	}
	j.Broken = map[string]*unit.Unit{"typo": {Name: "typo.service", Load: unit.BadSetting, LoadErr: &diag.Diagnostic{
		Pos: diag.Pos{File: "/etc/init/typo.conf", Line: 3, Col: 1}, Severity: diag.Error, Msg: "Unknown stanza",
	}}}
	add := func(u *unit.Unit, job *unit.Job, ev *unit.Events) {
		u.Kind, u.Events = unit.KindService, ev
		Fill(u)
		if u.Service.Job = job; job != nil {
			u.Fragment = "/etc/init/" + job.Name + ".conf"
		}
		j.Units = append(j.Units, u)
	}
	event := func(name string, match ...unit.Match) unit.Term { return unit.Term{Event: name, Match: match} }
	add(&unit.Unit{Name: "apache.service", Description: "web server"},
		&unit.Job{Name: "apache", Author: "A. Patchy", Version: "2.4", Usage: "PORT=80 - where to listen"},
		&unit.Events{
			StartOn: unit.Expr{event("started", unit.Match{Value: "mysql"}), event("net-up", unit.Match{Key: "IFACE", Value: "lo", Negate: true}), {Op: unit.OpAnd}, event("now"), {Op: unit.OpOr}},
			StopOn:  unit.Expr{event("runlevel", unit.Match{Key: "RUNLEVEL", Value: "[!2345]"})},
			Emits:   []string{"apache-ready"}, Export: []string{"PORT"},
		})
	for _, name := range []string{"broken", "getty", "hang", "mysql", "net/portmap", "task"} {
		job := &unit.Job{Name: name, Task: name == "task"}
		if name == "getty" {
			job.Instance, job.Usage = "$TTY", "TTY=ttyX - which console"
		}
		add(&unit.Unit{Name: strings.ReplaceAll(name, "/", "-") + ".service"}, job, nil)
	}
	add(&unit.Unit{Name: "nginx.service", Description: "not of Upstart"}, nil, nil)
	slices.SortFunc(j.Units, func(a, b *unit.Unit) int { return strings.Compare(name(a), name(b)) })
	j.set("apache.service", "start", "running")
	j.set("getty@tty1.service", "start", "running")
	tty1 := j.States["getty@tty1.service"]
	tty1.Notes = []string{"expected 2 forks, saw 1"}
	j.put(tty1)
	return j
}

func name(u *unit.Unit) string {
	if u.Service.Job != nil {
		return u.Service.Job.Name
	}
	return strings.TrimSuffix(u.Name, ".service")
}

func (j *Jobs) class(unitName string) *unit.Unit {
	p := unit.Split(unitName)
	for _, u := range j.Units {
		if u.Name == p.Prefix+".service" {
			return u
		}
	}
	return nil
}

// set gives an instance a goal and a state, and tells clients.
func (j *Jobs) set(unitName, goal, state string) {
	st := j.States[unitName]
	st.Unit, st.Job, st.Goal, st.State = unitName, name(j.class(unitName)), goal, state
	st.Instance, _ = unit.Unescape(unit.Split(unitName).Instance)
	st.Processes = slices.DeleteFunc(st.Processes, func(p engine.JobProcess) bool { return state != "running" })
	if state == "running" && len(st.Processes) == 0 {
		j.nextPid++
		st.Processes = []engine.JobProcess{{Name: "main", Pid: j.nextPid}}
	}
	j.put(st)
}

func (j *Jobs) put(st engine.JobStatus) {
	j.States[st.Unit] = st
	if j.Service != nil {
		j.Service.UnitChanged(st.Unit)
	}
	if st.Goal == "stop" && st.State == "waiting" {
		delete(j.States, st.Unit)
	}
}

// Release lets what hangs come to its end.
func (j *Jobs) Release(failed bool) {
	waiting := j.Waiting
	j.Waiting = nil
	for _, end := range waiting {
		end(failed)
	}
}

// Restore takes the instances of a manager that has ended, and the events that
// it has not.
func (j *Jobs) Restore(old *Jobs) { j.States, j.Open, j.Session = old.States, old.Open, old.Session }

// Settle brings an instance to its goal, as the successor of a manager does.
func (j *Jobs) Settle(unitName string, failed bool) {
	st := j.States[unitName]
	switch {
	case failed:
		st.Failed, st.FailStatus, st.Goal, st.State = true, 1, "stop", "stopping"
		j.put(st)
		fallthrough
	case st.Goal == "stop":
		st.State = "waiting"
		j.put(st)
	default:
		j.set(unitName, st.Goal, "running")
	}
}

func (j *Jobs) record(format string, args ...any) {
	j.Calls = append(j.Calls, fmt.Sprintf(format, args...))
}

// Jobs is of upstart.Backend, as all that follows.
func (j *Jobs) Jobs() []*unit.Unit { return j.Units }

// Job implements upstart.Backend.
func (j *Jobs) Job(want string) (*unit.Unit, bool) {
	for _, u := range j.Units {
		if name(u) == want {
			return u, true
		}
	}
	u, ok := j.Broken[want]
	return u, ok
}

// Instances implements upstart.Backend.
func (j *Jobs) Instances(unitName string) []engine.JobStatus {
	var list []engine.JobStatus
	for n, st := range j.States {
		if u := j.class(n); u != nil && u.Name == unitName {
			list = append(list, st)
		}
	}
	slices.SortFunc(list, func(a, b engine.JobStatus) int { return strings.Compare(a.Unit, b.Unit) })
	return list
}

// Status implements upstart.Backend.
func (j *Jobs) Status(unitName string) (engine.JobStatus, bool) {
	if st, ok := j.States[unitName]; ok {
		return st, true
	}
	u := j.class(unitName)
	if u == nil || u.Name != unitName {
		return engine.JobStatus{}, false
	}
	return engine.JobStatus{Unit: unitName, Job: name(u), Class: u.Service.Job != nil && u.Service.Job.Instance != "", Goal: "stop", State: "waiting"}, true
}

// InstanceOf implements upstart.Backend.
func (j *Jobs) InstanceOf(unitName string, env []string) (string, *engine.Refusal) {
	u := j.class(unitName)
	if u == nil || u.Service.Job == nil || u.Service.Job.Instance == "" {
		return unitName, nil
	}
	key := strings.TrimPrefix(u.Service.Job.Instance, "$")
	for _, pair := range env {
		if value, ok := strings.CutPrefix(pair, key+"="); ok {
			return strings.TrimSuffix(u.Name, ".service") + "@" + unit.Escape(value) + ".service", nil
		}
	}
	return "", &engine.Refusal{Code: "InvalidArgs", Msg: "Unknown parameter: " + key}
}

// Goal implements upstart.Backend.
func (j *Jobs) Goal(verb engine.Verb, unitName string, env []string, exact, wait bool, by string, reply func(string, *engine.Refusal)) {
	j.record("%s %s %v exact=%v wait=%v", [...]string{engine.Start: "start", engine.Stop: "stop", engine.Reload: "reload", engine.Restart: "restart"}[verb], unitName, env, exact, wait)
	if !exact {
		var refusal *engine.Refusal
		if unitName, refusal = j.InstanceOf(unitName, env); refusal != nil {
			reply("", refusal)
			return
		}
	}
	st, up := j.States[unitName]
	words := st.Job
	if st.Instance != "" {
		words = fmt.Sprintf("%s (%s)", st.Job, st.Instance)
	}
	switch {
	case verb == engine.Start && st.Goal == "start":
		reply("", &engine.Refusal{Code: "AlreadyStarted", Msg: "Job is already running: " + words})
	case verb == engine.Stop && up && st.Goal == "stop":
		reply("", &engine.Refusal{Code: "AlreadyStopped", Msg: "Job has already been stopped: " + words})
	case verb == engine.Reload && (!up || st.State != "running"):
		reply("", &engine.Refusal{Code: "NotRunning", Msg: "Job is not running: " + words})
	case verb != engine.Start && !up:
		instance, _ := unit.Unescape(unit.Split(unitName).Instance)
		reply("", &engine.Refusal{Code: "UnknownInstance", Msg: "Unknown instance: " + instance})
	case verb == engine.Reload:
		reply(unitName, nil)
	default:
		j.move(verb, unitName, wait, reply)
	}
}

// move performs a start, stop or restart.
func (j *Jobs) move(verb engine.Verb, unitName string, wait bool, reply func(string, *engine.Refusal)) {
	goal, state := "start", "running"
	if verb == engine.Stop {
		goal, state = "stop", "waiting"
	}
	end := func(failed bool) {
		if failed {
			j.Settle(unitName, true)
			reply("", &engine.Refusal{Code: "JobFailed", Msg: "Job failed to " + [...]string{engine.Start: "start", engine.Stop: "stop", engine.Restart: "restart"}[verb]})
			return
		}
		j.set(unitName, goal, state)
		if verb != engine.Stop && j.class(unitName).Service.Job != nil && j.class(unitName).Service.Job.Task {
			j.set(unitName, "stop", "waiting")
		}
		reply(unitName, nil)
	}
	j.set(unitName, goal, map[string]string{"start": "starting", "stop": "stopping"}[goal])
	switch {
	case !strings.HasPrefix(unitName, "hang"):
		end(verb != engine.Stop && strings.HasPrefix(unitName, "broken"))
	case wait:
		j.Waiting = append(j.Waiting, end)
	default:
		reply(unitName, nil)
	}
}

// Emit implements upstart.Backend.
func (j *Jobs) Emit(name string, env []string, wait bool, fd int, by string, reply func(*engine.Refusal)) {
	text := ""
	if fd >= 0 {
		data := make([]byte, 100)
		n, err := unix.Read(fd, data)
		text = fmt.Sprintf(" fd %q %v", data[:max(n, 0)], err)
		_ = unix.Close(fd)
	}
	j.record("emit %s %v wait=%v%s", name, env, wait, text)
	j.Service.EventEmitted(name, env)
	end := func(failed bool) {
		if failed {
			reply(&engine.Refusal{Code: "EventFailed", Msg: "Event failed"})
			return
		}
		reply(nil)
	}
	if strings.HasPrefix(name, "hang") && wait {
		j.Open = append(j.Open, upstart.OpenEvent{ID: uint64(len(j.Open) + 1), Name: name, Env: env})
		j.Waiting = append(j.Waiting, end)
		return
	}
	end(strings.HasPrefix(name, "bad") && wait)
}

// WatchEvents implements upstart.Backend.
func (j *Jobs) WatchEvents(on bool) { j.record("watch %v", on) }

// OpenEvents implements upstart.Backend.
func (j *Jobs) OpenEvents() []upstart.OpenEvent { return j.Open }

// JobEnv implements upstart.Backend.
func (j *Jobs) JobEnv(unitName string) ([]string, bool) {
	_, ok := j.Status(unitName)
	return slices.Clone(j.Envs[unitName]), ok || unitName == ""
}

// SetJobEnv implements upstart.Backend.
func (j *Jobs) SetJobEnv(unitName string, set, unset []string, reset bool) *engine.Refusal {
	j.record("env %s %v %v %v", unitName, set, unset, reset)
	env := j.Envs[unitName]
	if reset {
		env = nil
	}
	drop := slices.Clone(unset)
	for _, pair := range set {
		key, _, _ := strings.Cut(pair, "=")
		drop = append(drop, key)
	}
	env = slices.DeleteFunc(env, func(pair string) bool {
		key, _, _ := strings.Cut(pair, "=")
		return slices.Contains(drop, key)
	})
	env = append(env, set...)
	slices.Sort(env)
	j.Envs[unitName] = env
	return nil
}

// Reload implements upstart.Backend.
func (j *Jobs) Reload(reply func(error)) {
	j.record("reload")
	reply(nil)
}

// Reexec implements upstart.Backend.
func (j *Jobs) Reexec() error {
	j.record("reexec")
	return nil
}

// EndSession implements upstart.Backend.
func (j *Jobs) EndSession() error {
	j.record("end session")
	return nil
}

// FlushLogs implements upstart.Backend.
func (j *Jobs) FlushLogs() { j.record("flush logs") }

// BusAddress implements upstart.Backend.
func (j *Jobs) BusAddress(addr string) error {
	j.record("bus %s", addr)
	if !strings.HasPrefix(addr, "unix:") {
		return errors.New("cannot use bus address " + addr)
	}
	return nil
}

// Version implements upstart.Backend.
func (j *Jobs) Version() string { return "init (rouse 0.1)" }

// LogPriority implements upstart.Backend.
func (j *Jobs) LogPriority() string { return j.Priority }

// SetLogPriority implements upstart.Backend.
func (j *Jobs) SetLogPriority(p string) { j.Priority = p }

// User implements upstart.Backend.
func (j *Jobs) User() bool { return j.Session }
