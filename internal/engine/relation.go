// SPDX-License-Identifier: Apache-2.0

package engine

import "github.com/rouse-init/rouse/internal/unit"

// Relation is what one unit is to another: the dependencies of systemd.unit(5)
// and their inverses, which linking adds to the other unit. Forward relations
// have the numbers of unit.DepKind.
type Relation uint8

// The relations. Before and After, and the two sides of reload and stop
// propagation, are each other's inverse.
const (
	Requires             = Relation(unit.Requires)
	Requisite            = Relation(unit.Requisite)
	Wants                = Relation(unit.Wants)
	BindsTo              = Relation(unit.BindsTo)
	PartOf               = Relation(unit.PartOf)
	Upholds              = Relation(unit.Upholds)
	Conflicts            = Relation(unit.Conflicts)
	Before               = Relation(unit.Before)
	After                = Relation(unit.After)
	OnFailure            = Relation(unit.OnFailure)
	OnSuccess            = Relation(unit.OnSuccess)
	PropagatesReloadTo   = Relation(unit.PropagatesReloadTo)
	ReloadPropagatedFrom = Relation(unit.ReloadPropagatedFrom)
	PropagatesStopTo     = Relation(unit.PropagatesStopTo)
	StopPropagatedFrom   = Relation(unit.StopPropagatedFrom)
	JoinsNamespaceOf     = Relation(unit.JoinsNamespaceOf)
	Triggers             = Relation(unit.Triggers)
)

// The inverse relations. BoundBy has a dependency of its own, unit.BoundBy.
const (
	RequiredBy = Relation(unit.Triggers) + 1 + iota
	RequisiteOf
	WantedBy
	BoundBy
	ConsistsOf
	UpheldBy
	ConflictedBy
	OnFailureOf
	OnSuccessOf
	TriggeredBy
	numRelations
)

var relationNames = [numRelations]string{
	Requires: "Requires", Requisite: "Requisite", Wants: "Wants", BindsTo: "BindsTo",
	PartOf: "PartOf", Upholds: "Upholds", Conflicts: "Conflicts", Before: "Before", After: "After",
	OnFailure: "OnFailure", OnSuccess: "OnSuccess",
	PropagatesReloadTo: "PropagatesReloadTo", ReloadPropagatedFrom: "ReloadPropagatedFrom",
	PropagatesStopTo: "PropagatesStopTo", StopPropagatedFrom: "StopPropagatedFrom",
	JoinsNamespaceOf: "JoinsNamespaceOf", Triggers: "Triggers",
	RequiredBy: "RequiredBy", RequisiteOf: "RequisiteOf", WantedBy: "WantedBy", BoundBy: "BoundBy",
	ConsistsOf: "ConsistsOf", UpheldBy: "UpheldBy", ConflictedBy: "ConflictedBy",
	OnFailureOf: "OnFailureOf", OnSuccessOf: "OnSuccessOf", TriggeredBy: "TriggeredBy",
}

// String names the relation as systemd's D-Bus property.
func (r Relation) String() string {
	if r < numRelations {
		return relationNames[r]
	}
	return ""
}

// ParseRelation is the inverse of String.
func ParseRelation(s string) (Relation, bool) {
	for r, name := range relationNames {
		if name == s && s != "" {
			return Relation(r), true
		}
	}
	return 0, false
}

var inverses = func() (t [numRelations]Relation) {
	pairs := [][2]Relation{
		{Requires, RequiredBy},
		{Requisite, RequisiteOf},
		{Wants, WantedBy},
		{BindsTo, BoundBy},
		{PartOf, ConsistsOf},
		{Upholds, UpheldBy},
		{Conflicts, ConflictedBy},
		{Before, After},
		{OnFailure, OnFailureOf},
		{OnSuccess, OnSuccessOf},
		{PropagatesReloadTo, ReloadPropagatedFrom},
		{PropagatesStopTo, StopPropagatedFrom},
		{JoinsNamespaceOf, JoinsNamespaceOf},
		{Triggers, TriggeredBy},
	}
	for _, p := range pairs {
		t[p[0]], t[p[1]] = p[1], p[0]
	}
	return t
}()

// Inverse is the relation that the other unit has.
func (r Relation) Inverse() Relation { return inverses[r] }

// atom is a set of relations that have one meaning in common. Code asks for
// meanings, and this file alone says which relations carry them.
type atom uint32

func of(rs ...Relation) atom {
	var a atom
	for _, r := range rs {
		a |= 1 << r
	}
	return a
}

func (a atom) has(r Relation) bool { return a>>r&1 != 0 }

func (a atom) inverse() atom {
	var inv atom
	for r := range numRelations {
		if a.has(r) {
			inv |= 1 << r.Inverse()
		}
	}
	return inv
}

// The meanings of relations (systemd.unit(5), [UNIT] SECTION OPTIONS). Those
// in the first group are asked of the unit that a job is for, and tell which
// jobs it brings along.
var (
	pullsStart   = of(Requires, BindsTo)
	pullsWeakly  = of(Wants, Upholds)
	pullsVerify  = of(Requisite)
	pullsStop    = of(Conflicts)
	stopsWeakly  = of(ConflictedBy)
	passesStop   = of(RequiredBy, RequisiteOf, BoundBy, ConsistsOf) // restart goes the same way
	passesGently = of(PropagatesStopTo)
	passesReload = of(PropagatesReloadTo)
	bringing     = pullsStart | pullsWeakly | pullsVerify | pullsStop | stopsWeakly | passesStop | passesReload

	// Unexpected changes.
	risesWith      = of(Requires, BindsTo, Upholds)
	risesWithFail  = of(Wants)
	fallsOnStart   = of(Conflicts, ConflictedBy)
	fallsOnStop    = of(BoundBy, PropagatesStopTo)
	boundTo        = of(BindsTo)
	boundBy        = of(BoundBy)
	upholds        = of(Upholds)
	upheldBy       = of(UpheldBy)
	needs          = of(Requires, Requisite, Wants, BindsTo, Upholds)
	neededBy       = of(RequiredBy, RequisiteOf, WantedBy, BoundBy, UpheldBy)
	failsStart     = of(RequiredBy, RequisiteOf, BoundBy)
	failsIfAbsent  = of(RequisiteOf)
	failsStop      = of(ConflictedBy)
	handlesFailure = of(OnFailure)
	handlesSuccess = of(OnSuccess)
	handlerOf      = of(OnFailureOf, OnSuccessOf)

	// Order and the rest.
	isAfter       = of(After)
	isOrdered     = of(Before, After)
	triggeredBy   = of(TriggeredBy)
	targetPulls   = of(Requires, Requisite, Wants, BindsTo, PartOf, Upholds)
	pulledByGroup = targetPulls.inverse()
)
