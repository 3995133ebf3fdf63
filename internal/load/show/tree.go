// SPDX-License-Identifier: Apache-2.0

package show

import (
	"bufio"
	"io"
	"slices"
	"strings"

	"github.com/rouse-init/rouse/internal/unit"
)

// Direction says which dependencies a tree follows.
type Direction uint8

// The directions of systemctl list-dependencies.
const (
	Forward Direction = iota // what the unit pulls in
	Reverse                  // what pulls the unit in
	After                    // what the unit is ordered after
	Before
)

// TreeOptions are the options of list-dependencies.
type TreeOptions struct {
	All   bool // expand all units, not only targets
	Plain bool // indent by blanks, each unit once
	// Dot is printed before each unit, "●" coloured by its state; nil for
	// a dot without colour. It is not asked with Plain.
	Dot func(name string) string
}

// Tree writes the tree of dependencies of a unit as list-dependencies does.
// deps returns the names next to a unit, see Neighbours.
func Tree(w io.Writer, root string, deps func(string) []string, opt TreeOptions) error {
	t := &tree{w: bufio.NewWriter(w), deps: deps, opt: opt, on: map[string]bool{}}
	t.line(root, "")
	t.below(root, nil)
	return t.w.Flush()
}

type tree struct {
	w    *bufio.Writer // its error is told by Flush
	deps func(string) []string
	opt  TreeOptions
	on   map[string]bool // the units on the way from the root; with Plain all printed
}

func (t *tree) line(name, prefix string) {
	_, _ = t.w.WriteString(prefix)
	_, _ = t.w.WriteString(name)
	_ = t.w.WriteByte('\n')
}

// below prints what hangs on a unit; bars tells for each level above whether
// its branch goes on.
func (t *tree) below(name string, bars []bool) {
	t.on[name] = true
	deps := slices.Clone(t.deps(name))
	slices.SortFunc(deps, byTargetLast)
	deps = slices.Compact(deps)
	circular := false
	for i, d := range deps {
		if t.on[d] {
			circular = true
			continue
		}
		last := i == len(deps)-1
		t.line(d, t.prefix(d, bars, last))
		if t.opt.All || unit.KindOf(d) == unit.KindTarget {
			t.below(d, append(bars[:len(bars):len(bars)], !last))
		}
	}
	if t.opt.Plain {
		return // what was printed stays marked
	}
	if circular {
		t.line("...", t.prefix("", bars, true))
	}
	delete(t.on, name)
}

func (t *tree) prefix(name string, bars []bool, last bool) string {
	if t.opt.Plain {
		return "  "
	}
	var b strings.Builder
	switch {
	case name == "":
		b.WriteString("  ")
	case t.opt.Dot != nil:
		b.WriteString(t.opt.Dot(name) + " ")
	default:
		b.WriteString("● ")
	}
	for _, on := range bars {
		if on {
			b.WriteString("│ ")
		} else {
			b.WriteString("  ")
		}
	}
	if last {
		b.WriteString("└─")
	} else {
		b.WriteString("├─")
	}
	return b.String()
}

// byTargetLast sorts targets behind the rest, as systemctl does.
func byTargetLast(a, b string) int {
	ta, tb := unit.KindOf(a) == unit.KindTarget, unit.KindOf(b) == unit.KindTarget
	if ta != tb {
		return b2i(ta) - b2i(tb)
	}
	if c := strings.Compare(strings.ToLower(a), strings.ToLower(b)); c != 0 {
		return c
	}
	return strings.Compare(a, b)
}

// Neighbours returns the function that Tree wants for a set of units.
func Neighbours(units []*unit.Unit, d Direction) func(string) []string {
	next := map[string][]string{}
	for _, u := range units {
		for _, dep := range u.Deps {
			if !follows(dep.Kind, d) {
				continue
			}
			from, to := u.Name, dep.Name
			if backwards(dep.Kind, d) {
				from, to = to, from
			}
			next[from] = append(next[from], to)
		}
	}
	return func(name string) []string { return next[name] }
}

// follows tells the kinds that a direction is about. PartOf points the other
// way: its inverse, ConsistsOf, is what list-dependencies shows.
func follows(k unit.DepKind, d Direction) bool {
	if d == After || d == Before {
		return k == unit.After || k == unit.Before
	}
	switch k {
	case unit.Requires, unit.Requisite, unit.Wants, unit.BindsTo, unit.Upholds, unit.PartOf:
		return true
	default:
		return false
	}
}

func backwards(k unit.DepKind, d Direction) bool {
	switch d {
	case Reverse:
		return k != unit.PartOf
	case After:
		return k == unit.Before
	case Before:
		return k == unit.After
	case Forward:
	}
	return k == unit.PartOf
}
