// SPDX-License-Identifier: Apache-2.0

package test

import "testing"

// TestPostStopAfterKill: what the kernel killed with its cgroup does not take
// post-stop along.
func TestPostStopAfterKill(t *testing.T) {
	t.Parallel()
	p, dir := jobs(t, map[string]string{
		"deaf.conf": "kill timeout 1\nscript\n  trap '' TERM\n  while :; do sleep 0.05; done\nend script\npost-stop exec echo done > @D/log\n",
	})
	p.ok("start", "deaf")
	p.says("deaf stop/waiting", "stop", "deaf")
	if got := text(dir, "log"); got != "done\n" {
		t.Errorf("post-stop wrote %q", got)
	}
}
