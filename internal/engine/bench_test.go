// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/rouse-init/rouse/internal/unit"
)

// crowd is n services that all.target wants, each after and requiring a hub,
// and after two services of lower number.
func crowd(n int) []*unit.Unit {
	all := newUnit("all.target")
	units := []*unit.Unit{all, newUnit("hub.target"), newUnit("shutdown.target")}
	for i := range n {
		u := newUnit(fmt.Sprintf("s%d.service", i))
		u.Service.Commands = []unit.Command{{Phase: unit.PhaseStart, Path: "/main"}}
		u.Deps = []unit.Dep{
			{Kind: unit.Requires, Name: "hub.target"},
			{Kind: unit.After, Name: "hub.target"},
			{Kind: unit.Conflicts, Name: "shutdown.target"},
			{Kind: unit.Before, Name: "shutdown.target"},
		}
		if i > 0 {
			u.Deps = append(u.Deps,
				unit.Dep{Kind: unit.After, Name: fmt.Sprintf("s%d.service", i/2)},
				unit.Dep{Kind: unit.After, Name: fmt.Sprintf("s%d.service", i*7%i)})
		}
		all.Deps = append(all.Deps, unit.Dep{Kind: unit.Wants, Name: u.Name})
		units = append(units, u)
	}
	return units
}

func BenchmarkLoad100k(b *testing.B) {
	units := crowd(100_000)
	for b.Loop() {
		New(Config{}).Step(0, Loaded{Units: units})
	}
}

func BenchmarkStart100k(b *testing.B) {
	units := crowd(100_000)
	for b.Loop() {
		b.StopTimer()
		e := New(Config{})
		e.Step(0, Loaded{Units: units})
		b.StartTimer()
		e.Step(0, Asked{Unit: "all.target"})
	}
}

// BenchmarkStartOne is the job side of a knock: one service, whose
// dependencies are up, among 10,000.
func BenchmarkStartOne(b *testing.B) {
	e := New(Config{})
	e.Step(0, Loaded{Units: crowd(10_000)})
	e.Step(0, Asked{Unit: "hub.target"})
	n := e.node("s77.service")
	b.ReportAllocs()
	for b.Loop() {
		e.out = e.out[:0]
		if _, why := e.enqueue(n, Start, unit.ModeReplace, "knock"); why != nil {
			b.Fatal(why.Msg)
		}
		e.finish(n, JobDone, true)
		e.work = worklist{reactions: e.work.reactions[:0], run: e.work.run[:0], ending: e.work.ending}
	}
}

// TestMemoryOfUnits measures what a loaded unit costs the engine, without its
// definition: the node, its place in the tables and its links.
func TestMemoryOfUnits(t *testing.T) {
	const n = 20_000
	units := crowd(n)
	before := heapInUse()
	start := time.Now()
	e := New(Config{})
	e.Step(0, Loaded{Units: units})
	took := time.Since(start)
	per := (heapInUse() - before) / n
	t.Logf("%d bytes per unit with 12 link ends, loaded in %v", per, took)
	if per > 1200 {
		t.Errorf("a unit costs %d bytes", per)
	}
	runtime.KeepAlive(e)
	runtime.KeepAlive(units)
}

func heapInUse() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
