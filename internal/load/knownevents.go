// SPDX-License-Identifier: Apache-2.0

package load

// KnownEvent is an event that no job has to emit.
type KnownEvent struct {
	Name string // a glob
	By   string // who emits it
}

// KnownEvents are the well-known events of upstart-events(7), of init(8) and
// its bridges, and of rouse itself. The emitters are those of the systems that
// the jobs were written for; where one of them is absent its event never
// comes, and that is no fault of the job.
func KnownEvents() []KnownEvent { return knownEvents }

var knownEvents = []KnownEvent{
	{"startup", "rouse"},
	{"starting", "rouse"},
	{"started", "rouse"},
	{"stopping", "rouse"},
	{"stopped", "rouse"},
	{"control-alt-delete", "rouse"},
	{"keyboard-request", "rouse"},
	{"kbdrequest", "rouse"}, // its name before 0.6
	{"power-status-changed", "rouse"},
	{"session-end", "rouse"},
	{"child-subreaper-failed", "rouse"},
	{"runlevel", "telinit, shutdown"},
	{"idle", "rouse"},
	{"calendar", "rouse"},

	{"socket", "rouse (upstart-socket-bridge)"},
	{"file", "rouse (upstart-file-bridge)"},
	{"dbus", "rouse (upstart-dbus-bridge)"},
	{"dbus-activation", "rouse (dbus-daemon)"},
	{"*-device-added", "rouse (upstart-udev-bridge)"},
	{"*-device-changed", "rouse (upstart-udev-bridge)"},
	{"*-device-removed", "rouse (upstart-udev-bridge)"},
	{"dconf", "upstart-dconf-bridge"},
	{":sys:*", "upstart-event-bridge"},

	{"mounting", "mountall"},
	{"mounted", "mountall"},
	{"virtual-filesystems", "mountall"},
	{"local-filesystems", "mountall"},
	{"remote-filesystems", "mountall"},
	{"filesystem", "mountall"},
	{"all-swaps", "mountall"},
	{"device-not-ready", "mountall"},

	{"net-device-up", "ifup"},
	{"net-device-down", "ifdown"},
	{"static-network-up", "ifup"},
	{"deconfiguring-networking", "the networking script"},
	{"unmounted-remote-filesystems", "the umountnfs script"},

	{"container", "the container-detect job"},
	{"not-container", "the container-detect job"},
	{"failsafe-boot", "the failsafe job"},
	{"recovery", "the boot loader"},
	{"rotate-logs", "cron"},
	{"login-session-start", "the display manager"},
	{"desktop-session-start", "the display manager"},
	{"desktop-shutdown", "the display manager"},
	{"desktop-start", "the session"},
	{"desktop-end", "the session"},
	{"xsession", "the session"},
}

// jobEvents are the events of init(5) that name a job.
var jobEvents = map[string]bool{"starting": true, "started": true, "stopping": true, "stopped": true}
