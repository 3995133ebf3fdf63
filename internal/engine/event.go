// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"slices"
	"strings"

	"github.com/rouse-init/rouse/internal/unit"
)

// event is one event on its way. It is kept until all that it has set off has
// completed: each unit that it starts or stops, and each half of an "and" that
// it has made true, holds it.
type event struct {
	ID     uint64
	Name   string
	Env    []string
	Source string
	Why    []Cause // itself first, then where it came from
	Since  Time
	// Holders counts what it waits for.
	Holders int32
	Failed  bool // something that it set off has failed
	Handled bool // everybody has heard it
	Told    bool // it was reported that nobody completes it
	// Client is the Happened that waits for its end, Gate 1 + the id of the
	// node whose gate it opens; 0 for none.
	Client uint64
	Gate   int32
}

// eventTable is what the engine knows of events; embedded in Engine.
type eventTable struct {
	events   map[uint64]*event
	ears     ears
	watching bool   // Emitted is wanted
	last     bool   // a task is started although everything stops
	held     uint64 // the timer TimerHeld that runs, by Gen
	heldAt   Time   // when it fires
	// context is where what is being done comes from: the chain of causes of
	// the event or unit whose consequences are drawn.
	context []Cause
}

// maxCauses bounds a chain of causes.
const maxCauses = 8

// chain puts a cause before those that it came from.
func (e *Engine) chain(what, unitName string, from []Cause) []Cause {
	if len(from) > 0 && from[0].What == what {
		return from // a job is named after the event that asks for it
	}
	if len(from) >= maxCauses {
		from = from[:maxCauses-1]
	}
	return append([]Cause{{At: e.now, What: what, Unit: unitName}}, from...)
}

// words is the event as people write it.
func (v *event) words() string { return eventWords(v.Name, v.Env) }

func eventWords(name string, env []string) string {
	if len(env) == 0 {
		return name
	}
	return name + " " + strings.Join(env, " ")
}

// takeEvent hands on the inputs that concern events and jobs.
func (e *Engine) takeEvent(in Input) {
	switch in := in.(type) {
	case Happened:
		e.happened(in)
	case AskedJob:
		e.askJob(in)
	case AskedWatch:
		e.watching = in.On
	case AskedJobEnv:
		e.setJobEnv(in)
	case Stopped:
		if id, ok := e.pids[in.Pid]; ok {
			e.stopped(e.nodes[id], in.Pid)
		}
	case Followed:
		if n := e.node(in.Token.Unit); n != nil && n.service != nil {
			e.followed(n, in)
		} else {
			e.late++
		}
	case NameChanged:
		e.nameChanged(in)
	case BusChanged:
		e.busChanged(in)
	default:
		e.late++
	}
}

// happened takes an event from outside.
func (e *Engine) happened(in Happened) {
	if in.ID != 0 && !in.Wait {
		e.emit(Reply{ID: in.ID})
	}
	from := []Cause(nil)
	if in.By != "" {
		from = e.chain(in.By, "", nil)
	}
	v := e.newEvent(in.Name, in.Env, from, "")
	v.Source = in.Source
	if in.Wait {
		v.Client = in.ID
	}
	e.work.push(reaction{do: hearEvent, event: v.ID})
}

// newEvent makes an event; it is handled when it is pushed.
func (e *Engine) newEvent(name string, env []string, from []Cause, unitName string) *event {
	e.gen++
	v := &event{ID: e.gen, Name: name, Env: env, Since: e.now}
	v.Why = e.chain("event "+v.words(), unitName, from)
	if e.events == nil {
		e.events = map[uint64]*event{}
	}
	e.events[v.ID] = v
	if e.watching {
		cause := ""
		if len(from) > 0 {
			cause = from[0].What
			if from[0].Unit != "" && from[0].Unit != unitName {
				cause += " (" + from[0].Unit + ")"
			}
		}
		e.emit(Emitted{ID: v.ID, Name: name, Env: env, Cause: cause})
	}
	return v
}

// hearEvent lets everybody hear an event: what it stops goes before what it
// starts, so that a job which names it twice restarts.
func (e *Engine) hearEvent(id uint64) {
	v := e.events[id]
	if v == nil {
		return
	}
	context := e.context
	e.context = v.Why
	for _, id := range e.ears.whoStops(v) {
		if n := e.nodes[id]; n != nil {
			e.hearStop(n, v)
		}
	}
	for _, id := range e.ears.whoStarts(v) {
		if n := e.nodes[id]; n != nil {
			e.hearStart(n, v)
		}
	}
	e.context = context
	v.Handled = true
	if v.Holders == 0 {
		e.complete(v)
		return
	}
	e.armHeld(e.now + heldPatience)
}

// unhold takes one holder off an event.
func (e *Engine) unhold(id uint64, failed bool) {
	v := e.events[id]
	if v == nil {
		return
	}
	v.Failed = v.Failed || failed
	if v.Holders--; v.Holders == 0 && v.Handled {
		e.work.push(reaction{do: endEvent, event: id})
	}
}

// endEvent completes an event that nothing holds any more.
func (e *Engine) endEvent(id uint64) {
	if v := e.events[id]; v != nil && v.Handled && v.Holders == 0 {
		e.complete(v)
	}
}

// failedSuffix is what the event is called that tells of a failed one.
const failedSuffix = "/failed"

// complete ends an event: whoever waited for it goes on.
func (e *Engine) complete(v *event) {
	delete(e.events, v.ID)
	if e.watching {
		e.emit(Completed{ID: v.ID, Failed: v.Failed})
	}
	if v.Client != 0 {
		r := Reply{ID: v.Client}
		if v.Failed {
			r.Err = refuse("EventFailed", "Event failed")
		}
		e.emit(r)
	}
	if v.Failed && !strings.HasSuffix(v.Name, failedSuffix) {
		f := e.newEvent(v.Name+failedSuffix, v.Env, v.Why, "")
		e.work.push(reaction{do: hearEvent, event: f.ID})
	}
	if v.Source != "" {
		e.sourceDone(v.Source)
	}
	if v.Gate != 0 {
		if n := e.nodes[v.Gate-1]; n != nil {
			e.openGate(n, v.ID)
		}
	}
}

// sourceDone has a source armed again if nothing that it started is up.
func (e *Engine) sourceDone(source string) {
	for _, n := range e.nodes {
		if n == nil || n.ev == nil || dead(n.view.Active) && !e.goalUp(n) {
			continue
		}
		for _, s := range n.ev.Sources {
			if s == source {
				return
			}
		}
		if slices.Contains(n.ev.Next.Sources, source) || slices.Contains(n.ev.Missed, source) {
			return
		}
	}
	e.emit(ArmSource{Source: source})
}

// The four events of every unit (init(5)).
const (
	evStarting = "starting"
	evStarted  = "started"
	evStopping = "stopping"
	evStopped  = "stopped"
)

// announce emits one of the four events of n. With gate it tells whether n has
// to wait until the event has completed; openGate then lets it go on.
func (e *Engine) announce(n *node, name string, gate bool) (wait bool) {
	if e.ears.byEvent[name] == nil && !e.watching {
		return false // nobody in the whole engine
	}
	job, instance := jobOf(n)
	heard := e.ears.hears(name, job)
	if !heard && !e.watching {
		return false
	}
	e.trace(n)
	v := e.newEvent(name, e.jobEventEnv(n, name, job, instance), n.why, n.def.Name)
	if !heard {
		v.Handled = true
		e.complete(v)
		return false
	}
	e.work.push(reaction{do: hearEvent, event: v.ID})
	if gate {
		v.Gate = n.id + 1
		n.service.Gate = v.ID
	}
	return gate
}

// jobOf is the name of a unit in JOB= and INSTANCE=: of services without the
// suffix, of other units in full.
func jobOf(n *node) (job, instance string) {
	if s := n.def.Service; s != nil && s.Job != nil {
		if n.ev != nil {
			instance = n.ev.Instance
		}
		return s.Job.Name, instance
	}
	name := n.def.Name
	if n.def.Kind != unit.KindService {
		return name, ""
	}
	name = strings.TrimSuffix(name, ".service")
	if job, escaped, ok := strings.Cut(name, "@"); ok {
		if instance, err := unit.Unescape(escaped); err == nil {
			return job, instance
		}
		return job, escaped
	}
	return name, ""
}

// jobEventEnv is the environment of one of the four events, in the order of
// started(7) and stopped(7).
func (e *Engine) jobEventEnv(n *node, name, job, instance string) []string {
	env := []string{"JOB=" + job, "INSTANCE=" + instance}
	if name == evStopping || name == evStopped {
		env = append(env, e.resultEnv(n)...)
	}
	if n.def.Events == nil {
		return env
	}
	own := e.jobEnv(n)
	for _, key := range n.def.Events.Export {
		if value, ok := lookupEnv(own, key); ok {
			env = append(env, key+"="+value)
		}
	}
	return env
}

// resultEnv is RESULT= and, of a failure, what failed and how.
func (e *Engine) resultEnv(n *node) []string {
	failed := n.view.Active == Failed
	if n.service != nil {
		failed = n.service.Result != resSuccess && n.service.Result != resCondition
	}
	if !failed {
		return []string{"RESULT=ok"}
	}
	env := []string{"RESULT=failed"}
	if n.service == nil {
		return env
	}
	b := n.service.Blame
	if b.Process == "" {
		b.Process = "main"
	}
	env = append(env, "PROCESS="+b.Process)
	switch b.Code {
	case codeExited:
		env = append(env, "EXIT_STATUS="+itoa(int64(b.Status)))
	case codeKilled, codeDumped:
		env = append(env, "EXIT_SIGNAL="+eventSignal(b.Status))
	}
	return env
}

// eventSignal names a signal as stopped(7) does: without SIG, or by number.
func eventSignal(sig uint8) string {
	if name := signalName(sig); !strings.HasPrefix(name, "RTMIN") {
		return name
	}
	return itoa(int64(sig))
}
