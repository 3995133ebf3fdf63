// SPDX-License-Identifier: Apache-2.0

package systemd1

import (
	"encoding/hex"

	"github.com/rouse-init/rouse/internal/engine"
	"github.com/rouse-init/rouse/internal/unit"
)

// UnitStatus is the answer of dev.rouse.Manager1.UnitJSON. Names stay; states
// are systemd's words, moments times of day in microseconds, 0 for never.
type UnitStatus struct {
	Unit        string   `json:"unit"`
	Aliases     []string `json:"aliases,omitempty"`
	Description string   `json:"description"`
	Load        string   `json:"load"`
	LoadError   string   `json:"load_error,omitempty"`
	Fragment    string   `json:"fragment,omitempty"`
	DropIns     []string `json:"drop_ins,omitempty"`
	Unsupported []string `json:"unsupported,omitempty"`

	Active  string `json:"active"`
	Sub     string `json:"sub"`
	Result  string `json:"result,omitempty"`
	Freezer string `json:"freezer"`
	// Failure and Cause say in words why the last run failed, and why the
	// unit is in its state.
	Failure     string `json:"failure,omitempty"`
	Cause       string `json:"cause,omitempty"`
	Job         uint32 `json:"job,omitempty"`
	JobType     string `json:"job_type,omitempty"`
	JobWaitsFor string `json:"job_waits_for,omitempty"`

	StateChange   uint64 `json:"state_change_usec"`
	ActiveEnter   uint64 `json:"active_enter_usec"`
	ActiveExit    uint64 `json:"active_exit_usec"`
	InactiveEnter uint64 `json:"inactive_enter_usec"`
	InactiveExit  uint64 `json:"inactive_exit_usec"`

	Invocation string         `json:"invocation_id,omitempty"`
	Service    *ServiceStatus `json:"service,omitempty"`
	Socket     *SocketStatus  `json:"socket,omitempty"`
	Wakes      uint32         `json:"wakes"`
	Sleeps     uint32         `json:"sleeps"`
	IdleSince  uint64         `json:"idle_since_usec,omitempty"`
	Inhibited  bool           `json:"inhibited,omitempty"`
}

// ServiceStatus is what services alone have. The exit is that of the last
// main process: its code is waitid(2)'s, 0 where none has ended.
type ServiceStatus struct {
	MainPid     int32  `json:"main_pid"`
	ControlPid  int32  `json:"control_pid"`
	Status      string `json:"status_text,omitempty"`
	StatusErrno int32  `json:"status_errno,omitempty"`
	Restarts    uint32 `json:"restarts"`
	ExitCode    uint8  `json:"exit_code"`
	ExitStatus  uint8  `json:"exit_status"`
	MainStart   uint64 `json:"main_start_usec"`
	MainExit    uint64 `json:"main_exit_usec"`
}

// SocketStatus is what sockets alone have.
type SocketStatus struct {
	Listens     []Listen `json:"listens"`
	Accepted    uint32   `json:"accepted"`
	Connections uint32   `json:"connections"`
	Refused     uint32   `json:"refused"`
}

func (o *object) status() UnitStatus {
	v, u, wall := &o.view, o.view.Unit, o.svc.wall
	st := UnitStatus{
		Unit: u.Name, Aliases: u.Aliases, Description: orElse(u.Description, u.Name), Load: LoadName(v.Load),
		Fragment: u.Fragment, DropIns: u.DropIns,
		Active: v.Active.String(), Sub: orElse(v.Sub, "dead"), Result: v.Result, Freezer: orElse(v.Freezer, "running"),
		Failure: v.Failure, Cause: v.Cause, Job: v.Job, JobWaitsFor: v.JobWhy,
		StateChange: wall(v.StateChange), ActiveEnter: wall(v.ActiveEnter), ActiveExit: wall(v.ActiveExit),
		InactiveEnter: wall(v.InactiveEnter), InactiveExit: wall(v.InactiveExit),
		Wakes: v.Wakes, Sleeps: v.Sleeps, IdleSince: wall(v.IdleSince), Inhibited: v.Inhibited,
	}
	if u.LoadErr != nil {
		st.LoadError = u.LoadErr.String()
	}
	for i := range u.Unsupported {
		st.Unsupported = append(st.Unsupported, u.Unsupported[i].String())
	}
	if v.Job != 0 {
		st.JobType = v.JobType.String()
	}
	if v.Run != 0 {
		id := o.svc.be.Invocation(v)
		st.Invocation = hex.EncodeToString(id[:])
	}
	switch u.Kind {
	case unit.KindService:
		st.Service = serviceStatus(v, wall)
	case unit.KindSocket:
		st.Socket = &SocketStatus{Listens: append([]Listen{}, o.listens()...), Accepted: v.NAccepted, Connections: v.NConnections, Refused: v.NRefused}
	default:
	}
	return st
}

func serviceStatus(v *engine.View, wall func(engine.Time) uint64) *ServiceStatus {
	return &ServiceStatus{
		MainPid: v.MainPid, ControlPid: v.ControlPid, Status: v.StatusText, StatusErrno: v.StatusErrno, Restarts: v.NRestarts,
		ExitCode: v.MainCode, ExitStatus: v.MainStatus, MainStart: wall(v.MainStart), MainExit: wall(v.MainExit),
	}
}
