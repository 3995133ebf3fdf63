// SPDX-License-Identifier: Apache-2.0

package launchd

import (
	"strings"
	"sync"

	"github.com/rouse-init/rouse/internal/diag"
	"github.com/rouse-init/rouse/internal/format/launchd/plist"
)

// key is what is known of one key of the dictionary.
type key struct {
	name  string
	kinds []plist.Kind
	// must: a value of another kind keeps the job from loading, as it could
	// run as another user or something else altogether.
	must bool
	// matters: the job will do less than its file says, so that it is worth a
	// warning that the key is not supported (read is nil).
	matters bool
	read    func(b *build, v *plist.Value)
	// becomes says in docs/launchd.md what it becomes, and in diagnostics why
	// it is ignored.
	becomes string
}

// keys are all keys, in the order of docs/launchd.md. Names are compared
// without regard to case, as launchd does.
var keys = sync.OnceValue(func() []key {
	const (
		str, integer, boolean = plist.String, plist.Integer, plist.Bool
		array, dict           = plist.Array, plist.Dict
	)
	of := func(kinds ...plist.Kind) []plist.Kind { return kinds }
	list := []key{
		{"Label", of(str), true, false, (*build).setLabel, "the name of the units: `LABEL.service`, `LABEL.socket`"},
		{"Disabled", of(boolean, dict), false, false, (*build).setDisabled, "nothing starts at load and no event starts the job, unless `launchctl enable` has said otherwise"},
		{"Program", of(str), true, false, (*build).setProgram, "the program of `ExecStart=`"},
		{"ProgramArguments", of(array), true, false, (*build).setArguments, "the arguments of `ExecStart=`, with argv[0]; the program where there is no `Program`"},
		{"EnableGlobbing", of(boolean), false, false, (*build).setGlobbing, "patterns in the arguments are expanded at each start, as the job's user: `ExecStart=rouse launchd-glob …`; within `RootDirectory` a warning"},
		{"UserName", of(str), true, false, (*build).setUser, "`User=`, for a manager that is root"},
		{"GroupName", of(str), true, false, (*build).setGroup, "`Group=`, for a manager that is root"},
		{"InitGroups", of(boolean), false, false, (*build).setInitGroups, "`false` has no effect: the user's groups are always set"},
		{"EnvironmentVariables", of(dict), false, false, (*build).setEnvironment, "`Environment=`"},
		{"WorkingDirectory", of(str), true, false, (*build).setDirectory, "`WorkingDirectory=`"},
		{"RootDirectory", of(str), true, false, (*build).setRoot, "`RootDirectory=`"},
		{"Umask", of(integer, str), false, false, (*build).setUmask, "`UMask=`; an integer is decimal, a string octal"},
		{"Nice", of(integer), false, false, (*build).setNice, "`Nice=`"},
		{"ProcessType", of(str), false, false, (*build).setProcessType, "Background: `Nice=10`, `IOSchedulingClass=idle`, `CPUWeight=20`; Interactive: `CPUWeight=200`; Standard and Adaptive: nothing"},
		{"LowPriorityIO", of(boolean), false, false, (*build).setLowIO, "`IOSchedulingPriority=7`"},
		{"LowPriorityBackgroundIO", of(boolean), false, false, (*build).setLowIO, "`IOSchedulingPriority=7`"},
		{"SoftResourceLimits", of(dict), false, false, (*build).setSoftLimits, "`LimitCORE=` and its kin, as the soft limit; the hard one stays unless it is lower"},
		{"HardResourceLimits", of(dict), false, false, (*build).setHardLimits, "the same, as the hard limit, and the soft one where nothing else is said"},
		{"StandardInPath", of(str), true, false, stream(0), "`StandardInput=file:`"},
		{"StandardOutPath", of(str), true, false, stream(1), "`StandardOutput=append:`; without it the unit's log"},
		{"StandardErrorPath", of(str), true, false, stream(2), "`StandardError=append:`; without it the unit's log"},
		{"KeepAlive", of(boolean, dict), false, false, (*build).setKeepAlive, "see below"},
		{"OnDemand", of(boolean), false, false, (*build).setOnDemand, "`false` is `KeepAlive`"},
		{"RunAtLoad", of(boolean), false, false, (*build).setRunAtLoad, "started with the manager: `multi-user.target` wants it, in a user's manager `default.target`"},
		{"LaunchOnlyOnce", of(boolean), false, false, (*build).setOnce, "a second start is refused until `reset-failed`"},
		{"StartInterval", of(integer), false, false, (*build).setInterval, "events `calendar`, at the same distance from midnight on; what does not divide a day is brought to what does, with a warning"},
		{"StartCalendarInterval", of(dict, array), false, false, (*build).setCalendar, "events `calendar`; with Day and Weekday two of them"},
		{"WatchPaths", of(array, str), false, false, (*build).setWatch, "events `file`: the path is created, changed, replaced or removed, or something in it if it is a directory"},
		{"QueueDirectories", of(array, str), false, false, (*build).setQueues, "events `file`; started again while any of them has something in it"},
		{"StartOnMount", of(boolean), false, false, (*build).setMount, "events `mount`: each file system that is mounted where the manager sees it"},
		{"Sockets", of(dict), false, false, (*build).setSockets, "socket units; see below"},
		{"inetdCompatibility", of(dict), false, false, (*build).setInetd, "Wait=false: `Accept=yes`, `StandardInput=socket`; Wait=true: `X-Handover=stdio`"},
		{"ThrottleInterval", of(integer), false, false, (*build).setThrottle, "how long after its last start a job may be started again, whatever asks for it; clients wait in the sockets' queues; 10 s without it"},
		{"ExitTimeOut", of(integer), false, false, (*build).setExitTimeOut, "`TimeoutStopSec=`; 20 s without it, 0 for ever"},
		{"TimeOut", of(integer), false, false, (*build).setTimeOut, "`X-IdleSec=` of the sockets: without connections for so long, the service is stopped"},
		{"AbandonProcessGroup", of(boolean), false, false, (*build).setAbandon, "`KillMode=process`; without it `control-group`"},
		{"LimitLoadToHosts", of(array, str), false, false, hosts(true), "a job of other hosts is off"},
		{"LimitLoadFromHosts", of(array, str), false, false, hosts(false), "a job that is not for this host is off"},
		{"LimitLoadToSessionType", of(array, str), false, false, (*build).setSession, "a job that is neither for System nor for Background is off; for a user's manager Aqua and StandardIO are right, too"},
		{"ServiceDescription", of(str), false, false, (*build).setDescription, "`Description=`"},
		{"MachServices", of(dict), false, false, (*build).setMach, "no effect: there is no Mach"},
	}
	return append(list, ignored()...)
})

// ignored are the keys that mean nothing here, and why.
func ignored() []key {
	const (
		mac   = "it is about macOS alone"
		never = "there is no such thing on Linux"
	)
	list := []key{
		{name: "LaunchEvents", matters: true, becomes: "these events are those of macOS"},
		{name: "WaitForDebugger", matters: true, becomes: never},
		{name: "SandboxProfile", matters: true, becomes: "a sandbox of macOS"},
		{name: "Debug", becomes: "the log is the same for all units"},
		{name: "EnableTransactions", becomes: "a service is told to end by SIGTERM first, always"},
		{name: "EnablePressuredExit", becomes: "a service is told to end by SIGTERM first, always"},
	}
	for _, name := range []string{
		"AssociatedBundleIdentifiers", "AuditSessionID", "BinaryOrderPreference", "BonjourFDs", "BeginTransactionAtShutdown", "CFBundleIdentifier",
		"HopefullyExitsFirst", "HopefullyExitsLast", "LegacyTimers", "LimitLoadFromHardware", "LimitLoadToHardware", "MachExceptionHandler",
		"MaterializeDatalessFiles", "MultipleInstances", "SandboxContainer", "SandboxFlags", "ServiceIPC", "SessionCreate", "SHAuthorizationRight", "SpawnConstraint",
	} {
		list = append(list, key{name: name, becomes: mac})
	}
	for _, name := range []string{
		"DisableASLR", "JetsamMemoryLimit", "JetsamPriority", "JetsamProperties", "POSIXSpawnType", "Quarantine", "QuarantineData", "XPCDomain",
	} {
		list = append(list, key{name: name, becomes: never})
	}
	return list
}

// find returns a key by its name, nil for none.
func find(name string) *key {
	all := keys()
	for i := range all {
		if strings.EqualFold(all[i].name, name) {
			return &all[i]
		}
	}
	return nil
}

func keyNames() []string {
	var out []string
	for _, k := range keys() {
		out = append(out, k.name)
	}
	return out
}

// nearest returns the candidate that is at most two edits away from word, or
// has the same letters but for one edit in a short one, "" for none.
func nearest(word string, candidates []string) string {
	limit := 2
	if len(word) < 6 {
		limit = 1
	}
	best := ""
	for _, c := range candidates {
		if d := diag.Distance(strings.ToLower(word), strings.ToLower(c), limit); d <= limit {
			best, limit = c, d-1
		}
	}
	if best == "" && len(word) >= shortened {
		// ProgramArgs is cut short, not misspelt.
		for _, c := range candidates {
			if n := common(strings.ToLower(word), strings.ToLower(c)); n >= shortened && n+2 >= len(word) {
				return c
			}
		}
	}
	return best
}

// shortened is how much of a word must be there for a longer one to be meant.
const shortened = 8

// common is the length of what two words begin with.
func common(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}
