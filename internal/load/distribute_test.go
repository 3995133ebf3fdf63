// SPDX-License-Identifier: Apache-2.0

package load

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rouse-init/rouse/internal/diag"
	"github.com/rouse-init/rouse/internal/unit"
)

const shared = "[Unit]\nAfter=db.service\nOnFailure=f.service\n[Socket]\nListenStream=8080\nDistribute=3\nExecStartPost=/bin/true\n"

func TestDistribute(t *testing.T) {
	dir := tree{"web.socket": shared, "web@.service": simple, "f.service": simple}.make(t)
	l := in(dir)
	p, units, list := l.Plan()
	if len(list) > 0 {
		t.Errorf("told: %v", list)
	}
	if got := strings.Join(p.Start, " "); got != "web.socket f.service" {
		t.Errorf("starts %q", got)
	}
	var names []string
	for _, u := range units {
		if strings.HasPrefix(u.Name, "web") {
			names = append(names, u.Name)
		}
	}
	want := "web.socket web@0.service web@0.socket web@1.service web@1.socket web@2.service web@2.socket"
	if got := strings.Join(names, " "); got != want {
		t.Errorf("units %q, want %q", got, want)
	}
	u := one(t, l, "web.socket")
	if got := implicit(u, unit.Requires); !strings.HasSuffix(got, "web@0.socket web@1.socket web@2.socket") {
		t.Errorf("web.socket requires %q", got)
	}
	m := one(t, l, "web@1.socket")
	s := m.Socket
	if s.Distribute != 0 || s.MemberOf != "web.socket" || s.Service != "web@1.service" || s.Leaving || len(s.Commands) > 0 ||
		s.FDName != "web.socket" || s.Options == nil || s.Options.ReusePort == nil || !*s.Options.ReusePort {
		t.Errorf("web@1.socket is %+v", s)
	}
	for kind, want := range map[unit.DepKind]string{
		unit.Triggers: "web@1.service", unit.PartOf: "web.socket", unit.OnFailure: "",
	} {
		if got := implicit(m, kind) + depNames(m, kind); got != want {
			t.Errorf("web@1.socket: %v is %q, want %q", kind, got, want)
		}
	}
	if got := depNames(m, unit.After) + " " + implicit(m, unit.After); !strings.HasPrefix(got, "db.service ") || !strings.HasSuffix(got, " web@0.socket") {
		t.Errorf("web@1.socket is after %q", got)
	}
	if got := m.Fragment; got != filepath.Join(dir, "web.socket") {
		t.Errorf("its file is %s", got)
	}
	if u := one(t, l, "web@3.socket"); u.Load != unit.NotFound || !strings.Contains(u.LoadErr.Msg, "web.socket has 3 sockets") {
		t.Errorf("web@3.socket: %v %v", u.Load, u.LoadErr)
	}
	if u := one(t, l, "web@01.socket"); u.Load != unit.NotFound {
		t.Errorf("web@01.socket: %v", u.Load)
	}
}

// implicit are the names of the implicit dependencies of a kind.
func implicit(u *unit.Unit, k unit.DepKind) string {
	var out []string
	for _, d := range u.Deps {
		if d.Kind == k && d.Implicit {
			out = append(out, d.Name)
		}
	}
	return strings.Join(out, " ")
}

// TestDistributeReload: members that are too many leave as long as somebody
// has them, and nobody else sees them.
func TestDistributeReload(t *testing.T) {
	dir := tree{"web.socket": shared, "web@.service": simple}.make(t)
	l := in(dir)
	l.All()
	if l.Changed("web@2.socket") {
		t.Error("web@2.socket has changed")
	}
	put(t, filepath.Join(dir, "web.socket"), strings.Replace(shared, "Distribute=3", "Distribute=1", 1))
	if !l.Changed("web@2.socket") {
		t.Error("web@2.socket has not changed")
	}
	known := []string{"web.socket", "web@0.socket", "web@1.socket", "web@2.socket"}
	units, gone, list := l.Reload(known...)
	if len(gone) > 0 || list.Errors() {
		t.Errorf("gone %v, %v", gone, list)
	}
	leaving := map[string]bool{}
	for _, u := range units {
		if u.Kind == unit.KindSocket {
			leaving[u.Name] = u.Socket.Leaving
		}
	}
	if len(leaving) != 4 || leaving["web.socket"] || leaving["web@0.socket"] || !leaving["web@1.socket"] || !leaving["web@2.socket"] {
		t.Errorf("leaving: %v", leaving)
	}
	if got := implicit(one(t, l, "web.socket"), unit.Requires); strings.Contains(got, "web@1") {
		t.Errorf("web.socket requires %q", got)
	}
	if units, _, _ := l.Reload("web.socket"); slices.ContainsFunc(units, func(u *unit.Unit) bool { return u.Name == "web@1.socket" }) {
		t.Error("web@1.socket is there although nobody has it")
	}
	if err := os.Remove(filepath.Join(dir, "web.socket")); err != nil {
		t.Fatal(err)
	}
	if _, gone, _ := l.Reload(known...); !slices.Contains(gone, "web.socket") || !slices.Contains(gone, "web@0.socket") {
		t.Errorf("gone: %v", gone)
	}
}

// TestDistributeRefused: what stands in the way of the members.
func TestDistributeRefused(t *testing.T) {
	long := strings.Repeat("x", unit.MaxName-len(".socket"))
	for name, c := range map[string]struct {
		files tree
		unit  string
		want  string
	}{
		"a template":       {tree{"web.socket": shared, "web@.service": simple, "web@.socket": "[Socket]\nListenStream=%i\n"}, "web.socket", codeMember},
		"one of the names": {tree{"web.socket": shared, "web@.service": simple, "web@1.socket": "[Socket]\nListenStream=81\n"}, "web.socket", codeMember},
		"a long name":      {tree{long + ".socket": strings.Replace(shared, "[Socket]", "[Socket]\nService=w@.service", 1), "w@.service": simple}, long + ".socket", codeMember},
		"a drop-in of all": {tree{"web.socket": shared, "web@.service": simple, "web@.socket.d/a.conf": "[Socket]\nBacklog=1\n"}, "web.socket", codeOverride},
		"a drop-in":        {tree{"web.socket": shared, "web.socket.d/a.conf": "[Socket]\nBacklog=1\n", "web@.service": simple}, "web.socket", ""},
	} {
		dir := c.files.make(t)
		l := in(dir)
		_, list := l.Load(c.unit)
		list = slices.DeleteFunc(list, func(d diag.Diagnostic) bool { return d.Unit != c.unit })
		got := ""
		if len(list) > 0 {
			got = list[0].Code
		}
		if got != c.want || len(list) > 1 {
			t.Errorf("%s: %v", name, list)
		}
		if u := one(t, l, c.unit); (u.Load == unit.Loaded) != (c.want != codeMember) {
			t.Errorf("%s: load state %v", name, u.Load)
		}
	}
}
