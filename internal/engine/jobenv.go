// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"strings"

	"github.com/rouse-init/rouse/internal/unit"
)

// jobEnv are the variables of a job, as expressions, instance names and its
// events see them: its own, then those of its start, then what was set later.
// The slice is only to be read.
func (e *Engine) jobEnv(n *node) []string {
	var own []string
	if s := n.def.Service; s != nil && s.Exec != nil {
		own = s.Exec.Environment
	}
	x := n.ev
	if x == nil || len(x.Env) == 0 && len(x.SetEnv) == 0 && len(x.UnsetEnv) == 0 {
		return own
	}
	env := append([]string(nil), own...)
	env = append(env, x.Env...)
	env = append(env, x.SetEnv...)
	for _, key := range x.UnsetEnv {
		env = unsetEnv(env, key)
	}
	return env
}

// spawnEnv are the variables that a process of a job gets besides those of its
// file (init(5), Process environment).
func (e *Engine) spawnEnv(n *node, p unit.Phase) []string {
	d := n.serviceDef()
	x := n.ev
	if d.Job == nil {
		if x == nil {
			return nil
		}
		return append(append([]string(nil), x.Env...), x.SetEnv...)
	}
	var env []string
	instance := ""
	if x != nil {
		instance = x.Instance
		env = append(env, x.Env...)
		env = append(env, x.SetEnv...)
	}
	env = append(env, "UPSTART_JOB="+d.Job.Name, "UPSTART_INSTANCE="+instance)
	if x == nil {
		return env
	}
	if len(x.Names) > 0 {
		env = append(env, "UPSTART_EVENTS="+strings.Join(x.Names, " "))
	}
	if p == unit.PhasePreStop || p == unit.PhaseStopPost {
		env = append(env, x.StopEnv...)
		if len(x.StopNames) > 0 {
			env = append(env, "UPSTART_STOP_EVENTS="+strings.Join(x.StopNames, " "))
		}
	}
	return env
}
