// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"github.com/spf13/cobra"

	"github.com/rouse-init/rouse/internal/bus/client"
)

// verb is a command that is made when it is needed.
type verb struct {
	name    string
	command func(*app) *cobra.Command
}

var verbs = []verb{
	{"start", startCommand},
	{"stop", stopCommand},
	{"restart", restartCommand},
	{"try-restart", tryRestartCommand},
	{"reload", reloadCommand},
	{"reload-or-restart", reloadOrRestartCommand},
	{"try-reload-or-restart", tryReloadOrRestartCommand},
	{"isolate", isolateCommand},
	{"kill", killCommand},
	{"freeze", freezeCommand},
	{"thaw", thawCommand},
	{"status", statusCommand},
	{"show", showCommand},
	{"cat", catCommand},
	{"is-active", isActiveCommand},
	{"is-failed", isFailedCommand},
	{"is-enabled", isEnabledCommand},
	{"is-system-running", isSystemRunningCommand},
	{"list-units", listUnitsCommand},
	{"list-sockets", listSocketsCommand},
	{"list-sleeping", listSleepingCommand},
	{"list-jobs", listJobsCommand},
	{"list-dependencies", listDependenciesCommand},
	{"list-unit-files", listUnitFilesCommand},
	{"cancel", cancelCommand},
	{"reset-failed", resetFailedCommand},
	{"daemon-reload", daemonReloadCommand},
	{"daemon-reexec", daemonReexecCommand},
	{"enable", enableCommand},
	{"disable", disableCommand},
	{"reenable", reenableCommand},
	{"mask", maskCommand},
	{"unmask", unmaskCommand},
	{"preset", presetCommand},
	{"preset-all", presetAllCommand},
	{"add-wants", addWantsCommand},
	{"add-requires", addRequiresCommand},
	{"link", linkCommand},
	{"revert", revertCommand},
	{"set-default", setDefaultCommand},
	{"get-default", getDefaultCommand},
	{"verify", verifyCommand},
	{"convert", convertCommand},
	{"logs", logsCommand},
	{"why", whyCommand},
	{"events", eventsCommand},
	{"initctl", initctlCommand},
	{"init-checkconf", checkconfCommand},
	{"launchctl", launchctlCommand},
	{"inetd", inetdCommand},
	{"xinetd", xinetdCommand},
	{"telinit", sysvCommand("telinit", "Change the runlevel, as telinit(8) does")},
	{"runlevel", sysvCommand("runlevel", "Print the runlevel, as runlevel(8) does")},
	{"shutdown", sysvCommand("shutdown", "Bring the machine down, as Upstart's shutdown(8) does")},
	{"reboot", sysvCommand("reboot", "Reboot the machine, as Upstart's reboot(8) does")},
	{"halt", sysvCommand("halt", "Halt the machine, as Upstart's halt(8) does")},
	{"poweroff", sysvCommand("poweroff", "Power off the machine, as Upstart's poweroff(8) does")},
}

// DefaultSocket is where the manager of this user listens.
func DefaultSocket() (string, error) { return client.DefaultSocket() }

// RuntimeDir is the directory of this user's manager, made where create is
// true; an error says that somebody else owns it.
func RuntimeDir(create bool) (string, error) { return client.RuntimeDir(create) }
