// SPDX-License-Identifier: Apache-2.0

package load

import (
	"strings"
	"testing"

	"github.com/rouse-init/rouse/internal/unit"
)

// What needs the bus needs the unit of it that there is.
func TestPlaceBus(t *testing.T) {
	const (
		bus  = "[Service]\nType=dbus\nBusName=org.example.Name\nExecStart=/bin/true\n"
		sock = "[Socket]\nListenStream=/run/bus\n"
	)
	for _, c := range []struct {
		name  string
		files tree
		unit  string // Requires= and After= of dbus.* in bus.service
		job   string // and of the job
	}{
		{"both", tree{"dbus.socket": sock, "dbus.service": simple}, "Requires=dbus.socket After=dbus.socket", "Requires=dbus.service After=dbus.service"},
		{"service", tree{"dbus.service": simple}, "Requires=dbus.service After=dbus.service", "Requires=dbus.service After=dbus.service"},
		{"job", tree{"dbus.conf": "exec dbus-daemon\n"}, "Requires=dbus.service After=dbus.service", "Requires=dbus.service After=dbus.service"},
		{"alias", tree{"broker.service": simple, "dbus.service": "->broker.service"}, "Requires=broker.service After=broker.service", "Requires=broker.service After=broker.service"},
		{"none", tree{}, "After=dbus.socket", "After=dbus.service"},
		{"asked for", tree{"bus.service": bus + "[Unit]\nRequires=dbus.service\n"}, "Requires=dbus.service After=dbus.socket", "After=dbus.service"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.files["bus.service"] == "" {
				c.files["bus.service"] = bus
			}
			c.files["own.conf"] = "dbus system-bus org.example.Own\nexec /bin/true\n"
			l := in(c.files.make(t))
			for name, want := range map[string]string{"bus.service": c.unit, "own.service": c.job} {
				if got := busDeps(one(t, l, name)); got != want {
					t.Errorf("%s: %s, want %s", name, got, want)
				}
			}
		})
	}
}

func busDeps(u *unit.Unit) string {
	var out []string
	for _, d := range u.Deps {
		kind := map[unit.DepKind]string{unit.Requires: "Requires=", unit.After: "After="}[d.Kind]
		if kind != "" && (strings.HasPrefix(d.Name, "dbus.") || d.Name == "broker.service") {
			out = append(out, kind+d.Name)
		}
	}
	return strings.Join(out, " ")
}
