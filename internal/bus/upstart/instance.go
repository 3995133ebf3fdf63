// SPDX-License-Identifier: Apache-2.0

package upstart

import (
	"github.com/rouse-init/rouse/internal/bus"
	"github.com/rouse-init/rouse/internal/bus/wire"
	"github.com/rouse-init/rouse/internal/engine"
)

// instanceInterface is com.ubuntu.Upstart.Instance.xml.
func instanceInterface() *bus.Interface {
	return &bus.Interface{
		Name: IfInstance, Denied: errDenied,
		Methods: []bus.Method{
			{Name: "Start", In: "b", Args: "wait", Call: instanceGoal(engine.Start)},
			{Name: "Stop", In: "b", Args: "wait", Call: instanceGoal(engine.Stop)},
			{Name: "Restart", In: "b", Args: "wait", Call: instanceGoal(engine.Restart)},
			{Name: "Reload", Call: func(s any, c *bus.Call) { s.(*instanceObject).goal(c, engine.Reload, false) }},
		},
		Signals: []bus.SignalDef{
			{Name: "GoalChanged", Sig: "s", Args: "goal"},
			{Name: "StateChanged", Sig: "s", Args: "state"},
			{Name: "Failed", Sig: "i", Args: "status"},
		},
		Props: []bus.Prop{
			instanceText("name", func(st *engine.JobStatus) string { return st.Instance }),
			instanceText("goal", func(st *engine.JobStatus) string { return st.Goal }),
			instanceText("state", func(st *engine.JobStatus) string { return st.State }),
			{Name: "processes", Sig: "a(si)", Get: writeProcesses},
		},
	}
}

func instanceText(name string, get func(*engine.JobStatus) string) bus.Prop {
	return bus.Prop{Name: name, Sig: "s", Get: func(s any, e *wire.Encoder) { e.String(get(&s.(*instanceObject).status)) }}
}

func writeProcesses(subject any, e *wire.Encoder) {
	m := e.Array('(')
	for _, p := range subject.(*instanceObject).status.Processes {
		e.Struct()
		e.String(p.Name)
		e.Int32(p.Pid)
	}
	e.End(m)
}

func instanceGoal(verb engine.Verb) func(any, *bus.Call) {
	return func(subject any, c *bus.Call) {
		wait := c.Args.Bool()
		subject.(*instanceObject).goal(c, verb, wait)
	}
}

func (o *instanceObject) goal(c *bus.Call, verb engine.Verb, wait bool) {
	o.svc.goal(c, verb, nil, o.status.Unit, nil, true, wait, false)
}
