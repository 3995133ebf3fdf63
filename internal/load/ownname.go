// SPDX-License-Identifier: Apache-2.0

package load

import (
	"fmt"
	"slices"
)

// InitctlNames and SysvNames are the other names of rouse, by which jobs call
// Upstart's programs.
var (
	InitctlNames = []string{"initctl", "start", "stop", "restart", "reload", "status"}
	SysvNames    = []string{"telinit", "runlevel", "shutdown", "reboot", "halt", "poweroff"}
)

// OwnNameFix says how to come by a program that is rouse under another name,
// "" for others.
func OwnNameFix(name string) string {
	instead := "rouse " + name
	switch {
	case slices.Contains(InitctlNames[1:], name):
		instead = "rouse initctl " + name // start alone is systemctl's
	case name != "initctl" && !slices.Contains(SysvNames, name):
		return ""
	}
	return fmt.Sprintf(`it is a name of rouse: ln -s "$(command -v rouse)" /usr/local/bin/%s, or write %s`, name, instead)
}
