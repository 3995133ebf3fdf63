// SPDX-License-Identifier: Apache-2.0

package test

import (
	"testing"
)

// TestBootStartup: the first event, and what a job is given.
func TestBootStartup(t *testing.T) {
	t.Parallel()
	m := boot(t, map[string]string{
		"first.conf": "start on startup\ntask\nscript\necho \"first on $UPSTART_EVENTS\" >/trace\nend script\n",
		"env.conf":   "start on stopped first\ntask\nexec env\n",
		"echo.conf":  "start on stopped env\nconsole output\ntask\nexec echo to the console\n",
	}, "--logdir", "/var/log/upstart")
	m.awaits("first on startup")
	m.shows("to the console")
	t.Log(m.read("/var/log/upstart/env.log"))
	t.Log(m.in("initctl", "list"))
	t.Log(m.in("runlevel"))
	t.Log(m.in("telinit", "2"))
	t.Log(m.in("runlevel"))
	t.Log(m.in("sh", "-c", "ls -l / 2>&1; cat /proc/1/cmdline; cat /proc/mounts; for i in /proc/[0-9]*; do echo $i; cat $i/cmdline; done"))
	t.Log(m.output())
	t.Log(m.in("poweroff"))
	t.Log(m.ends().Signal())
}
