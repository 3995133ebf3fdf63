// SPDX-License-Identifier: Apache-2.0

package show

import (
	"strings"

	"github.com/rouse-init/rouse/internal/unit"
)

// depOrder is the order in which systemctl show prints dependencies.
var depOrder = []struct {
	name string
	kind unit.DepKind
}{
	{"Requires", unit.Requires},
	{"Requisite", unit.Requisite},
	{"Wants", unit.Wants},
	{"BindsTo", unit.BindsTo},
	{"PartOf", unit.PartOf},
	{"Upholds", unit.Upholds},
	{"Conflicts", unit.Conflicts},
	{"Before", unit.Before},
	{"After", unit.After},
	{"OnFailure", unit.OnFailure},
	{"OnSuccess", unit.OnSuccess},
	{"Triggers", unit.Triggers},
	{"PropagatesReloadTo", unit.PropagatesReloadTo},
	{"ReloadPropagatedFrom", unit.ReloadPropagatedFrom},
	{"PropagatesStopTo", unit.PropagatesStopTo},
	{"StopPropagatedFrom", unit.StopPropagatedFrom},
	{"JoinsNamespaceOf", unit.JoinsNamespaceOf},
}

// Deps returns the names that the unit depends on in one way, in the order
// of the unit.
func Deps(u *unit.Unit, k unit.DepKind) []string {
	var out []string
	for _, d := range u.Deps {
		if d.Kind == k {
			out = append(out, d.Name)
		}
	}
	return out
}

func (l *list) unit(u *unit.Unit) {
	l.add("Id", u.Name)
	l.add("Names", strings.Join(append([]string{u.Name}, u.Aliases...), " "))
	for _, d := range depOrder {
		l.add(d.name, strings.Join(Deps(u, d.kind), " "))
	}
	l.words("Documentation", u.Documentation)
	l.add("Description", Description(u))
	l.add("LoadState", LoadState(u.Load))
	l.add("FragmentPath", u.Fragment)
	l.add("SourcePath", u.SourcePath)
	l.add("DropInPaths", strings.Join(u.DropIns, " "))
	l.flag("StopWhenUnneeded", u.StopWhenUnneeded)
	l.flag("RefuseManualStart", u.RefuseManualStart)
	l.flag("RefuseManualStop", u.RefuseManualStop)
	l.flag("AllowIsolate", u.AllowIsolate)
	l.flag("DefaultDependencies", u.DefaultDependencies)
	l.flag("SurviveFinalKillSignal", u.SurviveFinalKill)
	l.add("OnSuccessJobMode", JobMode(u.OnSuccessJobMode))
	l.add("OnFailureJobMode", JobMode(u.OnFailureJobMode))
	l.flag("IgnoreOnIsolate", u.IgnoreOnIsolate)
	l.span("JobTimeoutUSec", limit(u.JobTimeout))
	l.span("JobRunningTimeoutUSec", limit(u.JobRunningTimeout))
	l.add("JobTimeoutAction", Action(u.JobTimeoutAction))
	l.add("JobTimeoutRebootArgument", u.JobTimeoutRebootArg)
	if u.LoadErr != nil && u.Load != unit.Loaded {
		l.add("LoadError", u.LoadErr.Msg)
	}
	l.flag("Transient", u.Transient)
	l.flag("Perpetual", u.Perpetual)
	l.span("StartLimitIntervalUSec", u.StartLimitInterval)
	l.num("StartLimitBurst", int64(u.StartLimitBurst))
	l.add("StartLimitAction", Action(u.StartLimitAction))
	l.add("FailureAction", Action(u.FailureAction))
	l.exitStatus("FailureActionExitStatus", u.FailureActionExit)
	l.add("SuccessAction", Action(u.SuccessAction))
	l.exitStatus("SuccessActionExitStatus", u.SuccessActionExit)
	l.add("RebootArgument", u.RebootArgument)
	l.add("CollectMode", CollectMode(u.CollectMode))
}

func (l *list) exitStatus(name string, v int16) {
	if v < 0 {
		l.add(name, "")
		return
	}
	l.num(name, int64(v))
}

// Description is Description=, or what systemd shows where there is none.
func Description(u *unit.Unit) string {
	if u.Description != "" {
		return u.Description
	}
	if u.Kind == unit.KindSlice && u.Name != "-.slice" {
		if p, err := unit.UnescapePath(strings.TrimSuffix(u.Name, ".slice")); err == nil {
			return "Slice " + p
		}
	}
	return u.Name
}
