// SPDX-License-Identifier: Apache-2.0

// Package bustest is a manager that only pretends: a systemd1.Backend of
// plain data, served on a socket by a goroutine. Only tests import it.
package bustest

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rouse-init/rouse/internal/bus/systemd1"
	"github.com/rouse-init/rouse/internal/diag"
	"github.com/rouse-init/rouse/internal/engine"
	"github.com/rouse-init/rouse/internal/unit"
)

// Fake is the Backend. Its fields may be set before it is served.
type Fake struct {
	Views map[string]*engine.View
	Lines map[string][]string // what units have written
	Env   []string
	// Reasons are what Why answers, besides what follows from Views.
	Reasons map[string]engine.Explanation
	// Calls records what clients asked for, in order.
	Calls []string
	// Service is set by Serve, for signals.
	Service *systemd1.Service
	// Backend is served in place of the Fake, if set.
	Backend systemd1.Backend
	// Upstart is served as com.ubuntu.Upstart, if set.
	Upstart *Jobs
	// Broken gets what bus.Config.Broken gets.
	Broken func(msg string)

	nextJob uint32
	jobs    []systemd1.Job
	clients atomic.Int32
	// LogDir is where the files for OpenLog are made.
	LogDir string
}

// Add adds a unit and returns its view for changes.
func (f *Fake) Add(u *unit.Unit) *engine.View {
	v := &engine.View{Unit: u, Load: u.Load, Sub: "dead", Freezer: "running", Result: "success"}
	f.Views[u.Name] = v
	return v
}

// Unit implements systemd1.Backend.
func (f *Fake) Unit(name string) (engine.View, bool) {
	v, ok := f.Views[name]
	if !ok {
		return engine.View{}, false
	}
	return *v, true
}

// Units implements systemd1.Backend.
func (f *Fake) Units(yield func(*engine.View) bool) {
	names := make([]string, 0, len(f.Views))
	for n := range f.Views {
		names = append(names, n)
	}
	slices.Sort(names)
	for _, n := range names {
		if !yield(f.Views[n]) {
			return
		}
	}
}

// Load implements systemd1.Backend.
func (f *Fake) Load(name string) (engine.View, error) {
	if !strings.Contains(name, ".") {
		return engine.View{}, fmt.Errorf("Unit name %s is not valid.", name) //nolint:revive,staticcheck // systemd's words
	}
	u := &unit.Unit{Name: name, Kind: unit.KindOf(name), Load: unit.NotFound, LoadErr: &diag.Diagnostic{Severity: diag.Error, Msg: "Unit " + name + " not found."}}
	Fill(u)
	return engine.View{Unit: u, Load: unit.NotFound, Sub: "dead"}, nil
}

// UnitByPid implements systemd1.Backend.
func (f *Fake) UnitByPid(pid int32) (string, bool) {
	for n, v := range f.Views {
		if v.MainPid == pid && pid != 0 {
			return n, true
		}
	}
	return "", false
}

// Ask implements systemd1.Backend.
func (f *Fake) Ask(verb engine.Verb, name string, mode unit.JobMode, _ bool, reply func(uint32, *engine.Refusal)) {
	f.Calls = append(f.Calls, fmt.Sprintf("%s %s %d", systemd1.VerbName(verb), name, mode))
	v := f.Views[name]
	if v == nil {
		reply(0, &engine.Refusal{Code: "NoSuchUnit", Msg: "Unit " + name + " not found."})
		return
	}
	if v.Load == unit.Masked {
		reply(0, &engine.Refusal{Code: "UnitMasked", Msg: "Unit " + name + " is masked."})
		return
	}
	f.nextJob++
	job := f.nextJob
	f.Service.JobQueued(engine.JobQueued{Job: job, Unit: name, Type: verb})
	reply(job, nil)
	result := engine.JobDone
	switch {
	case strings.HasPrefix(name, "hang"):
		f.jobs = append(f.jobs, systemd1.Job{ID: job, Unit: name, Type: verb, Running: true})
		v.Job, v.JobType, v.Active, v.Sub = job, verb, engine.Activating, "start"
		return
	case strings.HasPrefix(name, "broken") && verb != engine.Stop:
		v.Active, v.Sub, v.Result, result = engine.Failed, "failed", "exit-code", engine.JobFailed
	case verb == engine.Stop:
		v.Active, v.Sub, v.MainPid = engine.Inactive, "dead", 0
	default:
		v.Active, v.Sub = engine.Active, "running"
	}
	f.Service.JobRemoved(engine.JobRemoved{Job: job, Unit: name, Type: verb, Result: result})
}

// Jobs implements systemd1.Backend.
func (f *Fake) Jobs() []systemd1.Job { return f.jobs }

// Cancel implements systemd1.Backend.
func (f *Fake) Cancel(id uint32) bool {
	for i, j := range f.jobs {
		if j.ID == id || id == 0 {
			f.jobs = slices.Delete(f.jobs, i, i+1)
			v := f.Views[j.Unit]
			v.Job, v.Active, v.Sub = 0, engine.Inactive, "dead"
			f.Service.JobRemoved(engine.JobRemoved{Job: j.ID, Unit: j.Unit, Type: j.Type, Result: engine.JobCanceled})
			return true
		}
	}
	return false
}

// Invocation implements systemd1.Backend.
func (f *Fake) Invocation(v *engine.View) [16]byte { return [16]byte{15: byte(v.Run)} }

// Kill implements systemd1.Backend.
func (f *Fake) Kill(name string, whom systemd1.Whom, sig int32, queued bool, value int32) error {
	f.Calls = append(f.Calls, fmt.Sprintf("kill %s %d %d %v %d", name, whom, sig, queued, value))
	if f.Views[name] == nil {
		return errors.New("Unit " + name + " not loaded.")
	}
	return nil
}

// Freeze implements systemd1.Backend.
func (f *Fake) Freeze(name string, reply func(*engine.Refusal)) { f.freezer(name, "frozen", reply) }

// Thaw implements systemd1.Backend.
func (f *Fake) Thaw(name string, reply func(*engine.Refusal)) { f.freezer(name, "running", reply) }

func (f *Fake) freezer(name, state string, reply func(*engine.Refusal)) {
	v := f.Views[name]
	if v == nil || v.Active != engine.Active {
		reply(&engine.Refusal{Code: "UnitInactive", Msg: "Unit " + name + " is not active."})
		return
	}
	v.Freezer = state
	f.Service.UnitChanged(name)
	reply(nil)
}

// ResetFailed implements systemd1.Backend.
func (f *Fake) ResetFailed(name string) {
	for n, v := range f.Views {
		if (name == "" || n == name) && v.Active == engine.Failed {
			v.Active, v.Sub, v.Result = engine.Inactive, "dead", "success"
		}
	}
}

// Reload implements systemd1.Backend.
func (f *Fake) Reload(reply func(error)) {
	f.Calls = append(f.Calls, "reload")
	reply(nil)
}

// Reexec implements systemd1.Backend.
func (f *Fake) Reexec() error { return errors.New("cannot start again: this manager pretends") }

// Shutdown implements systemd1.Backend.
func (f *Fake) Shutdown(a unit.Action, code uint8) error {
	f.Calls = append(f.Calls, fmt.Sprintf("shutdown %d %d", a, code))
	return nil
}

// Environment implements systemd1.Backend.
func (f *Fake) Environment() []string { return f.Env }

// SetEnvironment implements systemd1.Backend.
func (f *Fake) SetEnvironment(set, unset []string) {
	f.Env = slices.DeleteFunc(f.Env, func(e string) bool {
		name, _, _ := strings.Cut(e, "=")
		return slices.Contains(unset, name) || slices.Contains(unset, e)
	})
	f.Env = append(f.Env, set...)
}

// Usage implements systemd1.Backend.
func (f *Fake) Usage(name string) systemd1.Usage {
	if v := f.Views[name]; v != nil && v.MainPid != 0 {
		return systemd1.Usage{ControlGroup: "/rouse/" + name, Memory: 1536 << 10, MemoryPeak: 2 << 20, Tasks: 2, CPU: 42e6}
	}
	return systemd1.Usage{Memory: systemd1.Unknown, MemoryPeak: systemd1.Unknown, Tasks: systemd1.Unknown, CPU: systemd1.Unknown}
}

// Processes implements systemd1.Backend.
func (f *Fake) Processes(name string) []systemd1.Process {
	if v := f.Views[name]; v != nil && v.MainPid != 0 {
		return []systemd1.Process{{Cgroup: "/rouse/" + name, Pid: uint32(v.MainPid), Command: "/usr/bin/" + strings.TrimSuffix(name, ".service") + " --serve"}}
	}
	return nil
}

// Listens implements systemd1.Backend.
func (f *Fake) Listens(string) []systemd1.Listen { return nil }

// Sockets implements systemd1.Backend: one connection waits at each address, and two are open.
func (f *Fake) Sockets() (out []systemd1.Held) {
	pending, open := uint32(1), uint32(2)
	f.Units(func(v *engine.View) bool {
		if v.Unit.Socket == nil {
			return true
		}
		for i, l := range v.Unit.Socket.Listens {
			out = append(out, systemd1.Held{
				Unit: v.Unit.Name, Listen: systemd1.Listen{Kind: "Stream", Address: l.Address}, Pos: diag.Pos{File: v.Unit.Fragment, Line: 2 + int32(i)}, Watched: true,
				Pending: &pending, Open: &open,
			})
		}
		return true
	})
	return out
}

// NeedReload implements systemd1.Backend.
func (f *Fake) NeedReload(name string) bool { return name == "stale.service" }

// Log implements systemd1.Backend.
func (f *Fake) Log(name string, n int) []string {
	lines := f.Lines[name]
	return lines[max(0, len(lines)-n):]
}

// OpenLog implements systemd1.Backend.
func (f *Fake) OpenLog(name string) (int, error) {
	path := f.LogDir + "/" + name
	if err := os.WriteFile(path, []byte(strings.Join(append(f.Lines[name], ""), "\n")), 0o600); err != nil {
		return -1, err
	}
	return unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
}

// Why implements systemd1.Backend.
func (f *Fake) Why(name string) (engine.Explanation, error) {
	v := f.Views[name]
	if v == nil {
		return engine.Explanation{}, errors.New("Unit " + name + " not loaded.")
	}
	if x, ok := f.Reasons[name]; ok {
		return x, nil
	}
	return engine.Explanation{
		Unit: name, Active: v.Active.String(), Sub: v.Sub, Goal: "up", Since: v.StateChange, Failure: v.Failure,
		Causes: []engine.Cause{{At: v.StateChange, What: "start asked for by uid 0"}},
	}, nil
}

// FollowEvents implements systemd1.Backend.
func (f *Fake) FollowEvents(on bool) { f.Calls = append(f.Calls, fmt.Sprintf("follow events %v", on)) }

// Files implements systemd1.Backend.
func (f *Fake) Files() systemd1.Files { return (*files)(f) }

// Facts implements systemd1.Backend.
func (f *Fake) Facts() systemd1.Facts {
	return systemd1.Facts{
		Version: "257 (rouse 0.1)", Scope: "up", State: "running", CgroupMode: "cgroup2 at /sys/fs/cgroup/unified, no controllers",
		HandoverMode: "seccomp notify", FreezeMode: "cgroup.freeze", ManagerStarts: 2, LastDeath: "killed by SIGKILL",
		GuardianPid: 100, ManagerPid: 101, StartedAt: engine.Time(time.Second), FinishedAt: engine.Time(2 * time.Second),
		DefaultTimeoutStart: 90 * time.Second, DefaultTimeoutStop: 90 * time.Second, DefaultTimeoutAbort: 90 * time.Second,
		DefaultStandardOutput: "journal", DefaultStandardError: "inherit", Counters: []systemd1.Counter{{Name: "steps", Value: 7}},
		Notes: []string{"freeze: by signal, escapes possible"},
	}
}

type files Fake

func (f *files) State(name string) (string, error) {
	if f.Views[name] == nil {
		return "", nil
	}
	return "enabled", nil
}
func (f *files) Preset(string) (string, error) { return "enabled", nil }
func (f *files) List() ([]systemd1.FileState, error) {
	var list []systemd1.FileState
	(*Fake)(f).Units(func(v *engine.View) bool {
		if v.Unit.Fragment != "" {
			list = append(list, systemd1.FileState{Path: v.Unit.Fragment, State: "enabled"})
		}
		return true
	})
	return list, nil
}

func (f *files) Do(op systemd1.FileOp) ([]systemd1.Change, bool, error) {
	f.Calls = append(f.Calls, fmt.Sprintf("%s %v runtime=%v", op.Verb, op.Names, op.Runtime))
	if op.Names == nil {
		return nil, false, nil
	}
	if f.Views[op.Names[0]] == nil {
		return nil, false, fmt.Errorf("Unit file %s does not exist.", op.Names[0]) //nolint:revive,staticcheck // systemd's words
	}
	return []systemd1.Change{{Kind: "symlink", Path: "/etc/systemd/system/multi-user.target.wants/" + op.Names[0], Source: "/lib/systemd/system/" + op.Names[0]}}, true, nil
}
func (f *files) DefaultTarget() (string, error) { return "multi-user.target", nil }
func (f *files) Path() []string                 { return []string{"/etc/systemd/system", "/lib/systemd/system"} }

// Restore takes the jobs and states of a manager that has ended.
func (f *Fake) Restore(old *Fake) {
	f.Views, f.jobs, f.nextJob = old.Views, old.jobs, old.nextJob
	if f.Upstart != nil && old.Upstart != nil {
		f.Upstart.Restore(old.Upstart)
	}
}

// Clients is the number of connections. It may be asked at any time.
func (f *Fake) Clients() int { return int(f.clients.Load()) }
