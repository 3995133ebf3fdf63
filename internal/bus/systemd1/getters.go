// SPDX-License-Identifier: Apache-2.0

package systemd1

import (
	"math"
	"time"

	"github.com/rouse-init/rouse/internal/bus"
	"github.com/rouse-init/rouse/internal/bus/wire"
	"github.com/rouse-init/rouse/internal/engine"
	"github.com/rouse-init/rouse/internal/unit"
)

// getter writes the value of one property.
type getter = func(any, *wire.Encoder)

func text(f func(*object) string) getter {
	return func(s any, e *wire.Encoder) { e.String(f(s.(*object))) }
}

func texts(f func(*object) []string) getter {
	return func(s any, e *wire.Encoder) { e.Strings(f(s.(*object))) }
}

func flag(f func(*object) bool) getter {
	return func(s any, e *wire.Encoder) { e.Bool(f(s.(*object))) }
}

func u32(f func(*object) uint32) getter {
	return func(s any, e *wire.Encoder) { e.Uint32(f(s.(*object))) }
}

func i32(f func(*object) int32) getter {
	return func(s any, e *wire.Encoder) { e.Int32(f(s.(*object))) }
}

func u64(f func(*object) uint64) getter {
	return func(s any, e *wire.Encoder) { e.Uint64(f(s.(*object))) }
}

// span writes a duration in microseconds, Infinity as the largest number.
func span(f func(*object) time.Duration) getter {
	return func(s any, e *wire.Encoder) { e.Uint64(micros(f(s.(*object)))) }
}

func micros(d time.Duration) uint64 {
	switch {
	case d == unit.Infinity:
		return math.MaxUint64
	case d < 0:
		return 0
	}
	return uint64(d / time.Microsecond)
}

// stamps are the two properties of a moment: time of day and boot clock, both
// in microseconds, 0 for never.
func stamps(name string, change bus.Change, f func(*engine.View) engine.Time) []bus.Prop {
	return []bus.Prop{
		{Name: name, Sig: "t", Change: change, Get: func(s any, e *wire.Encoder) {
			o := s.(*object)
			e.Uint64(o.svc.wall(f(&o.view)))
		}},
		{Name: name + "Monotonic", Sig: "t", Change: change, Get: func(s any, e *wire.Encoder) {
			e.Uint64(uint64(f(&s.(*object).view)) / 1000)
		}},
	}
}

// wall is the time of day of a moment in microseconds, 0 for never.
func (s *Service) wall(t engine.Time) uint64 {
	if t == 0 {
		return 0
	}
	return uint64(s.cfg.Wall().Add(-time.Duration(s.cfg.Now() - t)).UnixMicro())
}

// fixed writes the same string always, and so on: what systemd can do and
// rouse does not is shown as not done.
func fixedText(v string) getter { return func(_ any, e *wire.Encoder) { e.String(v) } }
func fixedU64(v uint64) getter  { return func(_ any, e *wire.Encoder) { e.Uint64(v) } }
func fixedU32(v uint32) getter  { return func(_ any, e *wire.Encoder) { e.Uint32(v) } }
func fixedFlag(v bool) getter   { return func(_ any, e *wire.Encoder) { e.Bool(v) } }

// zero writes the empty value of a signature: nothing set.
func zero(sig string) getter {
	return func(_ any, e *wire.Encoder) { writeZero(e, sig) }
}

func writeZero(e *wire.Encoder, sig string) {
	for _, t := range wire.SplitSignature(sig) {
		switch t[0] {
		case 'y':
			e.Byte(0)
		case 'b', 'u', 'i':
			e.Uint32(0)
		case 'q':
			e.Uint16(0)
		case 't', 'x', 'd':
			e.Uint64(0)
		case 's':
			e.String("")
		case 'o':
			e.Path("/")
		case 'a':
			e.End(e.Array(t[1]))
		case '(':
			e.Struct()
			writeZero(e, t[1:len(t)-1])
		}
	}
}

// zeros are properties that are never set, all with the same signature.
func zeros(sig string, names ...string) []bus.Prop {
	props := make([]bus.Prop, len(names))
	for i, n := range names {
		props[i] = bus.Prop{Name: n, Sig: sig, Change: bus.ChangeConst, Get: zero(sig)}
	}
	return props
}

// unknowns are figures and limits that are not there: the largest number.
func unknowns(names ...string) []bus.Prop {
	props := make([]bus.Prop, len(names))
	for i, n := range names {
		props[i] = bus.Prop{Name: n, Sig: "t", Change: bus.ChangeFalse, Get: fixedU64(math.MaxUint64)}
	}
	return props
}

// one is a property from the definition, which a reload may change.
func one(name, sig string, get getter) bus.Prop {
	return bus.Prop{Name: name, Sig: sig, Change: bus.ChangeConst, Get: get}
}

// live is a property whose changes are told.
func live(name, sig string, get getter) bus.Prop {
	return bus.Prop{Name: name, Sig: sig, Change: bus.ChangeTrue, Get: get}
}

// asked is a property that changes without being told.
func asked(name, sig string, get getter) bus.Prop {
	return bus.Prop{Name: name, Sig: sig, Change: bus.ChangeFalse, Get: get}
}
