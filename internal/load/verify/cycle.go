// SPDX-License-Identifier: Apache-2.0

package verify

import (
	"slices"
	"strings"

	"github.com/rouse-init/rouse/internal/diag"
	"github.com/rouse-init/rouse/internal/unit"
)

// edge says that a unit waits for another one.
type edge struct{ to int }

// cycles reports units that are ordered in a ring and that one start would
// bring together. Order alone does no harm: a ring counts only when one of
// its units pulls in all the others.
func (c *checker) cycles(units []*unit.Unit) {
	at := map[string]int{}
	for i, u := range units {
		at[u.Name] = i
	}
	after := make([][]edge, len(units))
	for i, u := range units {
		if u.Load != unit.Loaded {
			continue
		}
		for _, d := range u.Deps {
			j, ok := at[d.Name]
			if !ok || j == i || units[j].Load != unit.Loaded {
				continue
			}
			switch d.Kind {
			case unit.After:
				after[i] = append(after[i], edge{j})
			case unit.Before:
				after[j] = append(after[j], edge{i})
			default:
			}
		}
	}
	for _, ring := range components(after) {
		if root, inner := c.refused(units, at, after, ring); root != nil {
			c.ring(units, root, inner, diag.Error, "cannot start: these units require each other and wait for each other: %s; their start is refused")
		} else if root := c.together(units, at, ring); root != nil {
			c.ring(units, root, ring, diag.Warning, "cannot start all in order: these units wait for each other: %s; one of their jobs will be dropped")
		}
	}
}

// ring reports units that wait for each other, at a line of root that orders
// it among them.
func (c *checker) ring(units []*unit.Unit, root *unit.Unit, ring []int, sev diag.Severity, format string) {
	names := make([]string, len(ring))
	pos := diag.Pos{}
	for i, n := range ring {
		names[i] = units[n].Name
	}
	for _, key := range []string{"Before", "After"} {
		for _, name := range names {
			if pos.Line == 0 {
				pos = where(root, key, name)
			}
		}
	}
	const most = 8
	if len(names) > most {
		names = append(names[:most:most], "…")
	}
	f := c.add(root, sev, CodeCycle, pos, format, strings.Join(names, ", "))
	f.Fix = "remove one of the After= or Before= lines between them"
	jobs := 0
	for _, n := range ring {
		if job(units[n]) != nil {
			jobs++
		}
	}
	switch {
	case jobs == len(ring): // dbus orders too
		f.Fix = "remove one of the needs or dbus stanzas between them"
	case jobs > 0:
		f.Fix = "remove one of the needs stanzas or of the After= or Before= lines between them"
	}
}

// refused returns the unit of a ring whose start the manager refuses: it
// requires, itself or through others, all of a smaller ring within, so that
// no job of that can be dropped. One of the smaller ring is preferred.
func (c *checker) refused(units []*unit.Unit, at map[string]int, after [][]edge, ring []int) (root *unit.Unit, least []int) {
	for _, start := range ring {
		needed := reach(units, at, start, requires)
		var nodes []int
		place := map[int]int{}
		for _, n := range ring {
			if needed[n] {
				place[n] = len(nodes)
				nodes = append(nodes, n)
			}
		}
		within := make([][]edge, len(nodes))
		for i, n := range nodes {
			for _, e := range after[n] {
				if to, ok := place[e.to]; ok {
					within[i] = append(within[i], edge{to})
				}
			}
		}
		for _, inner := range components(within) {
			for i := range inner {
				inner[i] = nodes[inner[i]]
			}
			if slices.Contains(inner, start) {
				return units[start], inner
			}
			root, least = units[start], inner
		}
	}
	return root, least
}

// together returns the unit of a ring whose start pulls in the whole ring,
// nil if there is none.
func (c *checker) together(units []*unit.Unit, at map[string]int, ring []int) *unit.Unit {
	for _, start := range ring {
		seen := reach(units, at, start, pulls)
		whole := true
		for _, n := range ring {
			whole = whole && seen[n]
		}
		if whole {
			return units[start]
		}
	}
	return nil
}

// reach returns the units that start leads to by dependencies that follow
// accepts, itself included.
func reach(units []*unit.Unit, at map[string]int, start int, follow func(unit.DepKind) bool) map[int]bool {
	seen := map[int]bool{start: true}
	queue := []int{start}
	for len(queue) > 0 {
		u := units[queue[0]]
		queue = queue[1:]
		for _, d := range u.Deps {
			if j, ok := at[d.Name]; ok && follow(d.Kind) && !seen[j] {
				seen[j] = true
				queue = append(queue, j)
			}
		}
	}
	return seen
}

// requires tells the dependencies without which a start fails.
func requires(k unit.DepKind) bool {
	return k == unit.Requires || k == unit.Requisite || k == unit.BindsTo
}

func pulls(k unit.DepKind) bool {
	switch k {
	case unit.Requires, unit.Requisite, unit.Wants, unit.BindsTo, unit.Upholds:
		return true
	default:
		return false
	}
}

// components returns the strongly connected components of more than one
// node, each sorted as found (Tarjan's algorithm, with its stack on the heap:
// a chain of units may be longer than a goroutine should recurse).
func components(after [][]edge) [][]int {
	n := len(after)
	order, low := make([]int, n), make([]int, n)
	onStack := make([]bool, n)
	var stack []int
	var out [][]int
	type frame struct{ node, next int }
	count := 0
	for start := range n {
		if order[start] != 0 {
			continue
		}
		work := []frame{{start, 0}}
		for len(work) > 0 {
			f := &work[len(work)-1]
			v := f.node
			if f.next == 0 {
				count++
				order[v], low[v] = count, count
				stack = append(stack, v)
				onStack[v] = true
			}
			descended := false
			for f.next < len(after[v]) {
				w := after[v][f.next].to
				f.next++
				if order[w] == 0 {
					work = append(work, frame{w, 0})
					descended = true
					break
				}
				if onStack[w] {
					low[v] = min(low[v], order[w])
				}
			}
			if descended {
				continue
			}
			work = work[:len(work)-1]
			if len(work) > 0 {
				p := work[len(work)-1].node
				low[p] = min(low[p], low[v])
			}
			if low[v] == order[v] {
				cut := len(stack) - 1
				for stack[cut] != v {
					cut--
				}
				if comp := stack[cut:]; len(comp) > 1 {
					out = append(out, append([]int(nil), comp...))
				}
				for _, w := range stack[cut:] {
					onStack[w] = false
				}
				stack = stack[:cut]
			}
		}
	}
	return out
}
