// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"fmt"

	"github.com/rouse-init/rouse/internal/unit"
)

// transaction is a set of jobs that is made consistent before any of them is
// queued: the job asked for (the anchor) and all that it brings along. The
// steps are those of systemd (systemctl(1) --job-mode=, systemd.unit(5)).
// It lives in the Engine as scratch space and is empty between calls.
type transaction struct {
	jobs   []txJob  // the anchor first, then in the order of expansion
	links  []txLink // who brought whom
	units  []int32  // ids of the units that have jobs here
	todo   []int32  // scratch of the passes
	mode   unit.JobMode
	failed []txFailure
	walk   orderWalk
	// falling is on its way down already, and gets no stop that others bring.
	falling *node
}

// txJob is one wish for one unit; a unit can have several that are merged, or
// found to contradict each other, later.
type txJob struct {
	node       int32
	next       int32 // the next job of the same unit, -1 for none
	brought    int32 // first link in which this job brings another, -1
	broughtBy  int32 // first link in which another brings this job, -1
	holders    int32 // number of live links in broughtBy
	verb       Verb
	gone       bool
	failed     bool // something that it requires could not be added
	free       bool // order does not count for it: see breakRing
	matters    bool // the anchor cannot do without it
	conflicted bool // it is a stop that came from Conflicts=
	rel        Relation
	by         int32 // job that brought it first, -1 for the anchor
}

// txLink says that job subject brought job object along.
type txLink struct {
	subject, object         int32
	nextBrought, nextHolder int32
	matters, conflicts      bool
	gone                    bool
}

// txFailure is a job that could not be added.
type txFailure struct {
	by  int32
	why *Refusal
}

// enqueue queues a job that the manager itself wants: a knock, an automatic
// restart, a handler. The job never runs before the end of the input that is
// being handled. cause goes to View.Cause of the unit. Both results are nil when
// there is nothing to do (try-restart of what is down).
func (e *Engine) enqueue(n *node, v Verb, mode unit.JobMode, cause string) (*job, *Refusal) {
	if e.down && !e.last {
		return nil, refuse("TransactionIsDestructive", "Transaction for %s/%s is destructive (everything is being stopped).", n.def.Name, v)
	}
	v = collapse(v, n.view.Active, e.reloadable(n))
	switch {
	case v == Nop:
		return nil, nil
	case mode == unit.ModeIsolate && v != Start:
		return nil, refuse("InvalidArgs", "Isolate is only valid for start.")
	case mode == unit.ModeIsolate && !n.def.AllowIsolate:
		return nil, refuse("NoIsolation", "Operation refused, unit may not be isolated.")
	case mode == unit.ModeTriggering && v != Stop:
		return nil, refuse("InvalidArgs", "--job-mode=triggering is only valid for stop.")
	case mode == unit.ModeRestartDependencies && v != Start:
		return nil, refuse("InvalidArgs", "--job-mode=restart-dependencies is only valid for start.")
	}
	t := &e.tx
	t.mode = mode
	defer e.clearTransaction()
	if why := e.plan(n, v); why != nil {
		return nil, why
	}
	if why := e.activate(); why != nil {
		return nil, why
	}
	return e.apply(cause), nil
}

func refuse(code, format string, args ...any) *Refusal {
	return &Refusal{Code: code, Msg: fmt.Sprintf(format, args...)}
}

func (e *Engine) clearTransaction() {
	t := &e.tx
	for _, id := range t.units {
		if n := e.nodes[id]; n != nil {
			n.tx = 0
		}
	}
	t.jobs, t.links, t.units, t.failed = t.jobs[:0], t.links[:0], t.units[:0], t.failed[:0]
	if cap(t.jobs) > 1<<14 { // do not hold the memory of a boot for ever
		*t = transaction{}
	}
}

// reloadable tells whether a reload of n has an effect.
func (e *Engine) reloadable(n *node) bool {
	return (n.def.Kind == unit.KindService || n.def.Kind == unit.KindSocket) && e.canReload(n)
}

// applicable tells whether a job of type v makes sense for n at all.
func (e *Engine) applicable(n *node, v Verb) bool {
	switch v {
	case Stop, Restart:
		return !n.def.Perpetual
	case Reload:
		return e.reloadable(n)
	case Start, VerifyActive, Nop, TryRestart, ReloadOrStart, ReloadOrRestart, TryReloadOrRestart:
	}
	return true
}

// loadProblem says why a unit that is not loaded cannot be started.
func loadProblem(n *node) *Refusal {
	name := n.def.Name
	detail := "."
	if n.def.LoadErr != nil {
		detail = ": " + n.def.LoadErr.String()
	}
	switch n.view.Load {
	case unit.NotFound:
		return refuse("NoSuchUnit", "Unit %s not found.", name)
	case unit.BadSetting:
		return refuse("BadUnitSetting", "Unit %s has a bad unit file setting%s", name, detail)
	case unit.LoadFailed:
		return refuse("LoadFailed", "Unit %s failed to load properly, please adjust/correct and reload service manager%s", name, detail)
	case unit.Masked:
		return refuse("UnitMasked", "Unit %s is masked.", name)
	case unit.Stub, unit.Loaded:
	}
	return refuse("NoSuchUnit", "Unit %s has an unexpected load state.", name)
}

// add adds a job for n, or finds it, and the link from the job that brings it.
// A nil refusal with job -1 means that such a job makes no sense, and is none.
func (e *Engine) add(n *node, v Verb, by int32, r Relation, matters, conflicts bool) (int32, *Refusal) {
	if v != Stop && n.view.Load != unit.Loaded {
		return -1, loadProblem(n)
	}
	if v == Stop && by >= 0 && n == e.tx.falling {
		return -1, nil
	}
	if !e.applicable(n, v) {
		if by < 0 {
			return -1, refuse("JobTypeNotApplicable", "Job type %s is not applicable for unit %s.", v, n.def.Name)
		}
		return -1, nil
	}
	t := &e.tx
	i := e.find(n, v)
	if i < 0 {
		i = int32(len(t.jobs))
		t.jobs = append(t.jobs, txJob{
			node: n.id, next: n.tx - 1, brought: -1, broughtBy: -1, verb: v, rel: r, by: by,
		})
		if n.tx == 0 {
			t.units = append(t.units, n.id)
		}
		n.tx = i + 1
	}
	if by >= 0 {
		l := int32(len(t.links))
		t.links = append(t.links, txLink{
			subject: by, object: i, matters: matters, conflicts: conflicts,
			nextBrought: t.jobs[by].brought, nextHolder: t.jobs[i].broughtBy,
		})
		t.jobs[by].brought, t.jobs[i].broughtBy = l, l
		t.jobs[i].holders++
		t.jobs[i].conflicted = t.jobs[i].conflicted || conflicts
	}
	return i, nil
}

// find returns the job of type v of n, or -1.
func (e *Engine) find(n *node, v Verb) int32 {
	for i := n.tx - 1; i >= 0; i = e.tx.jobs[i].next {
		if j := &e.tx.jobs[i]; j.verb == v && !j.gone {
			return i
		}
	}
	return -1
}

// has tells whether n has any job in the transaction.
func (e *Engine) has(n *node) bool {
	for i := n.tx - 1; i >= 0; i = e.tx.jobs[i].next {
		if !e.tx.jobs[i].gone {
			return true
		}
	}
	return false
}

// unlinkJob takes job i out. With spread, the jobs that cannot do without it go
// too. What it alone held is left to collectGarbage.
func (e *Engine) unlinkJob(i int32, spread bool) {
	t := &e.tx
	stack := append(t.todo[:0], i)
	for len(stack) > 0 {
		i = stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		j := &t.jobs[i]
		if j.gone {
			continue
		}
		j.gone = true
		for l := j.brought; l >= 0; l = t.links[l].nextBrought {
			if x := &t.links[l]; !x.gone {
				x.gone = true
				t.jobs[x.object].holders--
			}
		}
		for l := j.broughtBy; l >= 0; l = t.links[l].nextHolder {
			x := &t.links[l]
			if x.gone {
				continue
			}
			x.gone = true
			if x.matters && spread {
				stack = append(stack, x.subject)
			}
		}
		j.holders = 0
	}
	t.todo = stack[:0]
}
