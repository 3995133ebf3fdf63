// SPDX-License-Identifier: Apache-2.0

package upstart

import (
	"slices"

	"github.com/rouse-init/rouse/internal/bus"
	"github.com/rouse-init/rouse/internal/bus/wire"
	"github.com/rouse-init/rouse/internal/engine"
	"github.com/rouse-init/rouse/internal/unit"
)

// managerInterface is com.ubuntu.Upstart.xml. Methods that show variables or
// the whole state are not open, as in Upstart: a password may be among them.
func managerInterface() *bus.Interface {
	return &bus.Interface{
		Name: IfManager, Denied: errDenied,
		Methods: []bus.Method{
			{Name: "ReloadConfiguration", Call: reload},
			{Name: "GetJobByName", In: "s", Out: "o", Args: "name > job", Open: true, Call: getJobByName},
			{Name: "GetAllJobs", Out: "ao", Args: " > jobs", Open: true, Call: getAllJobs},
			{Name: "GetState", Out: "s", Args: " > state", Call: getState},
			{Name: "Restart", Call: restartManager},
			{Name: "GetEnv", In: "ass", Out: "s", Args: "job_details name > value", Call: getEnv},
			{Name: "SetEnv", In: "assb", Args: "job_details var replace", Call: setEnv},
			{Name: "SetEnvList", In: "asasb", Args: "job_details vars replace", Call: setEnvList},
			{Name: "UnsetEnv", In: "ass", Args: "job_details name", Call: unsetEnv},
			{Name: "UnsetEnvList", In: "asas", Args: "job_details name", Call: unsetEnvList},
			{Name: "ListEnv", In: "as", Out: "as", Args: "job_details > env", Call: listEnv},
			{Name: "ResetEnv", In: "as", Args: "job_details", Call: resetEnv},
			{Name: "EmitEvent", In: "sasb", Args: "name env wait", Call: emitEvent},
			{Name: "EmitEventWithFile", In: "sasbh", Args: "name env wait file", Call: emitEventWithFile},
			{Name: "NotifyDiskWriteable", Call: func(s any, c *bus.Call) { s.(*Service).be.FlushLogs(); c.Return() }},
			{Name: "NotifyDBusAddress", In: "s", Args: "address", Call: notifyDBusAddress},
			// rouse makes cgroups itself and needs no cgmanager.
			{Name: "NotifyCGroupManagerAddress", In: "s", Args: "address", Call: func(_ any, c *bus.Call) { c.Return() }},
			{Name: "EndSession", Call: endSession},
		},
		Signals: []bus.SignalDef{
			{Name: "JobAdded", Sig: "o", Args: "job"},
			{Name: "JobRemoved", Sig: "o", Args: "job"},
			{Name: "EventEmitted", Sig: "sas", Args: "name env"},
			{Name: "Restarted"},
		},
		Props: []bus.Prop{
			{Name: "version", Sig: "s", Get: func(s any, e *wire.Encoder) { e.String(s.(*Service).be.Version()) }},
			{
				Name: "log_priority", Sig: "s", Set: setLogPriority,
				Get: func(s any, e *wire.Encoder) { e.String(s.(*Service).be.LogPriority()) },
			},
		},
	}
}

func reload(subject any, c *bus.Call) {
	subject.(*Service).be.Reload(func(err error) { done(c, err) })
}

// done answers a call that has no result.
func done(c *bus.Call, err error) {
	if err != nil {
		c.Fail(bus.ErrFailed, "%v", err)
		return
	}
	c.Return()
}

func getJobByName(subject any, c *bus.Call) {
	s, name := subject.(*Service), c.Args.String()
	if name == "" {
		c.Fail(bus.ErrArgs, emptyName)
		return
	}
	if u, ok := s.job(c, name); ok {
		c.Body().Path(JobPath(jobName(u)))
		c.Return()
	}
}

func getAllJobs(subject any, c *bus.Call) {
	jobs := subject.(*Service).be.Jobs()
	e := c.Body()
	m := e.Array('o')
	for _, u := range jobs {
		e.Path(JobPath(jobName(u)))
	}
	e.End(m)
	c.Return()
}

// restartManager is answered before it happens: the new manager has none of
// our connections.
func restartManager(subject any, c *bus.Call) {
	s := subject.(*Service)
	done(c, s.be.Reexec())
	s.srv.Flush()
}

func notifyDBusAddress(subject any, c *bus.Call) {
	address := c.Args.String()
	if err := subject.(*Service).be.BusAddress(address); err != nil {
		c.Fail(bus.ErrArgs, "%v", err)
		return
	}
	c.Return()
}

func endSession(subject any, c *bus.Call) {
	s := subject.(*Service)
	if !s.be.User() {
		c.Fail(errDenied, "This manager is not that of a session: shut the machine down instead")
		return
	}
	done(c, s.be.EndSession())
}

var priorities = []string{"debug", "info", "message", "warn", "error", "fatal"}

func setLogPriority(subject any, v wire.Variant, c *bus.Call) {
	p, _ := v.Value.(string)
	if !slices.Contains(priorities, p) {
		c.Fail(bus.ErrArgs, "The log priority given was not recognised")
		return
	}
	subject.(*Service).be.SetLogPriority(p)
	c.Return()
}

func emitEvent(subject any, c *bus.Call) {
	name, env, wait := c.Args.String(), c.Args.Strings(), c.Args.Bool()
	subject.(*Service).emit(c, name, env, wait, -1)
}

func emitEventWithFile(subject any, c *bus.Call) {
	name, env, wait, index := c.Args.String(), c.Args.Strings(), c.Args.Bool(), c.Args.Uint32()
	fd, err := c.DupFD(index)
	if err != nil {
		c.Fail(bus.ErrArgs, "%v", err)
		return
	}
	subject.(*Service).emit(c, name, env, wait, fd)
}

// emit hands an event to the Backend; it takes fd.
func (s *Service) emit(c *bus.Call, name string, env []string, wait bool, fd int) {
	if !goodEvent(c, name) || !goodEnv(c, env) {
		closeFD(fd)
		return
	}
	w := s.wait(c)
	if w == nil {
		closeFD(fd)
		return
	}
	s.watch() // who has just begun to listen must hear of it
	s.be.Emit(name, env, wait, fd, by(c), func(err *engine.Refusal) {
		c := w.end()
		switch {
		case c == nil:
		case err != nil:
			refuse(c, err)
		default:
			c.Return()
		}
	})
}

// goal asks for a job's goal and answers with the path of the instance, or
// with nothing where the method has no result.
func (s *Service) goal(c *bus.Call, verb engine.Verb, job *unit.Unit, unitName string, env []string, exact, wait, result bool) {
	w := s.wait(c)
	if w == nil {
		return
	}
	s.be.Goal(verb, unitName, env, exact, wait, by(c), func(name string, err *engine.Refusal) {
		c := w.end()
		switch {
		case c == nil:
		case err != nil:
			refuse(c, err)
		case result:
			st := s.statusOf(job, name)
			c.Body().Path(pathOf(&st))
			c.Return()
		default:
			c.Return()
		}
	})
}
