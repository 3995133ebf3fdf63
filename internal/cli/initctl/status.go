// SPDX-License-Identifier: Apache-2.0

package initctl

import (
	"fmt"
	"strings"
)

// process is one process of an instance.
type process struct {
	name string
	pid  int32
}

// state is what there is to say about an instance.
type state struct {
	job, instance string
	goal, state   string
	processes     []process
}

// line is the line of `status`, with further lines for further processes.
//
// A process that the state is named after needs no name: only it can be
// meant. Beside post-start and pre-stop a main process may live, so these two
// are named where it does not.
func (s state) line() string {
	var b strings.Builder
	b.WriteString(s.job)
	if s.instance != "" {
		fmt.Fprintf(&b, " (%s)", s.instance)
	}
	fmt.Fprintf(&b, " %s/%s", s.goal, s.state)
	for i, p := range s.processes {
		switch {
		case i > 0:
			fmt.Fprintf(&b, "\n\t%s process %d", p.name, p.pid)
		case p.name == "post-start" || p.name == "pre-stop":
			fmt.Fprintf(&b, ", (%s) process %d", p.name, p.pid)
		default:
			fmt.Fprintf(&b, ", process %d", p.pid)
		}
	}
	b.WriteByte('\n')
	return b.String()
}

// resting is a job, or an instance that is gone. Upstart leaves the name of
// the instance out, since there is none any more.
func resting(job string) state { return state{job: job, goal: "stop", state: "waiting"} }
