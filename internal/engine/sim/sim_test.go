// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"flag"
	"testing"
	"time"
)

var (
	seed  = flag.Uint64("seed", 1, "seed of the first run")
	units = flag.Int("units", 300, "units of the large run")
	runs  = flag.Int("runs", 40, "number of small runs")
	tell  = flag.Bool("tell", false, "print every input and order")
)

// TestSmall runs many small worlds, with everything going wrong often.
func TestSmall(t *testing.T) {
	grouped := 0
	for s := range uint64(*runs) {
		cfg := small(*seed + s)
		if *tell {
			cfg.Trace = func(s string) { t.Log(s) }
		}
		r := Run(cfg)
		grouped += r.Grouped
		for _, v := range r.Violations {
			t.Errorf("-seed %d -runs 1: %s", cfg.Seed, v)
		}
	}
	if grouped == 0 {
		t.Error("no service ever slept because nobody needed it")
	}
}

// small is a world that one can read the trace of.
func small(seed uint64) Config {
	return Config{Seed: seed, Units: 5 + int(seed)%30, Asks: 200, Faults: int(seed%4) * 20}
}

// TestLarge runs one world; with -units 100000 it is the one of the design.
func TestLarge(t *testing.T) {
	cfg := Config{Seed: *seed, Units: *units, Asks: *units, Faults: 20}
	if *tell {
		cfg.Trace = func(s string) { t.Log(s) }
	}
	start := time.Now()
	r := Run(cfg)
	t.Logf("%d steps, %d spawns, %d jobs, %d late answers, %.0f s of virtual time in %v, hash %x",
		r.Steps, r.Spawns, r.Jobs, r.Late, float64(r.Clock)/1e9, time.Since(start).Round(time.Millisecond), r.Hash)
	for _, v := range r.Violations {
		t.Error(v)
	}
	if r.Spawns < *units/2 || r.Steps < 3**units {
		t.Errorf("too little happened: %+v", r)
	}
}

func TestSameSeedSameTrace(t *testing.T) {
	cfg := Config{Seed: *seed, Units: 100, Asks: 200, Faults: 30}
	a, b := Run(cfg), Run(cfg)
	if a.Hash != b.Hash || a.Steps != b.Steps {
		t.Errorf("two runs differ: %x after %d steps, %x after %d", a.Hash, a.Steps, b.Hash, b.Steps)
	}
	cfg.Seed++
	if c := Run(cfg); c.Hash == a.Hash {
		t.Error("another seed gives the same trace")
	}
}

// TestJobs runs worlds in which a third of the services are jobs that start and
// stop each other by events.
func TestJobs(t *testing.T) {
	told := 0
	for s := range uint64(*runs) {
		cfg := small(*seed + s)
		cfg.Shape = Mixed
		if *tell {
			cfg.Trace = func(s string) { t.Log(s) }
		}
		r := Run(cfg)
		told += r.Told
		for _, v := range r.Violations {
			t.Errorf("-run TestJobs -seed %d -runs 1: %s", cfg.Seed, v)
		}
	}
	if told == 0 {
		t.Error("no event was ever waited for: the worlds are too tame")
	}
}

// TestFarm runs worlds of services that only knocks wake, below ceilings.
func TestFarm(t *testing.T) {
	waited := 0
	for s := range uint64(*runs) {
		cfg := small(*seed + s)
		cfg.Shape, cfg.Asks = Farm, 1000
		if *tell {
			cfg.Trace = func(s string) { t.Log(s) }
		}
		r := Run(cfg)
		waited += r.Waited
		for _, v := range r.Violations {
			t.Errorf("-run TestFarm -seed %d -runs 1: %s", cfg.Seed, v)
		}
	}
	if waited < 10**runs {
		t.Errorf("only %d services waited for room: the worlds are too tame", waited)
	}
}

// TestShapes runs large worlds of jobs; with -units 10000 those of the design.
func TestShapes(t *testing.T) {
	for name, shape := range map[string]Shape{"chain": Chain, "fan": Fan, "mixed": Mixed} {
		t.Run(name, func(t *testing.T) {
			cfg := Config{Seed: *seed, Units: *units, Asks: *units, Shape: shape}
			start := time.Now()
			r := Run(cfg)
			t.Logf("%d steps, %d spawns, %d jobs, %d events told of, %.0f s of virtual time in %v, hash %x",
				r.Steps, r.Spawns, r.Jobs, r.Told, float64(r.Clock)/1e9, time.Since(start).Round(time.Millisecond), r.Hash)
			for _, v := range r.Violations {
				t.Error(v)
			}
			if r.Spawns < *units/2 {
				t.Errorf("too little happened: %+v", r)
			}
		})
	}
}
