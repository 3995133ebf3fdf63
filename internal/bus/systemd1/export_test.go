// SPDX-License-Identifier: Apache-2.0

package systemd1

import "github.com/rouse-init/rouse/internal/bus"

// Interfaces are all that there are.
func Interfaces() []*bus.Interface {
	t := newTables(nil)
	all := append(t.manager, t.job...)
	for _, k := range t.kinds {
		all = append(all, k...)
	}
	return all
}
