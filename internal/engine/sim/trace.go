// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"fmt"

	"github.com/rouse-init/rouse/internal/engine"
)

// note adds an input or an order to the trace and to its hash.
func (w *World) note(mark string, x any) {
	if w.cfg.Trace != nil {
		w.cfg.Trace(fmt.Sprintf("%v %s%T %+v", w.now/millisecond, mark, x, x))
	}
	switch x := x.(type) {
	case engine.Spawn:
		w.mix("spawn", x.Token.Unit, x.Token.Gen, uint64(x.Index))
	case engine.Signal:
		w.mix("signal", x.Unit, uint64(x.Main)<<32|uint64(x.Control), uint64(x.Sig))
	case engine.JobQueued:
		w.mix("queued", x.Unit, uint64(x.Job), uint64(x.Type))
	case engine.JobRemoved:
		w.mix("removed", x.Unit, uint64(x.Job), uint64(x.Result))
	case engine.ArmTimer:
		w.mix("timer", x.Token.Unit, x.Token.Gen, uint64(x.At))
	case engine.UnitChanged:
		w.mix("changed", x.Unit, uint64(w.now), 0)
	case engine.Exited:
		w.mix("exited", "", uint64(x.Pid), uint64(x.Status))
	case engine.Record:
		w.mix("record", x.Msg, uint64(x.Level), 0)
	default:
		w.mix("other", mark, uint64(w.now), 0)
	}
}

// mix is FNV-1a over two strings and two numbers.
func (w *World) mix(a, b string, x, y uint64) {
	const prime = 1099511628211
	h := w.res.Hash
	for _, s := range [2]string{a, b} {
		for i := range len(s) {
			h = (h ^ uint64(s[i])) * prime
		}
	}
	h = (h ^ x) * prime
	w.res.Hash = (h ^ y) * prime
}
