// SPDX-License-Identifier: Apache-2.0

package systemd1

import (
	"time"

	"golang.org/x/sys/unix"

	"github.com/rouse-init/rouse/internal/unit"
)

// What is not found, masked or broken has no section of its kind, and a unit
// can lose it at every reload. These stand in for it: the defaults of
// systemd.service(5), systemd.socket(5) and systemd.kill(5), which systemctl
// shows for such a unit too.
var (
	bareKill    = unit.Kill{Signal: uint8(unix.SIGTERM), FinalSignal: uint8(unix.SIGKILL), WatchdogSignal: uint8(unix.SIGABRT), SendSIGKILL: true}
	bareService = unit.Service{
		RestartSec: 100 * time.Millisecond, RestartMaxDelay: unit.Infinity, RuntimeMax: unit.Infinity,
		TimeoutStart: 90 * time.Second, TimeoutStop: 90 * time.Second,
		GuessMainPID: true, ReloadSignal: uint8(unix.SIGHUP), Kill: bareKill,
	}
	bareSocket = unit.Socket{
		Backlog: 1<<32 - 1, Mode: 0o666, DirMode: 0o755, MaxConnections: 64, Timeout: 90 * time.Second,
		TriggerInterval: 2 * time.Second, TriggerBurst: 20, PollInterval: 2 * time.Second, PollBurst: 15, Kill: bareKill,
	}
)

// service is the [Service] section. Everything about it is read through here.
func (o *object) service() *unit.Service {
	if s := o.view.Unit.Service; s != nil {
		return s
	}
	return &bareService
}

// socket is the [Socket] section, likewise.
func (o *object) socket() *unit.Socket {
	if s := o.view.Unit.Socket; s != nil {
		return s
	}
	return &bareSocket
}

// loadError is why a unit could not be loaded: the name of the D-Bus error and
// words, "" for none.
func (o *object) loadError() (name, words string) {
	u := o.view.Unit
	code, bad := loadErrors[o.view.Load]
	switch {
	case u.LoadErr != nil:
		return errorPrefix + loadErrors[u.Load], u.LoadErr.String()
	case !bad:
		return "", ""
	case o.view.Load == unit.NotFound:
		return errorPrefix + code, "Unit " + u.Name + " not found."
	case o.view.Load == unit.Masked:
		return errorPrefix + code, "Unit " + u.Name + " is masked."
	}
	return errorPrefix + code, "Unit " + u.Name + " cannot be loaded."
}
