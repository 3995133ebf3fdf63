// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"slices"
	"strings"

	"github.com/rouse-init/rouse/internal/unit"
)

// askJob takes a wish of initctl(8).
func (e *Engine) askJob(in AskedJob) {
	n, no := e.meant(&in)
	if no == nil {
		switch in.Verb {
		case Start:
			no = e.askStart(n, &in)
		case Stop:
			no = e.askStop(n, &in)
		case Restart:
			no = e.askRestart(n, &in)
		case Reload:
			no = e.askReload(n, &in)
		default:
			no = refuse("InvalidArgs", "No such command: %s", in.Verb)
		}
	}
	switch {
	case no != nil:
		e.emit(Reply{ID: in.ID, Err: no})
	case in.Wait && n.job != nil:
		n.eventful().Holds = append(n.ev.Holds, hold{Client: in.ID})
	default:
		e.emit(Reply{ID: in.ID, Unit: n.def.Name})
	}
}

// meant finds the instance, and makes it for a start.
func (e *Engine) meant(in *AskedJob) (*node, *Refusal) {
	class := e.node(in.Job)
	if class == nil {
		if in.Exact {
			return nil, refuse("UnknownInstance", "Unknown instance: %s", in.Job)
		}
		return nil, refuse("UnknownJob", "Unknown job: %s", in.Job)
	}
	if !e.isClass(class) {
		return class, nil
	}
	if in.Verb == Start {
		return e.instance(class, in.Env)
	}
	name, text, no := e.instanceName(class, in.Env)
	if no != nil {
		return nil, no
	}
	n := e.node(name)
	if n == nil || n.ev == nil || n.ev.Class != class.id+1 {
		return nil, refuse("UnknownInstance", "Unknown instance: %s of %s", text, class.def.Service.Job.Name)
	}
	return n, nil
}

// title is the job as messages name it.
func title(n *node) string {
	job, instance := jobOf(n)
	if instance != "" {
		return job + " (" + instance + ")"
	}
	return job
}

func (e *Engine) askStart(n *node, in *AskedJob) *Refusal {
	if e.goalUp(n) {
		return refuse("AlreadyStarted", "Job is already running: %s", title(n))
	}
	x := n.eventful()
	x.Next, x.HasNext = trigger{Env: in.Env}, true
	e.fulfil(n, nil)
	return e.queueFor(n, Start, "start", in.By)
}

func (e *Engine) askStop(n *node, in *AskedJob) *Refusal {
	switch {
	case n.job == nil && dead(n.view.Active):
		return refuse("UnknownInstance", "Job is not running: %s", title(n))
	case !e.goalUp(n) && !(n.service != nil && n.service.State.stopping() && n.job == nil):
		return refuse("AlreadyStopped", "Job has already been stopped: %s", title(n))
	}
	x := n.eventful()
	x.StopEnv, x.StopNames = in.Env, nil
	e.fulfil(n, nil)
	return e.queueFor(n, Stop, "stop", in.By)
}

// askRestart keeps the environment of the start, unless another is given.
func (e *Engine) askRestart(n *node, in *AskedJob) *Refusal {
	if !e.goalUp(n) {
		return refuse("NotRunning", "Job is not running: %s", title(n))
	}
	if b := e.brokenOf(n); b != nil {
		return refuse("JobFailed", "Job failed to restart: its file has an error, so it goes on as it is: %s", b.LoadErr)
	}
	x := n.eventful()
	if len(in.Env) > 0 {
		t := trigger{Env: append([]string(nil), x.Env...), Names: x.Names, Sources: x.Sources}
		for _, v := range in.Env {
			t.Env = setEnv(t.Env, v)
		}
		x.Next, x.HasNext = t, true
	}
	x.StopEnv, x.StopNames = in.Env, nil
	e.fulfil(n, nil)
	return e.queueFor(n, Restart, "restart", in.By)
}

// brokenOf is what the file of a job became, or of the job that it is an
// instance of; nil while it is good.
func (e *Engine) brokenOf(n *node) *unit.Unit {
	if n.ev == nil {
		return nil
	}
	if n.ev.Broken == nil && n.ev.Class != 0 {
		if c := e.nodes[n.ev.Class-1]; c != nil && c.ev != nil {
			return c.ev.Broken
		}
	}
	return n.ev.Broken
}

// askReload signals the main process of a job; other units are reloaded as
// they do it.
func (e *Engine) askReload(n *node, in *AskedJob) *Refusal {
	s := n.service
	if s == nil || n.serviceDef().Job == nil {
		return e.queueFor(n, Reload, "reload", in.By)
	}
	if !s.State.up() || s.Main.Pid == 0 {
		return refuse("NotRunning", "Job is not running: %s", title(n))
	}
	e.emit(Signal{Unit: n.def.Name, Main: s.Main.Pid, Sig: n.serviceDef().ReloadSignal})
	return nil
}

func (e *Engine) queueFor(n *node, v Verb, what, by string) *Refusal {
	if by == "" {
		by = "a client"
	}
	context := e.context
	e.context = nil
	_, no := e.enqueue(n, v, unit.ModeReplace, what+" asked for by "+by)
	e.context = context
	return no
}

// setJobEnv changes what initctl set-env gave to one instance.
func (e *Engine) setJobEnv(in AskedJobEnv) {
	n := e.node(in.Unit)
	if n == nil {
		e.late++
		return
	}
	x := n.eventful()
	if in.Reset {
		x.SetEnv, x.UnsetEnv = nil, nil
	}
	for _, key := range in.Unset {
		x.SetEnv = unsetEnv(x.SetEnv, key)
		if !slices.Contains(x.UnsetEnv, key) {
			x.UnsetEnv = append(slices.Clone(x.UnsetEnv), key)
		}
	}
	for _, v := range in.Set {
		x.SetEnv = setEnv(x.SetEnv, v)
		key, _, _ := strings.Cut(v, "=")
		x.UnsetEnv = slices.DeleteFunc(slices.Clone(x.UnsetEnv), func(s string) bool { return s == key })
	}
}

// unsetEnv removes the variable of exactly this name.
func unsetEnv(env []string, key string) []string {
	var out []string
	for _, v := range env {
		if len(v) > len(key) && v[len(key)] == '=' && v[:len(key)] == key {
			continue
		}
		out = append(out, v)
	}
	return out
}
