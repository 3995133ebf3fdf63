// SPDX-License-Identifier: Apache-2.0

package load

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rouse-init/rouse/internal/unit"
)

const bridged8080 = "[Socket]\nListenStream=/run/x\nX-Handover=bridge:8080 send-proxy=v2\n"

// A socket with X-Handover=bridge: has a service that is written nowhere, bound
// to the one behind it, with its user and with drop-ins.
func TestBridgeIsMade(t *testing.T) {
	dir := tree{
		"web.socket":                          bridged8080,
		"web.service":                         "[Service]\nExecStart=/bin/true\nUser=nobody\n",
		"rouse-bridge@.service.d/a.conf":      "[Service]\nLimitNOFILE=100\n",
		"rouse-bridge@web.service.d/b.conf":   "[Service]\nNice=5\n",
		"rouse-bridge@other.service.d/b.conf": "[Service]\nNice=6\n",
	}.make(t)
	l := in(dir)
	u := one(t, l, "web.socket")
	if u.Socket.Service != "rouse-bridge@web.service" || u.Socket.Bridge.Service != "web.service" || !slices.Contains(u.Deps, unit.Dep{Kind: unit.Triggers, Implicit: true, Name: "rouse-bridge@web.service"}) {
		t.Errorf("%+v, %v", u.Socket, u.Deps)
	}
	b, ok := l.Unit("rouse-bridge@web.service")
	if !ok || b.Load != unit.Loaded {
		t.Fatalf("the bridge is not loaded: %+v", b)
	}
	for _, k := range []unit.DepKind{unit.BindsTo, unit.BoundBy, unit.After} {
		if !hasDep(b, k, "web.service") {
			t.Errorf("no dependency of kind %d: %v", k, b.Deps)
		}
	}
	x, c := b.Service.Exec, b.Service.Commands[0]
	if x.User != "nobody" || *x.Nice != 5 || len(x.Limits) != 1 || len(b.DropIns) != 2 {
		t.Errorf("%+v, %v", x, b.DropIns)
	}
	if want := "rouse bridge --ready=daemon --to 8080 --send-proxy=v2"; strings.Join(c.Args, " ") != want || c.Path != "/proc/self/exe" {
		t.Errorf("%s %q", c.Path, c.Args)
	}
	if want := filepath.Join(dir, "web.socket") + ":3:12"; c.Pos.String() != want || b.SourcePath != filepath.Join(dir, "web.socket") {
		t.Errorf("it is of %s, %s; want %s", c.Pos, b.SourcePath, want)
	}
}

// Sockets of one service with different targets have a bridge each; instances
// have theirs; a name alone makes none.
func TestBridgesByName(t *testing.T) {
	l := in(tree{
		"web.socket": bridged8080, "web.service": simple,
		"admin.socket": "[Socket]\nListenStream=/run/y\nService=web.service\nX-Handover=bridge:/run/admin starting-page\n",
		"app@.socket":  "[Socket]\nListenStream=/run/%i\nX-Handover=bridge:%i\n", "app@.service": simple,
		"plain.socket": "[Socket]\nListenStream=/run/z\n", "plain.service": simple,
		"own.socket": bridged8080, "own.service": simple, "rouse-bridge@own.service": "[Service]\nExecStart=/bin/own\n",
	}.make(t))
	for name, want := range map[string]string{
		"rouse-bridge@web.service":    "BindsTo After BoundBy web.service",
		"rouse-bridge@admin.service":  "BindsTo BoundBy web.service", // its page is there before the service
		"rouse-bridge@app@81.service": "BindsTo After BoundBy app@81.service",
		"rouse-bridge@plain.service":  "",
		"rouse-bridge@none.service":   "",
		"rouse-bridge@.service":       "",
		"rouse-bridge@own.service":    "",
	} {
		u := one(t, l, name)
		var kinds []string
		service := ""
		for _, d := range u.Deps {
			i := slices.Index([]unit.DepKind{unit.BindsTo, unit.After, unit.BoundBy}, d.Kind)
			if i < 0 || strings.HasSuffix(d.Name, ".target") || strings.HasSuffix(d.Name, ".socket") || strings.HasSuffix(d.Name, ".slice") {
				continue
			}
			kinds, service = append(kinds, []string{"BindsTo", "After", "BoundBy"}[i]), d.Name
		}
		if got := strings.TrimSpace(strings.Join(kinds, " ") + " " + service); got != want {
			t.Errorf("%s: %q, want %q (%v)", name, got, want, u.LoadErr)
		}
		if want == "" && name != "rouse-bridge@own.service" && (u.Load == unit.Loaded || u.LoadErr == nil) {
			t.Errorf("%s is loaded", name)
		}
	}
}

// A socket that loses the key loses its bridge.
func TestBridgeVanishes(t *testing.T) {
	dir := tree{"web.socket": bridged8080, "web.service": simple}.make(t)
	l := in(dir)
	l.Load("web.socket")
	put(t, filepath.Join(dir, "web.socket"), "[Socket]\nListenStream=/run/x\n")
	_, gone, list := l.Reload("web.socket", "web.service", "rouse-bridge@web.service")
	if !slices.Equal(gone, []string{"rouse-bridge@web.service"}) || len(list) > 0 {
		t.Errorf("gone: %v, %v", gone, list)
	}
}
