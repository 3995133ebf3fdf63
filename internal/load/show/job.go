// SPDX-License-Identifier: Apache-2.0

package show

import (
	"fmt"
	"strings"

	"github.com/rouse-init/rouse/internal/format/upstart"
	"github.com/rouse-init/rouse/internal/unit"
)

// job prints what only Upstart jobs have, under rouse's own names; systemd
// has no properties for it.
func (l *list) job(u *unit.Unit) {
	j := u.Service.Job
	if j == nil {
		return
	}
	l.add("X-Job", j.Name)
	l.add("X-Author", j.Author)
	l.add("X-Version", j.Version)
	l.add("X-Usage", j.Usage)
	l.add("X-Instance", j.Instance)
	l.flag("X-Task", j.Task)
	l.flag("X-Manual", j.Manual)
	l.add("X-Expect", pick(int(j.Expect), "none", "stop", "fork", "daemon", "listen"))
	l.span("X-ExpectTimeoutUSec", j.ExpectTimeout)
	l.flag("X-Respawn", j.Respawn)
	l.add("X-RespawnLimit", respawnLimit(j))
	l.add("X-NormalExit", exitSet(j.NormalExit))
	l.add("X-Console", j.Console)
	if e := u.Events; e != nil {
		l.add("X-StartOn", upstart.FormatExpr(e.StartOn))
		l.add("X-StopOn", upstart.FormatExpr(e.StopOn))
		l.add("X-Emits", strings.Join(e.Emits, " "))
		l.add("X-Export", strings.Join(e.Export, " "))
	}
	for _, s := range j.Stanzas {
		l.add("X-Stanza", s.Text)
	}
}

// respawnLimit is as the stanza says it: "10 in 5s".
func respawnLimit(j *unit.Job) string {
	if j.RespawnCount == 0 {
		return "unlimited"
	}
	return fmt.Sprintf("%d in %s", j.RespawnCount, Span(j.RespawnInterval))
}

// Restarts is the Restart= of a service, or what its respawn stanza amounts
// to: a service is respawned whatever its end, a task only after a failure.
func Restarts(s *unit.Service) unit.RestartPolicy {
	switch {
	case s.Job == nil || !s.Job.Respawn:
		return s.Restart
	case s.Job.Task:
		return unit.RestartOnFailure
	}
	return unit.RestartAlways
}
