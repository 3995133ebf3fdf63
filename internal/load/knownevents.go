// SPDX-License-Identifier: Apache-2.0

package load

// KnownEvent is an event that no job has to emit.
type KnownEvent struct {
	Name string // a glob
	By   string // who emits it
	// Vars are the variables that it carries, separated by blanks: those of
	// the manuals, a glob for numbered ones. Open: others may come with them.
	Vars string
	Open bool
}

// KnownEvents are the well-known events of upstart-events(7), of init(8) and
// its bridges, and of rouse itself. The emitters are those of the systems that
// the jobs were written for; where one of them is absent its event never
// comes, and that is no fault of the job.
func KnownEvents() []KnownEvent { return knownEvents }

var knownEvents = []KnownEvent{
	{Name: "startup", By: "rouse"},
	{Name: "starting", By: "rouse", Vars: "JOB INSTANCE"},
	{Name: "started", By: "rouse", Vars: "JOB INSTANCE"},
	{Name: "stopping", By: "rouse", Vars: "JOB INSTANCE RESULT PROCESS EXIT_STATUS EXIT_SIGNAL"},
	{Name: "stopped", By: "rouse", Vars: "JOB INSTANCE RESULT PROCESS EXIT_STATUS EXIT_SIGNAL"},
	{Name: "control-alt-delete", By: "rouse"},
	{Name: "keyboard-request", By: "rouse"},
	{Name: "kbdrequest", By: "rouse"}, // its name before 0.6
	{Name: "power-status-changed", By: "rouse"},
	{Name: "session-end", By: "rouse", Vars: "TYPE"},
	{Name: "child-subreaper-failed", By: "rouse"},
	{Name: "runlevel", By: "telinit, shutdown", Vars: "RUNLEVEL PREVLEVEL INIT_HALT", Open: true},
	{Name: "idle", By: "rouse"},
	{Name: "calendar", By: "rouse", Vars: "SPEC TIME"},
	{Name: "mount", By: "rouse", Vars: "MOUNTPOINT TYPE DEVICE"},

	{Name: "socket", By: "rouse (upstart-socket-bridge)", Vars: "PROTO PORT ADDR SOCKET_PATH PATH"},
	{Name: "file", By: "rouse (upstart-file-bridge)", Vars: "FILE EVENT MATCH"},
	{Name: "dbus", By: "rouse (upstart-dbus-bridge)", Vars: "SIGNAL BUS INTERFACE OBJPATH SENDER DESTINATION ARG[0-9] ARG[0-9][0-9]"},
	{Name: "dbus-activation", By: "rouse (dbus-daemon)", Vars: "NAME BUS"},
	{Name: "*-device-added", By: "rouse (upstart-udev-bridge)", Vars: "KERNEL DEVPATH DEVNAME SUBSYSTEM ACTION", Open: true},
	{Name: "*-device-changed", By: "rouse (upstart-udev-bridge)", Vars: "KERNEL DEVPATH DEVNAME SUBSYSTEM ACTION", Open: true},
	{Name: "*-device-removed", By: "rouse (upstart-udev-bridge)", Vars: "KERNEL DEVPATH DEVNAME SUBSYSTEM ACTION", Open: true},
	{Name: "dconf", By: "upstart-dconf-bridge", Vars: "TYPE KEY VALUE"},
	{Name: ":sys:*", By: "upstart-event-bridge", Open: true},

	{Name: "mounting", By: "mountall", Vars: "DEVICE MOUNTPOINT TYPE OPTIONS", Open: true},
	{Name: "mounted", By: "mountall", Vars: "DEVICE MOUNTPOINT TYPE OPTIONS", Open: true},
	{Name: "virtual-filesystems", By: "mountall", Open: true},
	{Name: "local-filesystems", By: "mountall", Open: true},
	{Name: "remote-filesystems", By: "mountall", Open: true},
	{Name: "filesystem", By: "mountall", Open: true},
	{Name: "all-swaps", By: "mountall", Open: true},
	{Name: "device-not-ready", By: "mountall", Vars: "DEVICE MOUNTPOINT TYPE OPTIONS", Open: true},

	{Name: "net-device-up", By: "ifup", Vars: "IFACE LOGICAL ADDRFAM METHOD", Open: true},
	{Name: "net-device-down", By: "ifdown", Vars: "IFACE LOGICAL ADDRFAM METHOD", Open: true},
	{Name: "static-network-up", By: "ifup", Open: true},
	{Name: "deconfiguring-networking", By: "the networking script", Open: true},
	{Name: "unmounted-remote-filesystems", By: "the umountnfs script", Open: true},

	{Name: "container", By: "the container-detect job", Open: true},
	{Name: "not-container", By: "the container-detect job", Open: true},
	{Name: "failsafe-boot", By: "the failsafe job", Open: true},
	{Name: "recovery", By: "the boot loader", Open: true},
	{Name: "rotate-logs", By: "cron", Open: true},
	{Name: "login-session-start", By: "the display manager", Open: true},
	{Name: "desktop-session-start", By: "the display manager", Open: true},
	{Name: "desktop-shutdown", By: "the display manager", Open: true},
	{Name: "desktop-start", By: "the session", Open: true},
	{Name: "desktop-end", By: "the session", Open: true},
	{Name: "xsession", By: "the session", Open: true},
}

// jobEvents are the events of init(5) that name a job.
var jobEvents = map[string]bool{"starting": true, "started": true, "stopping": true, "stopped": true}
