// SPDX-License-Identifier: Apache-2.0

package systemd

import (
	"errors"
	"strconv"

	"github.com/rouse-init/rouse/internal/unit"
)

// sliceTable is what slices limit that cgroups do not.
func sliceTable() []Directive {
	running := key(inSlice, "X-RunningMax", value{"number or infinity", func(b *build, v string) error {
		if v == "" || v == "infinity" {
			b.ceiling().Running = 0
			return nil
		}
		n, err := strconv.ParseUint(v, 10, 32)
		if err != nil || n == 0 {
			return errors.New("expected a number of services, at least 1, or infinity")
		}
		b.ceiling().Running = uint32(n)
		return nil
	}})
	running.Default = "infinity"
	running.Doc = "How many services of the slice and of those below it may be awake at once: `-.slice` is the host, `system-NAME.slice` (of a user's manager `app-NAME.slice`) has all instances of NAME@.service. " +
		"When a knock finds the slice full, idle services of it that may sleep are put to sleep at once, least recently used first; until there is room the knock waits its turn, in the kernel's queue. " +
		"Starts by a person, by dependencies and by Restart= do not wait, but count."
	memory := key(inSlice, "X-RunningMemory", value{"size, percentage of the memory, or infinity", func(b *build, v string) error {
		if v == "" || v == "infinity" {
			b.ceiling().Memory = 0
			return nil
		}
		n, err := b.bytes(v)
		if err == nil && n == 0 {
			err = errNoBytes // it would stand for no ceiling
		}
		if err == nil {
			b.ceiling().Memory = n
		}
		return err
	}})
	memory.Default = "infinity"
	memory.Doc = "How much memory the services of the slice and of those below it may have together when a knock wakes one of them; it is measured then, and a second after. " +
		"Where it would be more, sleepers are paged out, those with X-IdleStopSec= are stopped, and then idle services are put to sleep, least recently used first; " +
		"the knock waits for it as with X-RunningMax=. A service that is alone in the slice is always let in."
	return []Directive{running, memory}
}

// ceiling is made once one of its keys is set.
func (b *build) ceiling() *unit.Ceiling {
	if b.u.Ceiling == nil {
		b.u.Ceiling = new(unit.Ceiling)
	}
	return b.u.Ceiling
}
