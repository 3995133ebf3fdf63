// SPDX-License-Identifier: Apache-2.0

package engine

// serviceState is where a service is in its life; the names are systemd's.
// The order matters: see the predicates below.
type serviceState uint8

const (
	svcDead serviceState = iota

	// On the way up. svcStarting is a gate: it is left in the Step that enters
	// it, unless something reacts to the event.
	svcStarting
	svcCondition
	svcStartPre
	svcStart
	svcStartPost

	// Up.
	svcRunning
	svcExited
	svcReload
	svcReloadSignal
	svcReloadNotify

	// svcPreStop may still be taken back (pre-stop of init(5)).
	svcPreStop

	// On the way down. svcStopping is the other gate.
	svcStopping
	svcStop
	svcStopWatchdog
	svcStopSigterm
	svcStopSigkill
	svcStopPost
	svcFinalWatchdog
	svcFinalSigterm
	svcFinalSigkill

	// Down.
	svcDeadPinned
	svcFailed
	svcDeadBeforeRestart
	svcFailedBeforeRestart
	svcAutoRestart
	svcAutoRestartQueued
)

func (s serviceState) starting() bool { return s >= svcStarting && s <= svcStartPost }
func (s serviceState) up() bool       { return s >= svcRunning && s <= svcReloadNotify }
func (s serviceState) reloading() bool {
	return s >= svcReload && s <= svcReloadNotify
}
func (s serviceState) stopping() bool { return s >= svcStopping && s <= svcFinalSigkill }
func (s serviceState) down() bool     { return s == svcDead || s >= svcDeadPinned }

// busy states are those in which processes of the unit may be alive.
func (s serviceState) busy() bool { return !s.down() && s != svcExited }

// ready states are those in which the watchdog runs (sd_watchdog_enabled(3)).
func (s serviceState) ready() bool {
	return s == svcStartPost || s == svcRunning || s.reloading()
}

// timed states may have TimerState running.
func (s serviceState) timed() bool {
	return s.starting() || s.reloading() || s.stopping() || s == svcAutoRestart || s == svcPreStop
}

func (s serviceState) String() string {
	switch s {
	case svcDead:
		return "dead"
	case svcStarting:
		return "starting"
	case svcCondition:
		return "condition"
	case svcStartPre:
		return "start-pre"
	case svcStart:
		return "start"
	case svcStartPost:
		return "start-post"
	case svcRunning:
		return "running"
	case svcExited:
		return "exited"
	case svcReload:
		return "reload"
	case svcReloadSignal:
		return "reload-signal"
	case svcReloadNotify:
		return "reload-notify"
	case svcPreStop:
		return "pre-stop"
	case svcStopping:
		return "stopping"
	case svcStop:
		return "stop"
	case svcStopWatchdog:
		return "stop-watchdog"
	case svcStopSigterm:
		return "stop-sigterm"
	case svcStopSigkill:
		return "stop-sigkill"
	case svcStopPost:
		return "stop-post"
	case svcFinalWatchdog:
		return "final-watchdog"
	case svcFinalSigterm:
		return "final-sigterm"
	case svcFinalSigkill:
		return "final-sigkill"
	case svcDeadPinned:
		return "dead-resources-pinned"
	case svcFailed:
		return "failed"
	case svcDeadBeforeRestart:
		return "dead-before-auto-restart"
	case svcFailedBeforeRestart:
		return "failed-before-auto-restart"
	case svcAutoRestart:
		return "auto-restart"
	case svcAutoRestartQueued:
		return "auto-restart-queued"
	}
	return "unknown"
}

// active maps the state to what all kinds have. Services of Type=idle count
// as active from the start on, so that no job waits for them.
func (s serviceState) active(idle bool) ActiveState {
	switch {
	case s.starting():
		if idle {
			return Active
		}
		return Activating
	case s == svcRunning, s == svcExited:
		return Active
	case s.reloading():
		return Reloading
	case s.stopping(), s == svcPreStop:
		return Deactivating
	case s == svcFailed, s == svcFailedBeforeRestart:
		return Failed
	case s == svcAutoRestart, s == svcAutoRestartQueued:
		return Activating
	}
	return Inactive
}

// result is why a run of a unit ended as it did (Result= of systemctl show).
type result uint8

const (
	resSuccess result = iota
	resResources
	resProtocol
	resTimeout
	resExitCode
	resSignal
	resCoreDump
	resWatchdog
	resStartLimit
	resOOM
	resCondition
)

func (r result) String() string {
	switch r {
	case resSuccess:
		return "success"
	case resResources:
		return "resources"
	case resProtocol:
		return "protocol"
	case resTimeout:
		return "timeout"
	case resExitCode:
		return "exit-code"
	case resSignal:
		return "signal"
	case resCoreDump:
		return "core-dump"
	case resWatchdog:
		return "watchdog"
	case resStartLimit:
		return "start-limit-hit"
	case resOOM:
		return "oom-kill"
	case resCondition:
		return "exec-condition"
	}
	return "unknown"
}

// said is the last word of a service about itself by sd_notify(3).
type said uint8

const (
	saidNothing said = iota
	saidReady
	saidReloading
	saidStopping
)
