// SPDX-License-Identifier: Apache-2.0

package manager

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/rouse-init/rouse/internal/diag"
	"github.com/rouse-init/rouse/internal/linux/socket"
	"github.com/rouse-init/rouse/internal/unit"
)

// inUse tells whether a listener could not be opened because its address is taken.
func inUse(err error) bool {
	return err != nil && strings.Contains(err.Error(), unix.EADDRINUSE.Error())
}

// nameHolder says which of our own sockets has the address that u cannot have:
// two files, perhaps of two formats, want the same.
func (m *Manager) nameHolder(u *unit.Unit, d *diag.Diagnostic) {
	i := slices.IndexFunc(u.Socket.Listens, func(l unit.Listen) bool { return l.Pos == d.Pos })
	if i < 0 || !inUse(*d) {
		return
	}
	want, err := socket.Parse(u.Socket.Listens[i].Kind, u.Socket.Listens[i].Address)
	if err != nil {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(m.sockets)) {
		other := m.engine.Def(name)
		if name == u.Name || other == nil || other.Socket == nil {
			continue
		}
		for _, l := range m.sockets[name].listeners {
			if l.Index < 0 || l.Index >= len(other.Socket.Listens) {
				continue
			}
			line := other.Socket.Listens[l.Index]
			if have, err := socket.Parse(line.Kind, line.Address); err == nil && want.Excludes(have) {
				d.Msg += fmt.Sprintf(", for %s (%s)", name, line.Pos)
				d.Fix = "give one of them another address"
				return
			}
		}
	}
}
