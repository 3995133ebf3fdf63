// SPDX-License-Identifier: Apache-2.0

package systemd1

import (
	"time"

	"github.com/rouse-init/rouse/internal/bus"
	"github.com/rouse-init/rouse/internal/bus/wire"
	"github.com/rouse-init/rouse/internal/engine"
	"github.com/rouse-init/rouse/internal/unit"
)

func unitInterface() *bus.Interface {
	props := []bus.Prop{
		one("Id", "s", text(func(o *object) string { return o.view.Unit.Name })),
		one("Names", "as", texts(func(o *object) []string { return append([]string{o.view.Unit.Name}, o.view.Unit.Aliases...) })),
		one("Following", "s", text(func(o *object) string { return o.view.Following })),
		one("Documentation", "as", texts(func(o *object) []string { return o.view.Unit.Documentation })),
		one("Description", "s", text(func(o *object) string { return orElse(o.view.Unit.Description, o.view.Unit.Name) })),
		one("FragmentPath", "s", text(func(o *object) string { return o.view.Unit.Fragment })),
		one("SourcePath", "s", text(func(o *object) string { return o.view.Unit.SourcePath })),
		one("DropInPaths", "as", texts(func(o *object) []string { return o.view.Unit.DropIns })),
		one("CanStart", "b", flag(func(o *object) bool { return o.view.Load == unit.Loaded && !o.view.Unit.RefuseManualStart })),
		one("CanStop", "b", flag(func(o *object) bool { return !o.view.Unit.Perpetual && !o.view.Unit.RefuseManualStop })),
		one("CanReload", "b", flag(canReload)),
		one("CanIsolate", "b", flag(func(o *object) bool { return o.view.Unit.AllowIsolate })),
		one("StopWhenUnneeded", "b", flag(func(o *object) bool { return o.view.Unit.StopWhenUnneeded })),
		one("RefuseManualStart", "b", flag(func(o *object) bool { return o.view.Unit.RefuseManualStart })),
		one("RefuseManualStop", "b", flag(func(o *object) bool { return o.view.Unit.RefuseManualStop })),
		one("AllowIsolate", "b", flag(func(o *object) bool { return o.view.Unit.AllowIsolate })),
		one("DefaultDependencies", "b", flag(func(o *object) bool { return o.view.Unit.DefaultDependencies })),
		one("SurviveFinalKillSignal", "b", flag(func(o *object) bool { return o.view.Unit.SurviveFinalKill })),
		one("IgnoreOnIsolate", "b", flag(func(o *object) bool { return o.view.Unit.IgnoreOnIsolate })),
		one("OnSuccessJobMode", "s", text(func(o *object) string { return word(jobModes[:], o.view.Unit.OnSuccessJobMode) })),
		one("OnFailureJobMode", "s", text(func(o *object) string { return word(jobModes[:], o.view.Unit.OnFailureJobMode) })),
		one("JobTimeoutUSec", "t", span(func(o *object) time.Duration { return orInfinity(o.view.Unit.JobTimeout) })),
		one("JobRunningTimeoutUSec", "t", span(func(o *object) time.Duration { return orInfinity(o.view.Unit.JobRunningTimeout) })),
		one("JobTimeoutAction", "s", text(func(o *object) string { return word(actions[:], o.view.Unit.JobTimeoutAction) })),
		one("JobTimeoutRebootArgument", "s", text(func(o *object) string { return o.view.Unit.JobTimeoutRebootArg })),
		one("Conditions", "a(sbbsi)", conditions(false)),
		one("Asserts", "a(sbbsi)", conditions(true)),
		one("Transient", "b", flag(func(o *object) bool { return o.view.Unit.Transient })),
		one("Perpetual", "b", flag(func(o *object) bool { return o.view.Unit.Perpetual })),
		one("StartLimitIntervalUSec", "t", span(func(o *object) time.Duration { return o.view.Unit.StartLimitInterval })),
		one("StartLimitBurst", "u", u32(func(o *object) uint32 { return o.view.Unit.StartLimitBurst })),
		one("StartLimitAction", "s", text(func(o *object) string { return word(actions[:], o.view.Unit.StartLimitAction) })),
		one("FailureAction", "s", text(func(o *object) string { return word(actions[:], o.view.Unit.FailureAction) })),
		one("FailureActionExitStatus", "i", i32(func(o *object) int32 { return int32(o.view.Unit.FailureActionExit) })),
		one("SuccessAction", "s", text(func(o *object) string { return word(actions[:], o.view.Unit.SuccessAction) })),
		one("SuccessActionExitStatus", "i", i32(func(o *object) int32 { return int32(o.view.Unit.SuccessActionExit) })),
		one("RebootArgument", "s", text(func(o *object) string { return o.view.Unit.RebootArgument })),
		one("CollectMode", "s", text(func(o *object) string { return word(collectModes[:], o.view.Unit.CollectMode) })),
	}
	props = append(props, depProps()...)
	props = append(props, stateProps()...)
	props = append(props, zeros("as", "CanClean", "Markers", "Refs")...)
	props = append(props, zeros("b", "CanLiveMount", "DebugInvocation")...)
	props = append(props, zeros("s", "AccessSELinuxContext")...)
	props = append(props, zeros("a(ss)", "ActivationDetails")...)
	return &bus.Interface{Name: IfUnit, Methods: unitMethods(), Props: props}
}

func orInfinity(d time.Duration) time.Duration {
	if d == 0 {
		return unit.Infinity
	}
	return d
}

// canReload tells whether `systemctl reload` has something to do.
func canReload(o *object) bool {
	s := o.view.Unit.Service
	if s == nil {
		return o.view.Unit.Kind == unit.KindTarget && len(o.deps(unit.PropagatesReloadTo)) > 0
	}
	return s.Type == unit.TypeNotifyReload || len(unit.Of(s.Commands, unit.PhaseReload)) > 0
}

// conditions writes the conditions or the asserts. Which of several failed
// is not known, so the state of each is told only where it follows from the
// result of all: 1 held, -1 did not, 0 not known.
func conditions(asserts bool) getter {
	return func(s any, e *wire.Encoder) {
		o := s.(*object)
		result, prefix, n := o.view.ConditionResult, "Condition", 0
		if asserts {
			result, prefix = o.view.AssertResult, "Assert"
		}
		for i := range o.view.Unit.Conditions {
			if o.view.Unit.Conditions[i].Assert == asserts {
				n++
			}
		}
		var state int32
		switch {
		case o.view.ConditionTime == 0:
		case result:
			state = 1
		case n == 1:
			state = -1
		}
		m := e.Array('(')
		for i := range o.view.Unit.Conditions {
			c := &o.view.Unit.Conditions[i]
			if c.Assert != asserts {
				continue
			}
			e.Struct()
			e.String(prefix + c.Type)
			e.Bool(c.Trigger)
			e.Bool(c.Negate)
			e.String(c.Arg)
			e.Int32(state)
		}
		e.End(m)
	}
}

// unitMethods are those of the manager without the name of the unit.
func unitMethods() []bus.Method {
	job := func(name string, verb engine.Verb) bus.Method {
		return bus.Method{Name: name, In: "s", Out: "o", Args: "mode > job", Call: func(s any, c *bus.Call) {
			o := s.(*object)
			o.svc.enqueue(c, verb, o.view.Unit.Name, c.Args.String())
		}}
	}
	return []bus.Method{
		job("Start", engine.Start), job("Stop", engine.Stop), job("Reload", engine.Reload),
		job("Restart", engine.Restart), job("TryRestart", engine.TryRestart),
		job("ReloadOrRestart", engine.ReloadOrRestart), job("ReloadOrTryRestart", engine.TryReloadOrRestart),
		{Name: "EnqueueJob", In: "ss", Out: "uososa(uosos)", Args: "job_type job_mode > job_id job_path unit_id unit_path job_type affected_jobs", Call: func(s any, c *bus.Call) {
			o := s.(*object)
			o.svc.enqueueJob(c, o.view.Unit.Name, c.Args.String(), c.Args.String())
		}},
		{Name: "Kill", In: "si", Args: "whom signal", Call: func(s any, c *bus.Call) {
			o := s.(*object)
			o.svc.kill(c, o.view.Unit.Name, c.Args.String(), c.Args.Int32(), false, 0)
		}},
		{Name: "QueueSignal", In: "sii", Args: "whom signal value", Call: func(s any, c *bus.Call) {
			o := s.(*object)
			o.svc.kill(c, o.view.Unit.Name, c.Args.String(), c.Args.Int32(), true, c.Args.Int32())
		}},
		{Name: "ResetFailed", Call: func(s any, c *bus.Call) {
			o := s.(*object)
			o.svc.be.ResetFailed(o.view.Unit.Name)
			c.Return()
		}},
		{Name: "Freeze", Call: func(s any, c *bus.Call) {
			o := s.(*object)
			o.svc.be.Freeze(o.view.Unit.Name, done(c))
		}},
		{Name: "Thaw", Call: func(s any, c *bus.Call) {
			o := s.(*object)
			o.svc.be.Thaw(o.view.Unit.Name, done(c))
		}},
		{Name: "Ref", Call: func(_ any, c *bus.Call) { c.Return() }},
		{Name: "Unref", Call: func(_ any, c *bus.Call) { c.Return() }},
	}
}
