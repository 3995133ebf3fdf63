// SPDX-License-Identifier: Apache-2.0

package client

import (
	"encoding/json"
	"errors"
	"slices"
)

// A command may have to wait longer than the manager lives. Its successor goes
// on with the jobs and events, but does not know who waited for them: so the
// client connects again, asks again where that changes nothing, and watches
// what it waits for.

// goalWait is what a command on a job waits for.
type goalWait struct {
	up     *Upstart
	member string // "Start", "Stop" or "Restart"
	path   string // of the job or the instance: its signals are watched
	task   bool
	// ask asks once more.
	ask func() error
	// status is how the instance is, exists that there is one.
	status func() (st UpstartStatus, exists bool, err error)

	failed bool // as signals tell
}

// outlast waits on after ErrGone. Start and stop are asked for again, as
// either twice is the same as once; a restart is not.
func (w *goalWait) outlast() error {
	for {
		if err := w.up.conn.redial(reconnectTime); err != nil {
			return err
		}
		err := error(nil)
		if w.member != "Restart" {
			if err = w.ask(); err == nil || w.member == "Stop" && IsUpstartError(err, "UnknownInstance") {
				return nil
			}
		}
		if err == nil || IsUpstartError(err, "AlreadyStarted") || IsUpstartError(err, "AlreadyStopped") {
			err = w.follow()
		}
		if !errors.Is(err, ErrGone) {
			return err
		}
	}
}

// follow watches the instance until it has settled.
func (w *goalWait) follow() error {
	c := w.up.conn
	fn, rules := c.onSignal, c.rules
	defer func() { c.onSignal, c.rules = fn, rules }()
	changed := false
	c.OnSignal(func(s *Signal) {
		changed = true
		w.failed = w.failed || s.Interface == ifUpstartInstance && s.Member == "Failed"
		if fn != nil {
			fn(s)
		}
	}, append(slices.Clone(rules), "type='signal',path_namespace='"+w.path+"'")...)
	for {
		changed = false
		settled, err := w.settled()
		if settled || err != nil {
			return err
		}
		if err := c.Wait(func() bool { return changed }); err != nil {
			return err
		}
	}
}

// settled tells whether the wait is over, and how it has ended.
func (w *goalWait) settled() (bool, error) {
	st, exists, err := w.status()
	switch {
	case err != nil:
		return false, err
	case !exists && w.failed:
		return true, &Error{Name: UpstartError + "JobFailed", Msg: map[string]string{
			"Start": "Job failed to start", "Stop": "Job failed while stopping", "Restart": "Job failed to restart",
		}[w.member]}
	case !exists:
		return true, nil
	case w.member == "Stop":
		return st.Goal == "start", nil // somebody has started it again
	}
	return st.Goal == "start" && st.State == "running" && !w.task, nil
}

// outlast is goalWait.outlast for a command on a job.
func (j *UpstartJob) outlast(member string, env []string, ask func() error) error {
	more, err := j.More()
	for errors.Is(err, ErrGone) {
		if err = j.up.conn.redial(reconnectTime); err != nil {
			return err
		}
		more, err = j.More()
	}
	w := &goalWait{up: j.up, member: member, path: j.Path, task: more.Task, ask: ask, status: func() (UpstartStatus, bool, error) {
		i, err := j.Instance(env)
		if IsUpstartError(err, "UnknownInstance") {
			return UpstartStatus{}, false, nil
		}
		if err != nil {
			return UpstartStatus{}, false, err
		}
		return i.exists()
	}}
	return w.outlast()
}

// exists is Status of an instance that may be gone.
func (i *UpstartInstance) exists() (UpstartStatus, bool, error) {
	st, err := i.Status()
	if IsUpstartError(err, "UnknownObject") {
		return st, false, nil
	}
	return st, err == nil, err
}

// errEventLost says that a wait for an event cannot go on.
var errEventLost = errors.New("the manager was replaced while it handled the event; whether the event has completed is not known")

// outlastEvent waits on for an event, if the new manager still has it open.
func (u *Upstart) outlastEvent(name string, env []string) error {
	c := u.conn
	if err := c.redial(reconnectTime); err != nil {
		return err
	}
	fn, rules := c.onSignal, c.rules
	defer func() { c.onSignal, c.rules = fn, rules }()
	ended := make(map[uint64]bool) // events, and whether they failed
	c.onSignal = func(s *Signal) {
		var e Event
		if s.Interface == ifRouse && s.Member == "Event" && json.Unmarshal([]byte(s.Args.String()), &e) == nil && e.Completed {
			ended[e.ID] = e.Failed
		}
	}
	if _, err := c.Call(managerPath, ifRouse, "WatchEvents", "", nil); err != nil {
		return errors.Join(errEventLost, err)
	}
	text, err := u.State()
	var state struct {
		Events []struct {
			ID   uint64
			Name string
			Env  []string
		}
	}
	if err := errors.Join(err, json.Unmarshal([]byte(text), &state)); err != nil {
		return errors.Join(errEventLost, err)
	}
	for _, e := range slices.Backward(state.Events) {
		if e.Name != name || !slices.Equal(e.Env, env) {
			continue
		}
		over := func() bool { _, ok := ended[e.ID]; return ok }
		if err := c.Wait(over); err != nil {
			return errors.Join(errEventLost, err)
		}
		if ended[e.ID] {
			return &Error{Name: UpstartError + "EventFailed", Msg: "Event failed"}
		}
		return nil
	}
	return errEventLost
}
