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
	// find finds the instance; that there is none is an error.
	find func() (*UpstartInstance, error)

	failed map[string]bool // instances, by path, as signals tell
	last   string          // the path of the instance that was found last
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
			if err = w.ask(); err == nil || w.member == "Stop" && isGone(err) {
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
		if s.Interface == ifUpstartInstance && s.Member == "Failed" {
			w.failed[s.Path] = true
		}
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
	var st UpstartStatus
	i, err := w.find()
	if err == nil {
		w.last = i.Path
		st, err = i.Status()
	}
	switch {
	case isGone(err) && w.failed[w.last]:
		return true, &Error{Name: UpstartError + "JobFailed", Msg: map[string]string{
			"Start": "Job failed to start", "Stop": "Job failed while stopping", "Restart": "Job failed to restart",
		}[w.member]}
	case isGone(err):
		return true, nil
	case err != nil:
		return false, err
	case w.member == "Stop":
		return st.Goal == "start", nil // somebody has started it again
	}
	return st.Goal == "start" && st.State == "running" && !w.task, nil
}

// isGone tells the refusals that mean that an instance does not exist: Upstart
// knows no error for an object that is not there.
func isGone(err error) bool {
	return IsUpstartError(err, "UnknownInstance") || IsUpstartError(err, "UnknownMethod")
}

// outlast is goalWait.outlast for a command on a job or on one instance of it.
func (j *UpstartJob) outlast(member string, ask func() error, find func() (*UpstartInstance, error)) error {
	more, err := j.More()
	for errors.Is(err, ErrGone) {
		if err = j.up.conn.redial(reconnectTime); err != nil {
			return err
		}
		more, err = j.More()
	}
	w := &goalWait{up: j.up, member: member, path: j.Path, task: more.Task, ask: ask, find: find, failed: make(map[string]bool)}
	return w.outlast()
}

// errEventLost says that a wait for an event cannot go on.
var errEventLost = errors.New("the manager was replaced while it handled the event; whether the event has completed is not known")

// outlastEvent waits on for an event, if the new manager still has it open.
func (u *Upstart) outlastEvent(name string, env []string) error {
	c := u.conn
	fn, rules := c.onSignal, c.rules
	defer func() { c.onSignal, c.rules = fn, rules }()
	ended := make(map[uint64]bool) // events, and whether they failed
	c.onSignal = func(s *Signal) {
		var e Event
		if s.Interface == ifRouse && s.Member == "Event" && json.Unmarshal([]byte(s.Args.String()), &e) == nil && e.Completed {
			ended[e.ID] = e.Failed
		}
	}
	for {
		if err := c.redial(reconnectTime); err != nil {
			return err
		}
		id, err := u.findEvent(name, env)
		if err == nil {
			err = c.Wait(func() bool { _, over := ended[id]; return over })
		}
		switch {
		case errors.Is(err, ErrGone): // once more
		case err != nil:
			return err
		case ended[id]:
			return &Error{Name: UpstartError + "EventFailed", Msg: "Event failed"}
		default:
			return nil
		}
	}
}

// findEvent watches events, and finds the latest open one that is like that.
func (u *Upstart) findEvent(name string, env []string) (id uint64, err error) {
	if _, err := u.conn.Call(managerPath, ifRouse, "WatchEvents", "", nil); err != nil {
		return 0, errors.Join(errEventLost, err)
	}
	text, err := u.State()
	var state struct {
		Events []struct {
			ID   uint64
			Name string
			Env  []string
		}
	}
	if err == nil {
		err = json.Unmarshal([]byte(text), &state)
	}
	if err != nil {
		return 0, errors.Join(errEventLost, err)
	}
	for _, e := range slices.Backward(state.Events) {
		if e.Name == name && slices.Equal(e.Env, env) {
			return e.ID, nil
		}
	}
	return 0, errEventLost
}
