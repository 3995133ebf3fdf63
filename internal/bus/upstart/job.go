// SPDX-License-Identifier: Apache-2.0

package upstart

import (
	"github.com/rouse-init/rouse/internal/bus"
	"github.com/rouse-init/rouse/internal/bus/wire"
	"github.com/rouse-init/rouse/internal/engine"
	"github.com/rouse-init/rouse/internal/unit"
)

// jobInterface is com.ubuntu.Upstart.Job.xml.
func jobInterface() *bus.Interface {
	return &bus.Interface{
		Name: IfJob, Denied: errDenied,
		Methods: []bus.Method{
			{Name: "GetInstance", In: "as", Out: "o", Args: "env > instance", Open: true, Call: getInstance},
			{Name: "GetInstanceByName", In: "s", Out: "o", Args: "name > instance", Open: true, Call: getInstanceByName},
			{Name: "GetAllInstances", Out: "ao", Args: " > instances", Open: true, Call: getAllInstances},
			{Name: "Start", In: "asb", Out: "o", Args: "env wait > instance", Call: jobGoal(engine.Start, true)},
			{Name: "Stop", In: "asb", Args: "env wait", Call: jobGoal(engine.Stop, false)},
			{Name: "Restart", In: "asb", Out: "o", Args: "env wait > instance", Call: jobGoal(engine.Restart, true)},
		},
		Signals: []bus.SignalDef{
			{Name: "InstanceAdded", Sig: "o", Args: "instance"},
			{Name: "InstanceRemoved", Sig: "o", Args: "instance"},
		},
		Props: []bus.Prop{
			jobText("name", func(u *unit.Unit, _ *unit.Job) string { return jobName(u) }),
			jobText("description", func(u *unit.Unit, _ *unit.Job) string { return u.Description }),
			jobText("author", func(_ *unit.Unit, j *unit.Job) string { return j.Author }),
			jobText("version", func(_ *unit.Unit, j *unit.Job) string { return j.Version }),
			jobText("usage", func(_ *unit.Unit, j *unit.Job) string { return j.Usage }),
			jobExpr("start_on", func(ev *unit.Events) unit.Expr { return ev.StartOn }),
			jobExpr("stop_on", func(ev *unit.Events) unit.Expr { return ev.StopOn }),
			{Name: "emits", Sig: "as", Get: func(s any, e *wire.Encoder) { e.Strings(eventsOf(s).Emits) }},
		},
	}
}

// jobText is a property that is text. Units that are no jobs of Upstart have
// an empty unit.Job.
func jobText(name string, get func(*unit.Unit, *unit.Job) string) bus.Prop {
	return bus.Prop{Name: name, Sig: "s", Get: func(s any, e *wire.Encoder) {
		u, j := s.(*jobObject).unit, new(unit.Job)
		if u.Service != nil && u.Service.Job != nil {
			j = u.Service.Job
		}
		e.String(get(u, j))
	}}
}

func jobExpr(name string, get func(*unit.Events) unit.Expr) bus.Prop {
	return bus.Prop{Name: name, Sig: "aas", Get: func(s any, e *wire.Encoder) { writeExpr(e, get(eventsOf(s))) }}
}

// eventsOf are the events of a job, those of a unit without any are empty.
func eventsOf(subject any) *unit.Events {
	if ev := subject.(*jobObject).unit.Events; ev != nil {
		return ev
	}
	return new(unit.Events)
}

// writeExpr writes an expression in postfix order: an operator is "/AND" or
// "/OR" alone, which no event can be called in a file.
func writeExpr(e *wire.Encoder, x unit.Expr) {
	m := e.Array('a')
	for i := range x {
		e.Strings(termWords(&x[i]))
	}
	e.End(m)
}

func termWords(t *unit.Term) []string {
	switch t.Op {
	case unit.OpAnd:
		return []string{"/AND"}
	case unit.OpOr:
		return []string{"/OR"}
	case unit.OpEvent:
	}
	words := []string{t.Event}
	for _, m := range t.Match {
		switch {
		case m.Key == "":
			words = append(words, m.Value)
		case m.Negate:
			words = append(words, m.Key+"!="+m.Value)
		default:
			words = append(words, m.Key+"="+m.Value)
		}
	}
	return words
}

func getInstance(subject any, c *bus.Call) {
	o, env := subject.(*jobObject), c.Args.Strings()
	if !goodEnv(c, env) {
		return
	}
	name, refusal := o.svc.be.InstanceOf(o.unit.Name, env)
	if refusal != nil {
		refuse(c, refusal)
		return
	}
	for _, st := range o.svc.be.Instances(o.unit.Name) {
		if st.Unit == name {
			c.Body().Path(pathOf(&st))
			c.Return()
			return
		}
	}
	st := o.svc.statusOf(o.unit, name)
	unknownInstance(c, o.unit, st.Instance)
}

func getInstanceByName(subject any, c *bus.Call) {
	o, name := subject.(*jobObject), c.Args.String()
	st, ok := o.svc.instance(o.unit, name)
	if !ok {
		unknownInstance(c, o.unit, name)
		return
	}
	c.Body().Path(pathOf(&st))
	c.Return()
}

func getAllInstances(subject any, c *bus.Call) {
	o := subject.(*jobObject)
	list := o.svc.be.Instances(o.unit.Name)
	e := c.Body()
	m := e.Array('o')
	for i := range list {
		e.Path(pathOf(&list[i]))
	}
	e.End(m)
	c.Return()
}

func jobGoal(verb engine.Verb, result bool) func(any, *bus.Call) {
	return func(subject any, c *bus.Call) {
		o, env, wait := subject.(*jobObject), c.Args.Strings(), c.Args.Bool()
		if goodEnv(c, env) && (verb == engine.Stop || usable(c, o.unit)) {
			o.svc.goal(c, verb, o.unit, o.unit.Name, env, false, wait, result)
		}
	}
}
