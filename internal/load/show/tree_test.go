// SPDX-License-Identifier: Apache-2.0

package show

import (
	"strings"
	"testing"

	"github.com/rouse-init/rouse/internal/unit"
)

func wants(name string, others ...string) *unit.Unit {
	u := &unit.Unit{Name: name, Kind: unit.KindOf(name)}
	for _, o := range others {
		u.Deps = append(u.Deps, unit.Dep{Kind: unit.Wants, Name: o}, unit.Dep{Kind: unit.After, Name: o})
	}
	return u
}

// TestTree: the trees are those that systemctl list-dependencies printed for
// the same units.
func TestTree(t *testing.T) {
	units := []*unit.Unit{
		wants("c1.target", "c2.target"), wants("c2.target", "c3.target", "p.service"),
		wants("c3.target", "c1.target", "q.service"), wants("q.service", "p.service", "Z.slice"), wants("p.service"),
	}
	for _, c := range []struct {
		root, want string
		dir        Direction
		opt        TreeOptions
	}{
		{"c1.target", `c1.target
● └─c2.target
●   ├─p.service
●   └─c3.target
●     ├─q.service
      └─...
`, Forward, TreeOptions{}},
		{"c1.target", `c1.target
  c2.target
  p.service
  c3.target
  q.service
`, Forward, TreeOptions{Plain: true}},
		{"c2.target", `c2.target
● ├─p.service
● └─c3.target
●   ├─q.service
●   │ ├─p.service
●   │ └─Z.slice
●   └─c1.target
      └─...
`, Forward, TreeOptions{All: true}},
		{"p.service", `p.service
○ ├─q.service
○ └─c2.target
○   └─c1.target
○     └─c3.target
        └─...
`, Reverse, TreeOptions{Dot: func(string) string { return "○" }}},
		{"p.service", "p.service\n● ├─q.service\n● └─c2.target\n●   └─c1.target\n●     └─c3.target\n        └─...\n", Before, TreeOptions{}},
		{"none.service", "none.service\n", After, TreeOptions{}},
	} {
		var b strings.Builder
		if err := Tree(&b, c.root, Neighbours(units, c.dir), c.opt); err != nil {
			t.Fatal(err)
		}
		if b.String() != c.want {
			t.Errorf("tree of %s (direction %d):\n%s\nwant:\n%s", c.root, c.dir, b.String(), c.want)
		}
	}
}
