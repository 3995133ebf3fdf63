// SPDX-License-Identifier: Apache-2.0

package systemd1

import (
	"github.com/rouse-init/rouse/internal/engine"
	"github.com/rouse-init/rouse/internal/unit"
)

// The words of systemd for the values of the model, by value.
var (
	loadStates    = [...]string{unit.Loaded: "loaded", unit.NotFound: "not-found", unit.BadSetting: "bad-setting", unit.LoadFailed: "error", unit.Masked: "masked", unit.Stub: "stub"}
	verbs         = [...]string{engine.Start: "start", engine.VerifyActive: "verify-active", engine.Stop: "stop", engine.Reload: "reload", engine.Restart: "restart", engine.TryRestart: "try-restart", engine.ReloadOrStart: "reload-or-start", engine.ReloadOrRestart: "reload-or-restart", engine.TryReloadOrRestart: "try-reload-or-restart", engine.Nop: "nop"}
	jobModes      = [...]string{unit.ModeReplace: "replace", unit.ModeFail: "fail", unit.ModeReplaceIrreversibly: "replace-irreversibly", unit.ModeIsolate: "isolate", unit.ModeFlush: "flush", unit.ModeIgnoreDependencies: "ignore-dependencies", unit.ModeIgnoreRequirements: "ignore-requirements", unit.ModeTriggering: "triggering", unit.ModeRestartDependencies: "restart-dependencies"}
	actions       = [...]string{unit.ActionNone: "none", unit.ActionReboot: "reboot", unit.ActionRebootForce: "reboot-force", unit.ActionRebootImmediate: "reboot-immediate", unit.ActionPoweroff: "poweroff", unit.ActionPoweroffForce: "poweroff-force", unit.ActionPoweroffImmediate: "poweroff-immediate", unit.ActionExit: "exit", unit.ActionExitForce: "exit-force", unit.ActionSoftReboot: "soft-reboot", unit.ActionSoftRebootForce: "soft-reboot-force", unit.ActionKexec: "kexec", unit.ActionKexecForce: "kexec-force", unit.ActionHalt: "halt", unit.ActionHaltForce: "halt-force", unit.ActionHaltImmediate: "halt-immediate"}
	collectModes  = [...]string{unit.CollectInactive: "inactive", unit.CollectInactiveOrFailed: "inactive-or-failed"}
	serviceTypes  = [...]string{unit.TypeSimple: "simple", unit.TypeExec: "exec", unit.TypeForking: "forking", unit.TypeOneshot: "oneshot", unit.TypeDBus: "dbus", unit.TypeNotify: "notify", unit.TypeNotifyReload: "notify-reload", unit.TypeIdle: "idle"}
	exitTypes     = [...]string{unit.ExitMain: "main", unit.ExitCgroup: "cgroup"}
	restarts      = [...]string{unit.RestartNo: "no", unit.RestartOnSuccess: "on-success", unit.RestartOnFailure: "on-failure", unit.RestartOnAbnormal: "on-abnormal", unit.RestartOnWatchdog: "on-watchdog", unit.RestartOnAbort: "on-abort", unit.RestartAlways: "always"}
	restartModes  = [...]string{unit.RestartNormal: "normal", unit.RestartDirect: "direct", unit.RestartDebug: "debug"}
	notifyAccess  = [...]string{unit.NotifyNone: "none", unit.NotifyMain: "main", unit.NotifyExec: "exec", unit.NotifyAll: "all"}
	timeoutModes  = [...]string{unit.TimeoutTerminate: "terminate", unit.TimeoutAbort: "abort", unit.TimeoutKill: "kill"}
	oomPolicies   = [...]string{unit.OOMStop: "stop", unit.OOMContinue: "continue", unit.OOMKill: "kill"}
	preserveModes = [...]string{unit.PreserveRestart: "restart", unit.PreserveNo: "no", unit.PreserveYes: "yes"}
	killModes     = [...]string{unit.KillControlGroup: "control-group", unit.KillMixed: "mixed", unit.KillProcess: "process", unit.KillNone: "none"}
	ipv6Modes     = [...]string{unit.IPv6Default: "default", unit.IPv6Both: "both", unit.IPv6Only: "ipv6-only"}
	listenKinds   = [...]string{unit.ListenStream: "Stream", unit.ListenDatagram: "Datagram", unit.ListenSeqpacket: "SequentialPacket", unit.ListenFIFO: "FIFO", unit.ListenSpecial: "Special", unit.ListenNetlink: "Netlink", unit.ListenMessageQueue: "MessageQueue", unit.ListenUSBFunction: "USBFunction"}
	idleActions   = [...]string{unit.IdleStop: "stop", unit.IdleFreeze: "freeze"}
	handovers     = [...]string{unit.HandoverPass: "pass", unit.HandoverStdio: "stdio", unit.HandoverBind: "bind", unit.HandoverBoth: "both", unit.HandoverBridge: "bridge"}
	stdioKinds    = [...]string{unit.StdioDefault: "", unit.StdioNull: "null", unit.StdioInherit: "inherit", unit.StdioTTY: "tty", unit.StdioTTYForce: "tty-force", unit.StdioTTYFail: "tty-fail", unit.StdioData: "data", unit.StdioFile: "file", unit.StdioAppend: "append", unit.StdioTruncate: "truncate", unit.StdioSocket: "socket", unit.StdioFD: "fd", unit.StdioJournal: "journal", unit.StdioKmsg: "kmsg", unit.StdioJournalConsole: "journal+console", unit.StdioKmsgConsole: "kmsg+console"}
	whoms         = [...]string{WhomAll: "all", WhomMain: "main", WhomControl: "control", WhomMainFail: "main-fail", WhomControlFail: "control-fail", WhomAllFail: "all-fail"}
)

// word is names[v], or "" for a value that is not in the table, so that a
// value that is added to the model cannot bring the manager down.
func word[T ~uint8](names []string, v T) string {
	if int(v) < len(names) {
		return names[v]
	}
	return ""
}

// value finds the number of a word.
func value[T ~uint8](names []string, w string) (T, bool) {
	for i, n := range names {
		if n == w && n != "" {
			return T(i), true
		}
	}
	return 0, false
}

// VerbName is the job type as systemd names it.
func VerbName(v engine.Verb) string { return word(verbs[:], v) }

// LoadName is the load state as systemd names it.
func LoadName(s unit.LoadState) string { return word(loadStates[:], s) }

// ErrorName is the full name of a refusal's error on the bus.
func ErrorName(code string) string { return errorPrefix + code }
