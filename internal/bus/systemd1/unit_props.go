// SPDX-License-Identifier: Apache-2.0

package systemd1

import (
	"slices"

	"github.com/rouse-init/rouse/internal/bus"
	"github.com/rouse-init/rouse/internal/bus/wire"
	"github.com/rouse-init/rouse/internal/engine"
	"github.com/rouse-init/rouse/internal/unit"
)

// inverses are the dependencies that have a property on the other side.
var inverses = []struct {
	name string
	kind unit.DepKind
}{
	{"RequiredBy", unit.Requires},
	{"RequisiteOf", unit.Requisite},
	{"WantedBy", unit.Wants},
	{"BoundBy", unit.BindsTo},
	{"UpheldBy", unit.Upholds},
	{"ConsistsOf", unit.PartOf},
	{"ConflictedBy", unit.Conflicts},
	{"OnSuccessOf", unit.OnSuccess},
	{"OnFailureOf", unit.OnFailure},
	{"TriggeredBy", unit.Triggers},
}

// forwards are the dependencies that are listed as they are, each with the
// kind that means the same from the other side, if any.
var forwards = []struct {
	name       string
	kind, from unit.DepKind
}{
	{"Requires", unit.Requires, 0},
	{"Requisite", unit.Requisite, 0},
	{"Wants", unit.Wants, 0},
	{"BindsTo", unit.BindsTo, unit.BoundBy},
	{"PartOf", unit.PartOf, 0},
	{"Upholds", unit.Upholds, 0},
	{"Conflicts", unit.Conflicts, 0},
	{"Before", unit.Before, unit.After},
	{"After", unit.After, unit.Before},
	{"OnSuccess", unit.OnSuccess, 0},
	{"OnFailure", unit.OnFailure, 0},
	{"Triggers", unit.Triggers, 0},
	{"PropagatesReloadTo", unit.PropagatesReloadTo, unit.ReloadPropagatedFrom},
	{"ReloadPropagatedFrom", unit.ReloadPropagatedFrom, unit.PropagatesReloadTo},
	{"PropagatesStopTo", unit.PropagatesStopTo, unit.StopPropagatedFrom},
	{"StopPropagatedFrom", unit.StopPropagatedFrom, unit.PropagatesStopTo},
	{"JoinsNamespaceOf", unit.JoinsNamespaceOf, unit.JoinsNamespaceOf},
}

// deps are the names that this unit's own lines lead to by a dependency.
func (o *object) deps(k unit.DepKind) []string {
	var names []string
	for i := range o.view.Unit.Deps {
		if d := &o.view.Unit.Deps[i]; d.Kind == k && !slices.Contains(names, d.Name) {
			names = append(names, d.Name)
		}
	}
	return names
}

// others are the units whose lines lead here by a dependency.
func (o *object) others(k unit.DepKind) []string {
	if o.inverse == nil {
		o.inverse = make(map[unit.DepKind][]string)
		u := o.view.Unit
		o.svc.be.Units(func(v *engine.View) bool {
			for i := range v.Unit.Deps {
				d := &v.Unit.Deps[i]
				if d.Name == u.Name || len(u.Aliases) > 0 && slices.Contains(u.Aliases, d.Name) {
					if list := o.inverse[d.Kind]; len(list) == 0 || list[len(list)-1] != v.Unit.Name {
						o.inverse[d.Kind] = append(list, v.Unit.Name)
					}
				}
			}
			return true
		})
	}
	return o.inverse[k]
}

// isNamed tells whether any unit names this one in a dependency.
func (o *object) isNamed() bool {
	o.others(unit.DepInvalid)
	return len(o.inverse) > 0
}

func depProps() []bus.Prop {
	var props []bus.Prop
	for _, f := range forwards {
		props = append(props, one(f.name, "as", texts(func(o *object) []string {
			names := o.deps(f.kind)
			if f.from == unit.DepInvalid {
				return names
			}
			for _, n := range o.others(f.from) {
				if !slices.Contains(names, n) {
					names = append(names, n)
				}
			}
			return names
		})))
	}
	for _, i := range inverses {
		props = append(props, one(i.name, "as", texts(func(o *object) []string {
			names := o.others(i.kind)
			if i.kind != unit.BindsTo {
				return names
			}
			names = slices.Clone(names)
			for _, n := range o.deps(unit.BoundBy) {
				if !slices.Contains(names, n) {
					names = append(names, n)
				}
			}
			return names
		})))
	}
	props = append(props, one("SliceOf", "as", texts(func(o *object) []string {
		var names []string
		if o.view.Unit.Kind == unit.KindSlice {
			o.svc.be.Units(func(v *engine.View) bool {
				if v.Unit.Slice == o.view.Unit.Name {
					names = append(names, v.Unit.Name)
				}
				return true
			})
		}
		return names
	})))
	return append(props, zeros("as", "RequiresMountsFor", "WantsMountsFor")...)
}

// stateProps are what changes while the unit lives.
func stateProps() []bus.Prop {
	props := []bus.Prop{
		one("LoadState", "s", text(func(o *object) string { return LoadName(o.view.Load) })),
		live("ActiveState", "s", text(func(o *object) string { return o.view.Active.String() })),
		live("FreezerState", "s", text(func(o *object) string { return orElse(o.view.Freezer, "running") })),
		live("SubState", "s", text(func(o *object) string { return orElse(o.view.Sub, "dead") })),
		live("Job", "(uo)", func(s any, e *wire.Encoder) {
			o := s.(*object)
			e.Struct()
			e.Uint32(o.view.Job)
			e.Path(jobOrRoot(o.view.Job))
		}),
		live("ConditionResult", "b", flag(func(o *object) bool { return o.view.ConditionResult })),
		live("AssertResult", "b", flag(func(o *object) bool { return o.view.AssertResult })),
		live("InvocationID", "ay", func(s any, e *wire.Encoder) {
			o := s.(*object)
			if o.view.Run == 0 {
				e.Bytes(nil)
				return
			}
			id := o.svc.be.Invocation(&o.view)
			e.Bytes(id[:])
		}),
		asked("NeedDaemonReload", "b", flag(func(o *object) bool { return o.svc.be.NeedReload(o.view.Unit.Name) })),
		asked("UnitFileState", "s", text(func(o *object) string {
			if o.view.Unit.Fragment == "" {
				return ""
			}
			state, _ := o.svc.be.Files().State(o.view.Unit.Name)
			return state
		})),
		asked("UnitFilePreset", "s", text(func(o *object) string {
			if o.view.Unit.Fragment == "" {
				return ""
			}
			preset, _ := o.svc.be.Files().Preset(o.view.Unit.Name)
			return preset
		})),
		asked("CanFreeze", "b", flag(func(o *object) bool {
			return o.view.Unit.Kind == unit.KindService || o.view.Unit.Kind == unit.KindSlice
		})),
		asked("LoadError", "(ss)", func(s any, e *wire.Encoder) {
			name, words := s.(*object).loadError()
			e.Struct()
			e.String(name)
			e.String(words)
		}),
	}
	props = append(props, stamps("StateChangeTimestamp", bus.ChangeTrue, func(v *engine.View) engine.Time { return v.StateChange })...)
	props = append(props, stamps("InactiveExitTimestamp", bus.ChangeTrue, func(v *engine.View) engine.Time { return v.InactiveExit })...)
	props = append(props, stamps("ActiveEnterTimestamp", bus.ChangeTrue, func(v *engine.View) engine.Time { return v.ActiveEnter })...)
	props = append(props, stamps("ActiveExitTimestamp", bus.ChangeTrue, func(v *engine.View) engine.Time { return v.ActiveExit })...)
	props = append(props, stamps("InactiveEnterTimestamp", bus.ChangeTrue, func(v *engine.View) engine.Time { return v.InactiveEnter })...)
	props = append(props, stamps("ConditionTimestamp", bus.ChangeTrue, func(v *engine.View) engine.Time { return v.ConditionTime })...)
	return append(props, stamps("AssertTimestamp", bus.ChangeTrue, func(v *engine.View) engine.Time { return v.ConditionTime })...)
}

// loadErrors are the D-Bus errors of the load states.
var loadErrors = map[unit.LoadState]string{
	unit.NotFound: "NoSuchUnit", unit.BadSetting: "BadUnitSetting", unit.LoadFailed: "LoadFailed", unit.Masked: "UnitMasked",
}

func jobOrRoot(id uint32) string {
	if id == 0 {
		return "/"
	}
	return JobPath(id)
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}
