// SPDX-License-Identifier: Apache-2.0

// Package upstart is com.ubuntu.Upstart: the manager as the clients of
// initctl(8) see it. It imports bus, engine and unit.
package upstart

import (
	"github.com/rouse-init/rouse/internal/engine"
	"github.com/rouse-init/rouse/internal/unit"
)

// Backend is the manager as this package sees it. Every method is called on
// the goroutine of the poll loop and must not block; what takes time answers
// through its reply function, once, now or later, on the same goroutine.
type Backend interface {
	// Jobs are the definitions of all jobs that Upstart would list: those
	// that come from job files, and every other service that is loaded (their
	// Service.Job is nil, their job name is the unit's without ".service").
	// Sorted by name. Instances are not among them.
	Jobs() []*unit.Unit
	// Job finds one by the name that initctl uses; also one that cannot be
	// used, because its file has an error: Load and LoadErr tell.
	Job(name string) (*unit.Unit, bool)
	// Instances are the instances of a job that exist, sorted by unit name;
	// for a job without an instance stanza the job itself unless it rests.
	Instances(unitName string) []engine.JobStatus
	// Status is that of one unit; ok is false where there is no such unit.
	Status(unitName string) (st engine.JobStatus, ok bool)
	// InstanceOf is the unit of the instance that this environment names,
	// whether it exists or not. The refusal has code "InvalidArgs" where a
	// variable of the instance stanza is missing.
	InstanceOf(unitName string, env []string) (string, *engine.Refusal)
	// Goal asks for a start, stop, restart or reload (engine.AskedJob).
	// Refusal codes: "UnknownInstance", "AlreadyStarted", "AlreadyStopped",
	// "NotRunning", "JobFailed", "InvalidArgs", and those of systemd1. by says
	// who asks, for the records ("uid 1000, pid 77").
	Goal(verb engine.Verb, unitName string, env []string, exact, wait bool, by string, reply func(unitName string, err *engine.Refusal))
	// Emit emits an event; fd is passed to what it starts, -1 for none; it
	// takes fd. Refusal code "EventFailed".
	Emit(name string, env []string, wait bool, fd int, by string, reply func(err *engine.Refusal))
	// WatchEvents: somebody wants EventEmitted (Service.EventEmitted is then
	// called for each), or nobody any more.
	WatchEvents(on bool)
	// JobEnv are the variables that jobs get (initctl list-env): the global
	// table for "", else those of an instance. ok: there is such a unit.
	JobEnv(unitName string) (env []string, ok bool)
	SetJobEnv(unitName string, set, unset []string, reset bool) *engine.Refusal
	// Reload rereads all files; Reexec is Restart() of the interface.
	Reload(reply func(error))
	Reexec() error
	// EndSession stops everything, for session managers.
	EndSession() error
	// FlushLogs is NotifyDiskWriteable, BusAddress NotifyDBusAddress.
	FlushLogs()
	BusAddress(addr string) error
	Version() string
	// LogPriority is the least severe message that is printed: "debug",
	// "info", "message", "warn", "error" or "fatal".
	LogPriority() string
	SetLogPriority(p string)
	// User is true for a session manager (its own user may do everything).
	User() bool
}

// EventLister is what a Backend may be besides, for GetState.
type EventLister interface {
	// OpenEvents are the events that have not completed, oldest first.
	OpenEvents() []OpenEvent
}

// OpenEvent is an event that has not completed.
type OpenEvent struct {
	ID   uint64   `json:"id"`
	Name string   `json:"name"`
	Env  []string `json:"env,omitempty"`
	// Waits are the units that it waits for.
	Waits []string `json:"waits,omitempty"`
}
