// SPDX-License-Identifier: Apache-2.0

package systemd

import (
	"strconv"
	"sync"

	"github.com/rouse-init/rouse/internal/unit"
)

// Interner shares one Exec between the instances of a template whose
// settings are equal: thousands of them need not be thousands of values.
// (Units of different files never have equal ones, as their positions
// differ; those that set nothing share one without an Interner.) It may be
// used from several goroutines.
type Interner struct {
	mu    sync.Mutex
	execs map[string]*unit.Exec // by fingerprint
}

// NewInterner returns an empty Interner.
func NewInterner() *Interner { return &Interner{execs: make(map[string]*unit.Exec)} }

// share returns a copy of x, or an equal value that is there already.
func (in *Interner) share(b *build, x *unit.Exec) *unit.Exec {
	if in == nil || b.names.Instance == "" {
		kept := *x
		return &kept
	}
	var scratch [512]byte
	key, ok := b.fingerprint(scratch[:0])
	in.mu.Lock()
	defer in.mu.Unlock()
	if shared := in.execs[string(key)]; ok && shared != nil {
		return shared
	}
	kept := *x
	if ok {
		in.execs[string(key)] = &kept
	}
	return &kept
}

// fingerprint is equal for units that have the same assignments from the
// same lines with the same specifiers filled in.
func (b *build) fingerprint(key []byte) ([]byte, bool) {
	for _, f := range b.files {
		key = append(append(key, f.Name...), 0)
		for i := range f.Assigns {
			a := &f.Assigns[i]
			if a.dir == nil || !a.dir.exec {
				continue
			}
			v, err := b.expand(a.Value)
			if err != nil {
				return nil, false
			}
			key = strconv.AppendInt(key, int64(a.Line), 10)
			key = append(append(append(key, '='), v...), 0)
		}
	}
	return key, true
}
