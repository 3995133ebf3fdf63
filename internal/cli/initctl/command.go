// SPDX-License-Identifier: Apache-2.0

package initctl

import "github.com/rouse-init/rouse/internal/bus/client"

// command is one command of initctl. Opts are the letters of those options
// that it has besides the global ones.
type command struct {
	name, args, opts string
	group            string
	short, long      string
	run              func(*run, []string) error
}

// The groups that `initctl help` shows, in its order.
const (
	groupJobs   = "Job"
	groupEvents = "Event"
	groupEnv    = "Environment"
	groupOther  = "Other"
)

const (
	jobArgs = "JOB [KEY=VALUE]..."

	aboutInstances = "The variables become part of the job's environment. Where a job has an instance\nstanza they also say which of its instances is meant."
	aboutOwn       = "In a process of a job the name may be left out; that job is meant then, and the\ncommand does not wait."
)

var commands = []command{
	{
		"start", jobArgs, "n", groupJobs, "Start job.",
		aboutInstances + "\n\n" + aboutOwn, startCmd,
	},
	{
		"stop", jobArgs, "n", groupJobs, "Stop job.",
		aboutInstances + "\n\n" + aboutOwn, stopCmd,
	},
	{
		"restart", jobArgs, "n", groupJobs, "Restart job.",
		aboutInstances + "\n\n" + aboutOwn, restartCmd,
	},
	{
		"reload", jobArgs, "", groupJobs, "Send HUP signal to job.",
		"The signal is that of the job's \"reload signal\" stanza, for its main process only.\n\n" + aboutOwn, reloadCmd,
	},
	{
		"status", jobArgs, "", groupJobs, "Query status of job.",
		"Prints goal and state, and the processes that live. \"rouse status JOB\" knows more,\nand \"rouse why JOB\" the reasons.", statusCmd,
	},
	{"list", "", "", groupJobs, "List known jobs.", "Prints the status of every job and of every instance.", listCmd},
	{
		"emit", "EVENT [KEY=VALUE]...", "n", groupEvents, "Emit an event.",
		"Any name will do. Returns when all that the event started or stopped has got there.", emitCmd,
	},
	{"get-env", "VARIABLE", "g", groupEnv, "Retrieve value of a job environment variable.", "", getEnvCmd},
	{"list-env", "", "g", groupEnv, "Show all job environment variables.", "", listEnvCmd},
	{"reset-env", "", "g", groupEnv, "Revert all job environment variable changes.", "", resetEnvCmd},
	{"set-env", "VARIABLE[=VALUE]...", "gr", groupEnv, "Set one or more job environment variables.", "", setEnvCmd},
	{"unset-env", "VARIABLE...", "g", groupEnv, "Remove one or more job environment variables.", "", unsetEnvCmd},
	{
		"reload-configuration", "", "", groupOther, "Reload the configuration of the init daemon.",
		"This is rarely needed: changes are noticed. No job is started by it.", simple((*client.Upstart).ReloadConfiguration),
	},
	{"version", "", "", groupOther, "Request the version of the init daemon.", "", versionCmd},
	{
		"log-priority", "[PRIORITY]", "", groupOther, "Change the minimum priority of log messages.",
		"PRIORITY is debug, info, message, warn, error or fatal; without it, the present one\nis printed.", logPriorityCmd,
	},
	{"show-config", "[CONF]", "e", groupOther, "Show emits, start on and stop on of jobs.", "", showConfigCmd},
	{"check-config", "[CONF]", "iw", groupOther, "Look for jobs that can never be started or stopped.", "", checkConfigCmd},
	{"usage", "JOB", "", groupOther, "Show the usage message of a job.", "", usageCmd},
	{
		"notify-cgroup-manager-address", "ADDRESS", "", groupOther, "Tell where the cgroup manager listens.",
		"", withArgument("address", (*client.Upstart).NotifyCGroupManagerAddress),
	},
	{
		"notify-dbus-address", "ADDRESS", "", groupOther, "Tell the address of the D-Bus bus to use.",
		"", withArgument("D-Bus address", (*client.Upstart).NotifyDBusAddress),
	},
	{
		"notify-disk-writeable", "", "", groupOther, "Tell that the disk can be written to.",
		"", simple((*client.Upstart).NotifyDiskWriteable),
	},
	{"list-sessions", "", "", groupOther, "List all sessions.", "", listSessionsCmd},
}

func init() {
	commands = append(commands, command{"help", "", "", groupOther, "display list of commands", "", helpCmd})
}
