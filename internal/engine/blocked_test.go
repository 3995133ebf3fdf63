// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/rouse-init/rouse/internal/unit"
)

// The counts of Blocked are kept up by hand wherever jobs and links come and
// go. Here all of that happens at random, and they are counted anew each time.
func TestBlockedIsKeptUpToDate(t *testing.T) {
	const n = 8
	kinds := []unit.DepKind{unit.After, unit.After, unit.Before, unit.Wants, unit.Requires, unit.PartOf, unit.Conflicts}
	modes := []unit.JobMode{unit.ModeReplace, unit.ModeReplace, unit.ModeFail, unit.ModeIgnoreDependencies, unit.ModeFlush, unit.ModeRestartDependencies}
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 3))
		e := New(Config{})
		define := func(i int) *unit.Unit {
			u := newUnit(fmt.Sprintf("t%d.target", i))
			for range rng.IntN(5) {
				u.Deps = append(u.Deps, unit.Dep{Kind: kinds[rng.IntN(len(kinds))], Name: fmt.Sprintf("t%d.target", rng.IntN(n))})
			}
			return u
		}
		for i := range n {
			e.load(Loaded{Units: []*unit.Unit{define(i)}})
			e.node(fmt.Sprintf("t%d.target", i)).view.Active = ActiveState(rng.IntN(6))
		}
		for range 60 {
			node := e.node(fmt.Sprintf("t%d.target", rng.IntN(n)))
			switch rng.IntN(8) {
			case 0:
				e.load(Loaded{Units: []*unit.Unit{define(rng.IntN(n))}})
			case 1:
				e.jobDone(node, JobResult(rng.IntN(3)))
			case 2:
				node.view.Active = ActiveState(rng.IntN(6))
			default:
				_, _ = e.enqueue(node, jobTypes[rng.IntN(len(jobTypes))], modes[rng.IntN(len(modes))], "test")
			}
			checkBlocked(t, e)
			checkEdges(t, e)
			if t.Failed() {
				t.Fatalf("seed %d", seed)
			}
		}
	}
}

// checkEdges makes sure that both ends of every link know each other.
func checkEdges(t *testing.T, e *Engine) {
	t.Helper()
	for id, n := range e.nodes {
		if n == nil {
			continue
		}
		for i, x := range n.edges {
			m := e.nodes[x.Peer]
			if m == nil || int(x.Back) >= len(m.edges) {
				t.Fatalf("%s: link %d leads nowhere", n.def.Name, i)
			}
			if y := m.edges[x.Back]; int(y.Peer) != id || int(y.Back) != i || y.Rel != x.Rel.Inverse() || y.From != x.From.turned() {
				t.Fatalf("%s %s %s: the other end is %+v", n.def.Name, x.Rel, m.def.Name, y)
			}
			if x.From == 0 || !n.rels.has(x.Rel) {
				t.Fatalf("%s %s %s: nobody asks for it, or it is not in rels", n.def.Name, x.Rel, m.def.Name)
			}
		}
	}
}
