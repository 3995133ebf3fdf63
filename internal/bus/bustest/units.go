// SPDX-License-Identifier: Apache-2.0

package bustest

import (
	"time"

	"github.com/rouse-init/rouse/internal/diag"
	"github.com/rouse-init/rouse/internal/engine"
	"github.com/rouse-init/rouse/internal/unit"
)

// Fill adds the section that the kind needs, with systemd's defaults.
func Fill(u *unit.Unit) {
	kill := unit.Kill{Signal: 15, FinalSignal: 9, WatchdogSignal: 6, SendSIGKILL: true}
	switch u.Kind {
	case unit.KindService:
		u.Slice = "system.slice"
		u.Service = &unit.Service{
			TimeoutStart: 90 * time.Second, TimeoutStop: 90 * time.Second, RestartSec: 100 * time.Millisecond,
			RestartMaxDelay: unit.Infinity, RuntimeMax: unit.Infinity, GuessMainPID: true, ReloadSignal: 1, Kill: kill,
			Exec: &unit.Exec{Umask: -1, IgnoreSIGPIPE: true},
		}
	case unit.KindSocket:
		u.Slice = "system.slice"
		u.Socket = &unit.Socket{
			IdleSec: unit.Infinity, Mode: 0o666, DirMode: 0o755, Backlog: 1<<32 - 1, MaxConnections: 64, Kill: kill, Timeout: 90 * time.Second,
			TriggerInterval: 2 * time.Second, PollInterval: 2 * time.Second, TriggerBurst: 20, PollBurst: 15,
		}
	default:
	}
	u.DefaultDependencies = true
	u.FailureActionExit, u.SuccessActionExit = -1, -1
	u.StartLimitInterval, u.StartLimitBurst = 10*time.Second, 5
}

// New is a manager with a few units in all the states that clients show.
func New() *Fake {
	f := &Fake{Upstart: NewJobs(), Views: make(map[string]*engine.View), Lines: make(map[string][]string), Env: []string{"LANG=C.UTF-8", "PATH=/usr/bin:/bin"}}
	add := func(name, description string) *engine.View {
		u := &unit.Unit{Name: name, Kind: unit.KindOf(name), Description: description}
		if u.Kind == unit.KindService || u.Kind == unit.KindSocket {
			u.Fragment = "/lib/systemd/system/" + name
		}
		Fill(u)
		return f.Add(u)
	}
	active := func(v *engine.View, sub string) {
		v.Active, v.Sub, v.Run = engine.Active, sub, 1
		v.ActiveEnter, v.StateChange, v.InactiveExit = engine.Time(3*time.Second), engine.Time(3*time.Second), engine.Time(3*time.Second)
	}

	web := add("web.service", "Web \u2603 server")
	active(web, "running")
	web.MainPid, web.MainStart, web.StatusText, web.Wakes, web.Cause = 4711, engine.Time(3*time.Second), "Serving", 3, "web.socket was knocked on"
	web.LastMainPid = web.MainPid
	web.Unit.Documentation = []string{"man:web(8)", "https://example.org/web"}
	web.Unit.Service.Type = unit.TypeNotify
	web.Unit.Service.Commands = []unit.Command{
		{Phase: unit.PhaseStart, Path: "/usr/bin/web", Args: []string{"/usr/bin/web", "--serve"}},
		{Phase: unit.PhaseReload, Path: "/bin/kill", Args: []string{"kill", "-HUP", "$MAINPID"}, IgnoreFailure: true},
	}
	web.Unit.Service.Exec.Environment = []string{"A=1", "B=two words"}
	web.Unit.Deps = []unit.Dep{{Kind: unit.Requires, Name: "db.service"}, {Kind: unit.After, Name: "db.service"}, {Kind: unit.After, Name: "web.socket", Implicit: true}}
	web.Unit.Unsupported = []diag.Diagnostic{{Pos: diag.Pos{File: "/lib/systemd/system/web.service", Line: 9, Col: 1}, Severity: diag.Warning, Code: "RS014", Msg: "IOWeight= is not supported, ignoring"}}
	f.Lines["web.service"] = []string{"listening on :8080", "ready"}

	socket := add("web.socket", "Web socket")
	active(socket, "running")
	socket.Unit.Socket.Service = "web.service"
	socket.Unit.Socket.Listens = []unit.Listen{{Kind: unit.ListenStream, Address: "127.0.0.1:8080"}, {Kind: unit.ListenStream, Address: "/run/web.sock"}}
	socket.Unit.Socket.IdleSec, socket.Unit.Socket.IdleAction = 10*time.Minute, unit.IdleFreeze
	socket.Unit.Deps = []unit.Dep{{Kind: unit.Triggers, Name: "web.service"}, {Kind: unit.Before, Name: "web.service", Implicit: true}}
	socket.NAccepted, socket.NConnections, socket.Wakes, socket.Sleeps = 7, 1, 3, 2

	active(add("db.service", "Database"), "running")
	f.Views["db.service"].MainPid, f.Views["db.service"].LastMainPid = 4712, 4712

	broken := add("broken.service", "Always fails")
	broken.Active, broken.Sub, broken.Result, broken.MainCode, broken.MainStatus = engine.Failed, "failed", "exit-code", 1, 203
	broken.Failure = "/lib/systemd/system/broken.service:5:11: broken.service: cannot start: exec \"/usr/bin/wbe\": no such file or directory"
	broken.StateChange, broken.InactiveEnter = engine.Time(4*time.Second), engine.Time(4*time.Second)
	f.Lines["broken.service"] = []string{"first line", "last words"}

	add("asleep.service", "Sleeps")
	add("hang.service", "Never starts")
	add("stale.service", "Changed on disk")
	add("web@.service", "Template")
	add("masked.service", "masked.service").Load = unit.Masked
	missing := add("missing.service", "missing.service")
	missing.Load, missing.Unit.Fragment = unit.NotFound, ""
	active(add("multi-user.target", "Multi-User System"), "active")
	f.Views["multi-user.target"].Unit.Deps = []unit.Dep{{Kind: unit.Wants, Name: "web.service"}, {Kind: unit.Wants, Name: "broken.service"}}
	active(add("system.slice", "System Slice"), "active")
	active(add("-.slice", "Root Slice"), "active")
	return f
}
