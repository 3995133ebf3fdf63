// SPDX-License-Identifier: Apache-2.0

package client

import (
	"encoding/json"
	"errors"
	"time"

	"github.com/rouse-init/rouse/internal/engine"
)

// Event is one line of the stream of WatchEvents: an event that was emitted,
// or, where Completed is true, the end of an earlier one; that carries only
// ID, Time and Failed.
type Event struct {
	ID   uint64   `json:"id"`
	Name string   `json:"name,omitempty"`
	Env  []string `json:"env,omitempty"`
	// Cause says in words why it was emitted.
	Cause string `json:"cause,omitempty"`
	// Time is the time of day in microseconds.
	Time      uint64 `json:"time"`
	Completed bool   `json:"completed,omitempty"`
	Failed    bool   `json:"failed,omitempty"`
}

// When is Time as such.
func (e *Event) When() time.Time { return time.UnixMicro(int64(e.Time)) }

// Why asks for the reason that a unit (or job) runs, or does not.
func (c *Conn) Why(unit string) (*engine.Explanation, error) {
	x := new(engine.Explanation)
	return x, c.JSON("Why", x, unit)
}

// WatchEvents calls fn for each event from now on until it returns false. raw
// is the line as it came. When the manager dies its successor is asked again;
// what happened in between is missing then.
func (c *Conn) WatchEvents(fn func(e *Event, raw json.RawMessage) bool) error {
	more := true
	var bad error
	c.OnSignal(func(s *Signal) {
		if s.Interface != ifRouse || s.Member != "Event" || !more {
			return
		}
		text := s.Args.String()
		e := new(Event)
		if bad = errors.Join(s.Args.Err(), json.Unmarshal([]byte(text), e)); bad != nil {
			more = false
			return
		}
		more = fn(e, json.RawMessage(text))
	}, "type='signal',interface='"+ifRouse+"',member='Event'")
	for more {
		_, err := c.again(managerPath, ifRouse, "WatchEvents", "", nil)
		if err == nil {
			err = c.Wait(func() bool { return !more })
		}
		if err != nil && !errors.Is(err, ErrGone) {
			return err
		}
	}
	return bad
}
