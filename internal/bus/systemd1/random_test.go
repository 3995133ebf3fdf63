// SPDX-License-Identifier: Apache-2.0

package systemd1_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/rouse-init/rouse/internal/bus"
	"github.com/rouse-init/rouse/internal/bus/bustest"
	"github.com/rouse-init/rouse/internal/bus/client"
	"github.com/rouse-init/rouse/internal/bus/systemd1"
	"github.com/rouse-init/rouse/internal/engine"
	"github.com/rouse-init/rouse/internal/unit"
)

// real is a Backend whose units live in an engine. Nobody performs what the
// engine orders, so that jobs and states are those of a slow machine.
type real struct {
	*bustest.Fake
	e    *engine.Engine
	now  engine.Time
	asks uint64
}

func newReal() *real {
	r := &real{Fake: bustest.New(), e: engine.New(engine.Config{})}
	r.Backend = r
	var units []*unit.Unit
	for load := unit.Loaded; load <= unit.Stub; load++ {
		for k := unit.KindService; k <= unit.KindDevice; k++ {
			u := &unit.Unit{Name: fmt.Sprintf("%s-%d.%s", k.Suffix(), load, k.Suffix()), Kind: k, Load: load}
			u.Deps = []unit.Dep{{Kind: unit.Wants, Name: "named-" + u.Name}}
			units = append(units, u)
			if k == unit.KindService || k == unit.KindSocket {
				full := *u
				full.Name = "full-" + u.Name
				bustest.Fill(&full)
				units = append(units, &full)
			}
		}
	}
	r.e.Step(r.tick(), engine.Loaded{Units: units})
	return r
}

func (r *real) tick() engine.Time { r.now += 1e6; return r.now }

// step feeds an input, and answers what can be answered without a machine.
func (r *real) step(in engine.Input, reply func(engine.Reply)) {
	for queue := []engine.Input{in}; len(queue) > 0; queue = queue[1:] {
		for _, f := range slices.Clone(r.e.Step(r.tick(), queue[0])) {
			switch f := f.(type) {
			case engine.Reply:
				reply(f)
			case engine.JobQueued:
				r.Service.JobQueued(f)
			case engine.JobRemoved:
				r.Service.JobRemoved(f)
			case engine.UnitChanged:
				r.Service.UnitChanged(f.Unit)
			case engine.OpenSocket:
				queue = append(queue, engine.SocketOpened{Token: f.Token})
			case engine.Spawn:
				if f.Token.Gen%3 == 0 {
					queue = append(queue, engine.SpawnFailed{Token: f.Token, Status: 203, Msg: "cannot"})
				}
			}
		}
	}
}

func (r *real) Unit(name string) (engine.View, bool) { return r.e.Unit(name) }

func (r *real) Units(yield func(*engine.View) bool) {
	for v := range r.e.Units() {
		if !yield(&v) {
			return
		}
	}
}

func (r *real) Load(name string) (engine.View, error) {
	if v, ok := r.e.Unit(name); ok {
		return v, nil
	}
	if !unit.ValidName(name) || unit.IsTemplate(name) {
		return engine.View{}, errors.New("not a name")
	}
	return engine.View{Unit: &unit.Unit{Name: name, Kind: unit.KindOf(name), Load: unit.NotFound}, Load: unit.NotFound}, nil
}

func (r *real) Ask(verb engine.Verb, name string, mode unit.JobMode, manual bool, reply func(uint32, *engine.Refusal)) {
	r.asks++
	r.step(engine.Asked{ID: r.asks, Verb: verb, Unit: name, Mode: mode, Manual: manual}, func(a engine.Reply) { reply(a.Job, a.Err) })
}

func (r *real) Freeze(name string, reply func(*engine.Refusal)) {
	r.step(engine.AskedFreeze{ID: 1, Unit: name}, func(a engine.Reply) { reply(a.Err) })
}

func (r *real) Thaw(name string, reply func(*engine.Refusal)) {
	r.step(engine.AskedThaw{ID: 1, Unit: name}, func(a engine.Reply) { reply(a.Err) })
}

func (r *real) ResetFailed(name string) { r.step(engine.AskedReset{Unit: name}, nil) }

func (r *real) Cancel(job uint32) bool {
	r.step(engine.AskedCancel{Job: job}, nil)
	return true
}

func (r *real) Jobs() []systemd1.Job {
	var jobs []systemd1.Job
	for j := range r.e.Jobs() {
		jobs = append(jobs, systemd1.Job{ID: j.Job, Unit: j.Unit, Type: j.Type, Running: j.Running})
	}
	return jobs
}

// GetAll of every unit in every load state answers, whatever it lacks.
func TestGetAllOfEveryUnit(t *testing.T) {
	r := newReal()
	r.Broken = func(msg string) { t.Error(msg) }
	c := dial(t, bustest.Serve(t, r.Fake))
	names := []string{"never-seen.service", "never-seen.socket", "never-seen.mount"}
	for v := range r.e.Units() {
		names = append(names, v.Unit.Name)
	}
	for _, name := range names {
		if props, err := c.Unit(name); err != nil || props.Text("Id") != name {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func dial(t testing.TB, s *bustest.Server) *client.Conn {
	t.Helper()
	c, err := client.Dial(s.Path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// FuzzCalls makes random calls with random arguments. Each is answered, and
// none is an internal error.
func FuzzCalls(f *testing.F) {
	for seed := range uint64(4) {
		f.Add(seed, 400)
	}
	f.Fuzz(func(t *testing.T, seed uint64, n int) {
		fake := bustest.New()
		if seed%2 == 1 {
			fake = newReal().Fake
		}
		fake.Broken = func(msg string) { t.Error(msg) }
		c := &caller{all: systemd1.Interfaces()}
		c.Caller = bustest.Caller{Rand: rand.New(rand.NewPCG(seed, 1)), Conn: dial(t, bustest.Serve(t, fake)), Word: c.word}
		fake.Units(func(v *engine.View) bool { c.words = append(c.words, v.Unit.Name); return true })
		if r, ok := fake.Backend.(*real); ok {
			r.Units(func(v *engine.View) bool { c.words = append(c.words, v.Unit.Name); return true })
		}
		for range min(n, 1000) {
			if err := c.call(); err != nil {
				t.Fatal(err)
			}
		}
	})
}

type caller struct {
	bustest.Caller
	all   []*bus.Interface
	words []string
}

var oddWords = []string{"", "replace", "isolate", "all", "main", "start", "restart", "stop", "A=b", "x", "a@.service", "@.", ".", "*", "[", "☃", "-.slice", "loaded", "active", systemd1.IfUnit, systemd1.Name + ".Service", systemd1.Name + ".Socket", "Id", "LoadError", "MainPID"}

// word is mostly the name of a unit.
func (c *caller) word() string {
	if c.Rand.IntN(3) == 0 {
		return oddWords[c.Rand.IntN(len(oddWords))]
	}
	return c.words[c.Rand.IntN(len(c.words))]
}

func (c *caller) path() string {
	switch c.Rand.IntN(8) {
	case 0:
		return systemd1.JobPath(uint32(c.Rand.IntN(20)))
	case 1, 2:
		return systemd1.Path
	}
	return systemd1.UnitPath(c.word())
}

func (c *caller) call() error {
	iface := c.all[c.Rand.IntN(len(c.all))]
	name, member, sig, path := iface.Name, "GetAll", "s", c.path()
	if strings.HasSuffix(name, "Manager") || name == systemd1.IfRouse {
		path = systemd1.Path
	}
	if len(iface.Methods) > 0 && c.Rand.IntN(4) > 0 {
		m := &iface.Methods[c.Rand.IntN(len(iface.Methods))]
		member, sig = m.Name, m.In
	} else {
		name = "org.freedesktop.DBus.Properties"
		if c.Rand.IntN(2) == 0 {
			member, sig = "Get", "ss"
		}
	}
	return c.Call(path, name, member, sig)
}
