// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rouse-init/rouse/internal/bus/client"
	"github.com/rouse-init/rouse/internal/format/upstart"
	"github.com/rouse-init/rouse/internal/unit"
)

// jobLines are what an Upstart job has besides: its goal and state in the
// words of initctl, how often it was respawned, and what was noticed.
func (a *app) jobLines(p client.Props) {
	id := p.Text("Id")
	job := jobName(id, p.Text("FragmentPath"))
	if job == "" {
		return
	}
	if s := a.jobState(job, unit.Split(id).Instance); s != "" {
		a.line("Job", "%s", visible(s))
	}
	if n := p.Number("NRestarts"); n > 0 {
		times := "once"
		if n > 1 {
			times = fmt.Sprintf("%d times", n)
		}
		if at := p.Number("ExecMainStartTimestamp"); at != 0 {
			times += ", the last " + ago(at)
		}
		a.line("Respawned", "%s", times)
	}
	// A manager that does not answer this is no reason to show nothing.
	if x, err := a.conn.Why(id); err == nil {
		told := func(n string) bool { return strings.HasPrefix(n, "respawned ") || strings.HasPrefix(n, "not loaded: ") } // above
		for _, n := range slices.DeleteFunc(x.Notes, told) {
			a.more("Note", visibleLines(n))
		}
	}
}

// jobState is "start/running", "" where the manager does not tell.
func (a *app) jobState(job, instance string) string {
	name, err := unit.Unescape(instance)
	if err != nil {
		return ""
	}
	i, err := a.conn.Upstart().Job(job).InstanceByName(name)
	if client.IsUpstartError(err, "UnknownInstance") {
		return "stop/waiting"
	}
	if err != nil {
		return ""
	}
	s, err := i.Status()
	if err != nil {
		return ""
	}
	return s.Goal + "/" + s.State
}

// isJobFile tells whether a unit that this file defines is an Upstart job.
func isJobFile(path string) bool { return strings.HasSuffix(path, ".conf") }

// jobName is the name of the job that a unit comes from: as much of its
// file's path as makes the unit's name. It is "" for units of other formats.
func jobName(id, file string) string {
	path, ok := strings.CutSuffix(file, ".conf")
	if !ok {
		return ""
	}
	p := unit.Split(id)
	p.Instance, p.At = "", false
	for i := len(path) - 1; i >= 0; i-- {
		if path[i] == '/' && upstart.UnitName(path[i+1:]) == p.String() {
			return path[i+1:]
		}
	}
	return ""
}
