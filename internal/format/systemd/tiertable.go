// SPDX-License-Identifier: Apache-2.0

package systemd

import (
	"time"

	"github.com/rouse-init/rouse/internal/unit"
)

// tierTable is how deep services sleep, and when they may.
func tierTable() []Directive {
	tier := func(name, def, doc string, f func(*unit.Tiers) *time.Duration) Directive {
		d := key(inService, name, span(func(b *build) *time.Duration { return f(b.tiers()) }))
		d.Default, d.Doc = def, doc
		return d
	}
	return []Directive{
		tier("X-IdleReclaimSec", "infinity", "A service that has been asleep for so long, frozen (X-IdleAction=freeze), has its memory paged out: by memory.reclaim of its cgroup "+
			"where there is a memory controller, else page by page (process_madvise(2), which needs CAP_SYS_NICE); without swap only what a file backs. The wake brings it back. `infinity`: never.",
			func(t *unit.Tiers) *time.Duration { return &t.Reclaim }),
		tier("X-IdleStopSec", "infinity", "A service that has been asleep for so long, frozen, is stopped, and the next connection starts it anew. An open connection, however silent, keeps it from being stopped; "+
			"it is looked at again after the same time. `infinity`: never.",
			func(t *unit.Tiers) *time.Duration { return &t.Stop }),
		tier("X-IdleMinUpSec", "0", "A service is not put to sleep before it has been up for so long since its start or its last wake.",
			func(t *unit.Tiers) *time.Duration { return &t.MinUp }),
	}
}

// tiers are made once one of their keys is set.
func (b *build) tiers() *unit.Tiers {
	if b.svc.Tiers == nil {
		b.svc.Tiers = &unit.Tiers{Reclaim: unit.Infinity, Stop: unit.Infinity}
	}
	return b.svc.Tiers
}
