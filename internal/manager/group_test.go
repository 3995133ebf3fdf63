// SPDX-License-Identifier: Apache-2.0

package manager

import (
	"fmt"
	"strings"
	"testing"

	"github.com/rouse-init/rouse/internal/engine"
	"github.com/rouse-init/rouse/internal/unit"
)

// TestGroupOrder: the order of a group is the kernel's, which puts the last
// listener in the place of one that goes.
func TestGroupOrder(t *testing.T) {
	m := &Manager{engine: engine.New(engine.Config{}), groups: map[string][]string{}, chosenOf: map[string][]string{}}
	var load engine.Loaded
	for i := range 4 {
		load.Units = append(load.Units, &unit.Unit{
			Name: fmt.Sprintf("web@%d.socket", i), Kind: unit.KindSocket,
			Socket: &unit.Socket{MemberOf: "web.socket", Service: fmt.Sprintf("web@%d.service", i)},
		})
	}
	other := &unit.Unit{Name: "x@0.socket", Kind: unit.KindSocket, Socket: &unit.Socket{Service: "x@0.service"}}
	m.engine.Step(1, engine.Loaded{Units: append(load.Units, other)})
	for _, c := range []struct {
		do   string
		want string
	}{
		{"+web@0 +web@1 +x@0", "0 1"},
		{"+web@2 +web@3 +web@2", "0 1 2 3"},
		{"-web@1", "0 3 2"},
		{"-web@2", "0 3"},
		{"+web@1 -x@0", "0 3 1"},
		{"-web@0 -web@0", "1 3"},
		{"-web@3 -web@1", ""},
	} {
		for _, w := range strings.Fields(c.do) {
			m.noteMember(w[1:]+".socket", w[0] == '+')
		}
		var got []string
		for _, name := range m.groups["web.socket"] {
			got = append(got, unit.Split(name).Instance)
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("after %s: %q, want %q", c.do, s, c.want)
		}
	}
	if len(m.groups) > 0 {
		t.Errorf("groups are left: %v", m.groups)
	}
}
