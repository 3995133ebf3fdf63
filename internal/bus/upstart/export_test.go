// SPDX-License-Identifier: Apache-2.0

package upstart

import "github.com/rouse-init/rouse/internal/bus"

// Interfaces are all that there are.
func Interfaces() []*bus.Interface {
	t := newTables()
	return append(append(t.manager, t.job...), t.instance...)
}

// Waits is how many calls of the Backend have no answer.
func (s *Service) Waits() int { return s.waits }

// Told is how many instances are remembered.
func (s *Service) Told() int { return len(s.told) }
