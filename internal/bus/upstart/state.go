// SPDX-License-Identifier: Apache-2.0

package upstart

import (
	"encoding/json"

	"github.com/rouse-init/rouse/internal/bus"
	"github.com/rouse-init/rouse/internal/engine"
)

// State is the answer of GetState, as JSON. It is rouse's own: that of Upstart
// is its memory, which nobody else can use.
type State struct {
	Version string      `json:"version"`
	Jobs    []StateJob  `json:"jobs"`
	Events  []OpenEvent `json:"events"`
}

// StateJob is one job.
type StateJob struct {
	Name      string          `json:"name"`
	Unit      string          `json:"unit"`
	File      string          `json:"file,omitempty"`
	Instances []StateInstance `json:"instances"`
}

// StateInstance is one instance.
type StateInstance struct {
	Name      string         `json:"name"`
	Unit      string         `json:"unit"`
	Goal      string         `json:"goal"`
	State     string         `json:"state"`
	Processes []StateProcess `json:"processes,omitempty"`
	Notes     []string       `json:"notes,omitempty"`
}

// StateProcess is one process: "main", "pre-start"...
type StateProcess struct {
	Name string `json:"name"`
	Pid  int32  `json:"pid"`
}

func getState(subject any, c *bus.Call) {
	data, err := json.Marshal(subject.(*Service).state())
	if err != nil {
		c.Fail(bus.ErrFailed, "cannot encode: %v", err)
		return
	}
	c.Body().String(string(data))
	c.Return()
}

func (s *Service) state() *State {
	x := &State{Version: s.be.Version(), Jobs: []StateJob{}, Events: []OpenEvent{}}
	if l, ok := s.be.(EventLister); ok {
		x.Events = append(x.Events, l.OpenEvents()...)
	}
	for _, u := range s.be.Jobs() {
		j := StateJob{Name: jobName(u), Unit: u.Name, File: u.Fragment, Instances: []StateInstance{}}
		for _, st := range s.be.Instances(u.Name) {
			j.Instances = append(j.Instances, stateInstance(&st))
		}
		x.Jobs = append(x.Jobs, j)
	}
	return x
}

func stateInstance(st *engine.JobStatus) StateInstance {
	i := StateInstance{Name: st.Instance, Unit: st.Unit, Goal: st.Goal, State: st.State, Notes: st.Notes}
	for _, p := range st.Processes {
		i.Processes = append(i.Processes, StateProcess(p))
	}
	return i
}
