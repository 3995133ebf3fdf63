// SPDX-License-Identifier: Apache-2.0

package systemd1

import (
	"github.com/rouse-init/rouse/internal/bus"
	"github.com/rouse-init/rouse/internal/bus/wire"
	"github.com/rouse-init/rouse/internal/engine"
	"github.com/rouse-init/rouse/internal/unit"
)

// refuse answers with a refusal.
func refuse(c *bus.Call, r *engine.Refusal) { c.Fail(errorPrefix+r.Code, "%s", r.Msg) }

// done answers a call without results, once what it asked for has happened.
func done(c *bus.Call) func(*engine.Refusal) {
	return func(r *engine.Refusal) {
		if r != nil {
			refuse(c, r)
			return
		}
		c.Return()
	}
}

// mode reads a job mode; false means that the call is answered already.
func mode(c *bus.Call, name string) (unit.JobMode, bool) {
	m, ok := value[unit.JobMode](jobModes[:], name)
	if !ok {
		c.Fail(bus.ErrArgs, "Job mode %s is not known", name)
	}
	return m, ok
}

// enqueue is StartUnit and its kin.
func (s *Service) enqueue(c *bus.Call, verb engine.Verb, name, modeName string) {
	m, ok := mode(c, modeName)
	if !ok {
		return
	}
	s.be.Ask(verb, name, m, true, func(job uint32, r *engine.Refusal) {
		if r != nil {
			refuse(c, r)
			return
		}
		id := s.jobOrIdle(job, name)
		c.Body().Path(JobPath(id))
		c.Return()
	})
}

// jobOrIdle gives a wish that needed no job the number of one that ends at
// once, since clients wait for JobRemoved.
func (s *Service) jobOrIdle(job uint32, name string) uint32 {
	if job != 0 {
		return job
	}
	s.idleJob++
	s.jobRemoved(s.idleJob, name, engine.JobDone.String())
	return s.idleJob
}

// enqueueJob is EnqueueUnitJob: the same with more to tell.
func (s *Service) enqueueJob(c *bus.Call, name, typ, modeName string) {
	verb, ok := value[engine.Verb](verbs[:], typ)
	if !ok {
		c.Fail(bus.ErrArgs, "Job type %s is not known", typ)
		return
	}
	m, ok := mode(c, modeName)
	if !ok {
		return
	}
	s.be.Ask(verb, name, m, true, func(job uint32, r *engine.Refusal) {
		if r != nil {
			refuse(c, r)
			return
		}
		id := s.jobOrIdle(job, name)
		if v, ok := s.be.Unit(name); ok {
			name = v.Unit.Name
			if v.Job == job && job != 0 {
				verb = v.JobType
			}
		}
		e := c.Body()
		e.Uint32(id)
		e.Path(JobPath(id))
		e.String(name)
		e.Path(UnitPath(name))
		e.String(VerbName(verb))
		e.End(e.Array('('))
		c.Return()
	})
}

func (s *Service) kill(c *bus.Call, name, whom string, sig int32, queued bool, val int32) {
	w, ok := value[Whom](whoms[:], orElse(whom, "all"))
	if !ok {
		c.Fail(bus.ErrArgs, "Kill target %s is not known", whom)
		return
	}
	if sig <= 0 || sig > 64 {
		c.Fail(bus.ErrArgs, "Signal number %d is out of range", sig)
		return
	}
	name, ok = s.knownName(c, name)
	if !ok {
		return
	}
	if err := s.be.Kill(name, w, sig, queued, val); err != nil {
		c.Fail(errorPrefix+"NoSuchProcess", "%v", err)
		return
	}
	c.Return()
}

func jobMethods() []bus.Method {
	job := func(name string, verb engine.Verb) bus.Method {
		return bus.Method{Name: name, In: "ss", Out: "o", Args: "name mode > job", Call: func(s any, c *bus.Call) {
			s.(*Service).enqueue(c, verb, c.Args.String(), c.Args.String())
		}}
	}
	return []bus.Method{
		job("StartUnit", engine.Start), job("StopUnit", engine.Stop), job("ReloadUnit", engine.Reload),
		job("RestartUnit", engine.Restart), job("TryRestartUnit", engine.TryRestart),
		job("ReloadOrRestartUnit", engine.ReloadOrRestart), job("ReloadOrTryRestartUnit", engine.TryReloadOrRestart),
		{Name: "StartUnitWithFlags", In: "sst", Out: "o", Args: "name mode flags > job", Call: func(s any, c *bus.Call) {
			s.(*Service).enqueue(c, engine.Start, c.Args.String(), c.Args.String())
		}},
		{Name: "EnqueueUnitJob", In: "sss", Out: "uososa(uosos)", Args: "name job_type job_mode > job_id job_path unit_id unit_path job_type affected_jobs", Call: func(s any, c *bus.Call) {
			s.(*Service).enqueueJob(c, c.Args.String(), c.Args.String(), c.Args.String())
		}},
		{Name: "KillUnit", In: "ssi", Args: "name whom signal", Call: func(s any, c *bus.Call) {
			s.(*Service).kill(c, c.Args.String(), c.Args.String(), c.Args.Int32(), false, 0)
		}},
		{Name: "QueueSignalUnit", In: "ssii", Args: "name whom signal value", Call: func(s any, c *bus.Call) {
			s.(*Service).kill(c, c.Args.String(), c.Args.String(), c.Args.Int32(), true, c.Args.Int32())
		}},
		{Name: "FreezeUnit", In: "s", Args: "name", Call: func(s any, c *bus.Call) { s.(*Service).be.Freeze(c.Args.String(), done(c)) }},
		{Name: "ThawUnit", In: "s", Args: "name", Call: func(s any, c *bus.Call) { s.(*Service).be.Thaw(c.Args.String(), done(c)) }},
		{Name: "ResetFailed", Call: func(s any, c *bus.Call) {
			s.(*Service).be.ResetFailed("")
			c.Return()
		}},
		{Name: "ResetFailedUnit", In: "s", Args: "name", Call: resetFailedUnit},
		{Name: "GetJob", In: "u", Out: "o", Open: true, Args: "id > job", Call: getJob},
		{Name: "CancelJob", In: "u", Args: "id", Call: cancelJob},
		{Name: "ClearJobs", Call: func(s any, c *bus.Call) {
			s.(*Service).be.Cancel(0)
			c.Return()
		}},
		{Name: "ListJobs", Out: "a(usssoo)", Open: true, Args: "> jobs", Call: listJobs},
		{Name: "GetJobAfter", In: "u", Out: "a(usssoo)", Open: true, Args: "id > jobs", Call: noJobs},
		{Name: "GetJobBefore", In: "u", Out: "a(usssoo)", Open: true, Args: "id > jobs", Call: noJobs},
	}
}

func resetFailedUnit(subject any, c *bus.Call) {
	s := subject.(*Service)
	name, ok := s.knownName(c, c.Args.String())
	if !ok {
		return
	}
	s.be.ResetFailed(name)
	c.Return()
}

func (s *Service) job(id uint32) (Job, bool) {
	for _, j := range s.be.Jobs() {
		if j.ID == id {
			return j, true
		}
	}
	return Job{}, false
}

func getJob(subject any, c *bus.Call) {
	id := c.Args.Uint32()
	if _, ok := subject.(*Service).job(id); !ok {
		noSuchJob(c, id)
		return
	}
	c.Body().Path(JobPath(id))
	c.Return()
}

func cancelJob(subject any, c *bus.Call) {
	id := c.Args.Uint32()
	if id == 0 || !subject.(*Service).be.Cancel(id) {
		noSuchJob(c, id)
		return
	}
	c.Return()
}

func noSuchJob(c *bus.Call, id uint32) {
	c.Fail(errorPrefix+"NoSuchJob", "Job %d does not exist.", id)
}

func listJobs(subject any, c *bus.Call) {
	jobs := subject.(*Service).be.Jobs()
	e := c.Body()
	m := e.Array('(')
	for i := range jobs {
		j := &jobs[i]
		e.Struct()
		e.Uint32(j.ID)
		e.String(j.Unit)
		e.String(VerbName(j.Type))
		e.String(jobState(j))
		e.Path(JobPath(j.ID))
		e.Path(UnitPath(j.Unit))
	}
	e.End(m)
	c.Return()
}

// noJobs answers what waits for what: the engine does not tell.
func noJobs(_ any, c *bus.Call) {
	e := c.Body()
	e.End(e.Array('('))
	c.Return()
}

func jobState(j *Job) string {
	if j.Running {
		return "running"
	}
	return "waiting"
}

// jobObject is a job as its properties see it.
type jobObject struct {
	svc *Service
	job Job
}

func jobInterface() *bus.Interface {
	get := func(f func(*Job, *wire.Encoder)) getter {
		return func(s any, e *wire.Encoder) { f(&s.(*jobObject).job, e) }
	}
	return &bus.Interface{
		Name: IfJob,
		Methods: []bus.Method{
			{Name: "Cancel", Call: func(s any, c *bus.Call) {
				o := s.(*jobObject)
				o.svc.be.Cancel(o.job.ID)
				c.Return()
			}},
			{Name: "GetAfter", Out: "a(usssoo)", Open: true, Args: "> jobs", Call: noJobs},
			{Name: "GetBefore", Out: "a(usssoo)", Open: true, Args: "> jobs", Call: noJobs},
		},
		Props: []bus.Prop{
			one("Id", "u", get(func(j *Job, e *wire.Encoder) { e.Uint32(j.ID) })),
			one("Unit", "(so)", get(func(j *Job, e *wire.Encoder) {
				e.Struct()
				e.String(j.Unit)
				e.Path(UnitPath(j.Unit))
			})),
			one("JobType", "s", get(func(j *Job, e *wire.Encoder) { e.String(VerbName(j.Type)) })),
			live("State", "s", get(func(j *Job, e *wire.Encoder) { e.String(jobState(j)) })),
			one("ActivationDetails", "a(ss)", zero("a(ss)")),
		},
	}
}
