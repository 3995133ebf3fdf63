// SPDX-License-Identifier: Apache-2.0

package systemd1

import (
	"encoding/json"

	"github.com/rouse-init/rouse/internal/bus"
	"github.com/rouse-init/rouse/internal/bus/wire"
	"github.com/rouse-init/rouse/internal/engine"
)

// eventSignal carries an EventLine as JSON to those who called WatchEvents.
const eventSignal = "Event"

// EventLine is one line of the stream of events: an event that was emitted,
// or, where Completed is true, the end of an earlier one, which carries only
// ID, Time and Failed.
type EventLine struct {
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

func why(subject any, c *bus.Call) {
	x, err := subject.(*Service).be.Why(c.Args.String())
	if err != nil {
		c.Fail(errorPrefix+"NoSuchUnit", "%v", err)
		return
	}
	if v, ok := subject.(*Service).be.Unit(x.Unit); ok && v.Unit.Service != nil && v.Unit.Service.Job != nil && v.Unit.Service.Job.Manual {
		x.Notes = append(x.Notes, "manual: no event starts it, it is started by its name only")
	}
	replyJSON(c, x)
}

// watchEvents is open to all, as the signal EventEmitted of Upstart is.
func watchEvents(subject any, c *bus.Call) {
	if err := c.Subscribe(Path, IfRouse, eventSignal); err != nil {
		c.Fail(bus.ErrNotSupported, "%v", err)
		return
	}
	subject.(*Service).followEvents()
	c.Return()
}

// followEvents tells the Backend when the first watcher comes and when the
// last has gone.
func (s *Service) followEvents() {
	if on := s.srv.Subscribed(Path, IfRouse, eventSignal); on != s.following {
		s.following = on
		s.be.FollowEvents(on)
	}
}

// EventEmitted tells of an event.
func (s *Service) EventEmitted(ev engine.Emitted) {
	s.eventLine(&EventLine{ID: ev.ID, Name: ev.Name, Env: ev.Env, Cause: ev.Cause})
}

// EventCompleted tells of its end.
func (s *Service) EventCompleted(ev engine.Completed) {
	s.eventLine(&EventLine{ID: ev.ID, Completed: true, Failed: ev.Failed})
}

// eventLine is sent at once and not by Flush: how many there are is not known.
func (s *Service) eventLine(line *EventLine) {
	if !s.following {
		return
	}
	line.Time = uint64(s.cfg.Wall().UnixMicro())
	data, err := json.Marshal(line)
	if err != nil {
		return // strings and numbers can always be encoded
	}
	s.srv.EmitSubscribed(Path, IfRouse, eventSignal, "s", func(e *wire.Encoder) { e.String(string(data)) })
}
