// SPDX-License-Identifier: Apache-2.0

// Package pairtest prints pairs, and the units that are made like theirs, for
// the golden files of their formats.
package pairtest

import (
	"fmt"
	"math"
	"strings"

	"github.com/rouse-init/rouse/internal/diag"
	"github.com/rouse-init/rouse/internal/format/golden"
	"github.com/rouse-init/rouse/internal/format/pair"
	"github.com/rouse-init/rouse/internal/unit"
)

// Print prints what differs from the units of a pair that says nothing.
func Print(pairs []*pair.Pair, list diag.List) string {
	var b strings.Builder
	for _, p := range pairs {
		for _, name := range []string{p.SocketName(), p.ServiceName()} {
			base := pair.New(p.Format, p.File, p.Pos)
			base.Name, base.Socket.Accept, base.OneProcess = p.Name, p.Socket.Accept, p.OneProcess
			u, found := p.Instance(name)
			old, _ := base.Instance(name)
			fmt.Fprintf(&b, "== %s\n", name)
			if p.Off {
				b.WriteString("off\n")
			}
			b.WriteString(Diff(u, old))
			for _, d := range found {
				d.Unit = ""
				fmt.Fprintf(&b, "%s %v\n", d.Code, d)
			}
		}
	}
	if len(list) > 0 {
		b.WriteString("==\n")
	}
	for _, d := range list {
		fmt.Fprintf(&b, "%s %v\n", d.Code, d)
	}
	return b.String()
}

// Diff prints what differs between a unit and another one.
func Diff(u, from *unit.Unit) string { return golden.Diff(u, from, show) }

func show(v any) string {
	switch x := v.(type) {
	case diag.Pos:
		return fmt.Sprintf("%d:%d", x.Line, x.Col)
	case unit.AccessRule:
		return fmt.Sprintf("%v at %d:%d", x, x.Pos.Line, x.Pos.Col)
	case unit.TimeRange:
		return x.String()
	case uint32:
		if x == math.MaxUint32 {
			return "max"
		}
	case uint64:
		if x == math.MaxUint64 {
			return "infinity"
		}
	}
	return ""
}
