// SPDX-License-Identifier: Apache-2.0

package load

import (
	"slices"

	"github.com/rouse-init/rouse/internal/unit"
)

// The units of the message bus: systemd's services need the socket, jobs with
// a dbus stanza the service.
const busSocket, busService = "dbus.socket", "dbus.service"

// placeBus corrects what u needs because it is reached over the message bus.
// Where the bus has no socket unit it is the service that is needed; where it
// has no unit at all it is somebody else's, such as that of a session or the
// one that `rouse up --bus` was given, and is taken to run. systemd refuses
// such a unit.
func (x *index) placeBus(u *unit.Unit) {
	if u.Service == nil || u.Service.Type != unit.TypeDBus {
		return
	}
	socket, service := x.find(busSocket) != nil, x.find(busService) != nil
	ours := func(d unit.Dep) bool { return d.Implicit && (d.Name == busSocket || d.Name == busService) }
	switch {
	case socket && service:
	case service:
		for i, d := range u.Deps {
			if ours(d) {
				u.Deps[i].Name = busService
			}
		}
	case !socket:
		u.Deps = slices.DeleteFunc(u.Deps, func(d unit.Dep) bool { return ours(d) && d.Kind == unit.Requires })
	}
}
