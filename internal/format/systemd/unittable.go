// SPDX-License-Identifier: Apache-2.0

package systemd

import (
	"errors"
	"strings"
	"time"

	"github.com/rouse-init/rouse/internal/unit"
)

const actions = "none reboot reboot-force reboot-immediate poweroff poweroff-force poweroff-immediate " +
	"exit exit-force soft-reboot soft-reboot-force kexec kexec-force halt halt-force halt-immediate"

const jobModes = "replace fail replace-irreversibly isolate flush ignore-dependencies ignore-requirements " +
	"triggering restart-dependencies"

func unitTable() []Directive {
	u := func(f func(*unit.Unit) *bool) value { return boolean(func(b *build) *bool { return f(b.u) }) }
	return []Directive{
		key(inUnit, "Description", text(func(b *build) *string { return &b.u.Description })),
		key(inUnit, "Documentation", value{"list of URIs", setDocumentation}),
		key(inUnit, "SourcePath", path(func(b *build) *string { return &b.u.SourcePath })),
		key(inUnit, "Requires", deps(unit.Requires)),
		key(inUnit, "Requisite", deps(unit.Requisite)),
		key(inUnit, "Wants", deps(unit.Wants)),
		key(inUnit, "BindsTo", deps(unit.BindsTo)),
		alias(inUnit, "BindTo", "BindsTo", deps(unit.BindsTo)),
		key(inUnit, "Upholds", deps(unit.Upholds)),
		key(inUnit, "Conflicts", deps(unit.Conflicts)),
		key(inUnit, "Before", deps(unit.Before)),
		key(inUnit, "After", deps(unit.After)),
		key(inUnit, "OnSuccess", deps(unit.OnSuccess)),
		key(inUnit, "OnFailure", deps(unit.OnFailure)),
		key(inUnit, "PropagatesReloadTo", deps(unit.PropagatesReloadTo)),
		alias(inUnit, "PropagateReloadTo", "PropagatesReloadTo", deps(unit.PropagatesReloadTo)),
		key(inUnit, "ReloadPropagatedFrom", deps(unit.ReloadPropagatedFrom)),
		alias(inUnit, "PropagateReloadFrom", "ReloadPropagatedFrom", deps(unit.ReloadPropagatedFrom)),
		key(inUnit, "PropagatesStopTo", deps(unit.PropagatesStopTo)),
		key(inUnit, "StopPropagatedFrom", deps(unit.StopPropagatedFrom)),
		key(inUnit, "PartOf", deps(unit.PartOf)),
		key(inUnit, "JoinsNamespaceOf", deps(unit.JoinsNamespaceOf)),
		key(inUnit, "RequiresMountsFor", paths1(func(b *build) *[]string { return &b.u.RequiresMountsFor })),
		key(inUnit, "WantsMountsFor", paths1(func(b *build) *[]string { return &b.u.WantsMountsFor })),
		alias(inUnit, "RequiresOverridable", "Requires", deps(unit.Requires)),
		alias(inUnit, "RequisiteOverridable", "Requisite", deps(unit.Requisite)),
		key(inUnit, "StopWhenUnneeded", u(func(u *unit.Unit) *bool { return &u.StopWhenUnneeded })),
		key(inUnit, "RefuseManualStart", u(func(u *unit.Unit) *bool { return &u.RefuseManualStart })),
		key(inUnit, "RefuseManualStop", u(func(u *unit.Unit) *bool { return &u.RefuseManualStop })),
		key(inUnit, "AllowIsolate", u(func(u *unit.Unit) *bool { return &u.AllowIsolate })),
		key(inUnit, "DefaultDependencies", u(func(u *unit.Unit) *bool { return &u.DefaultDependencies })),
		key(inUnit, "SurviveFinalKillSignal", u(func(u *unit.Unit) *bool { return &u.SurviveFinalKill })),
		key(inUnit, "IgnoreOnIsolate", u(func(u *unit.Unit) *bool { return &u.IgnoreOnIsolate })),
		obsolete(inUnit, "IgnoreOnSnapshot", "there are no snapshots any more"),
		key(inUnit, "CollectMode", enum("inactive inactive-or-failed",
			func(b *build) *unit.CollectMode { return &b.u.CollectMode })),
	}
}

// jobTable is the part of [Unit] about jobs, limits and actions.
func jobTable() []Directive {
	action := func(f func(*unit.Unit) *unit.Action) value {
		return enum(actions, func(b *build) *unit.Action { return f(b.u) })
	}
	onFailureMode := enum(jobModes, func(b *build) *unit.JobMode { return &b.u.OnFailureJobMode })
	interval := span(func(b *build) *time.Duration { return &b.u.StartLimitInterval })
	burst := integer(0, 1<<32-1, func(b *build) *uint32 { return &b.u.StartLimitBurst })
	limitAction := action(func(u *unit.Unit) *unit.Action { return &u.StartLimitAction })
	failAction := action(func(u *unit.Unit) *unit.Action { return &u.FailureAction })
	reboot := text(func(b *build) *string { return &b.u.RebootArgument })
	return []Directive{
		key(inUnit, "OnSuccessJobMode", enum(jobModes, func(b *build) *unit.JobMode { return &b.u.OnSuccessJobMode })),
		key(inUnit, "OnFailureJobMode", onFailureMode),
		alias(inUnit, "OnFailureIsolate", "OnFailureJobMode", value{"boolean", func(b *build, v string) error {
			yes, err := parseBool(v)
			if err == nil && yes {
				b.u.OnFailureJobMode = unit.ModeIsolate
			} else if err == nil {
				b.u.OnFailureJobMode = unit.ModeReplace
			}
			return err
		}}),
		key(inUnit, "JobTimeoutSec", value{"time span", func(b *build, v string) error {
			d, err := parseSpan(v)
			if err != nil {
				return err
			}
			b.u.JobTimeout = zeroIfNever(d)
			if !b.set.jobRunning {
				b.u.JobRunningTimeout = b.u.JobTimeout
			}
			return nil
		}}),
		key(inUnit, "JobRunningTimeoutSec", value{"time span", func(b *build, v string) error {
			d, err := parseSpan(v)
			if err == nil {
				b.u.JobRunningTimeout, b.set.jobRunning = zeroIfNever(d), true
			}
			return err
		}}),
		key(inUnit, "JobTimeoutAction", action(func(u *unit.Unit) *unit.Action { return &u.JobTimeoutAction })),
		key(inUnit, "JobTimeoutRebootArgument", text(func(b *build) *string { return &b.u.JobTimeoutRebootArg })),
		key(inUnit, "StartLimitIntervalSec", interval),
		alias(inUnit|inService, "StartLimitInterval", "StartLimitIntervalSec", interval),
		key(inUnit, "StartLimitBurst", burst),
		alias(inService, "StartLimitBurst", "StartLimitBurst", burst),
		key(inUnit, "StartLimitAction", limitAction),
		alias(inService, "StartLimitAction", "StartLimitAction", limitAction),
		key(inUnit, "FailureAction", failAction),
		alias(inService, "FailureAction", "FailureAction", failAction),
		key(inUnit, "SuccessAction", action(func(u *unit.Unit) *unit.Action { return &u.SuccessAction })),
		key(inUnit, "FailureActionExitStatus", exitStatus(func(b *build) *int16 { return &b.u.FailureActionExit })),
		key(inUnit, "SuccessActionExitStatus", exitStatus(func(b *build) *int16 { return &b.u.SuccessActionExit })),
		key(inUnit, "RebootArgument", reboot),
		alias(inService, "RebootArgument", "RebootArgument", reboot),
	}
}

func zeroIfNever(d time.Duration) time.Duration {
	if d == unit.Infinity {
		return 0
	}
	return d
}

func exitStatus(place func(*build) *int16) value {
	return value{"exit status from 0 to 255", func(b *build, v string) error {
		if v == "" {
			*place(b) = -1
			return nil
		}
		n, err := parseInt(v, 0, 255)
		if err == nil {
			*place(b) = int16(n)
		}
		return err
	}}
}

// paths1 is a list of paths where an empty value adds nothing and resets
// nothing, as with all dependencies.
func paths1(place func(*build) *[]string) value {
	p := paths(place)
	return value{p.name, func(b *build, v string) error {
		if v == "" {
			return nil
		}
		return p.set(b, v)
	}}
}

// deps is a list of units. Dependencies cannot be reset (systemd.unit(5)).
func deps(k unit.DepKind) value {
	return value{"list of units", func(b *build, v string) error {
		// The plain case without quotes: no closure.
		return b.words(v, unquote|keepSlash, func(w string) error {
			name, err := b.unitName(w)
			if err == nil && name != b.u.Name {
				b.deps = append(b.deps, unit.Dep{Kind: k, Name: name})
			}
			return err
		})
	}}
}

// unitName expands and checks the name of another unit. A template stands
// for its instance of the same name as this unit's, or as its prefix.
func (b *build) unitName(w string) (string, error) {
	name, err := b.expandName(w)
	if err != nil {
		return "", err
	}
	if !unit.ValidName(name) {
		return "", badName(name)
	}
	if unit.IsTemplate(name) {
		name = unit.InstanceOf(name, either(b.names.Instance, b.names.Prefix))
	}
	return name, nil
}

var errURI = errors.New("expected a URI (http:, https:, file:, info: or man:)")

func setDocumentation(b *build, v string) error {
	if v == "" {
		b.u.Documentation = nil
		return nil
	}
	return b.words(v, unquote, func(w string) error {
		s, err := b.expand(w)
		if err != nil {
			return err
		}
		for _, scheme := range [...]string{"http://", "https://", "file:/", "info:", "man:"} {
			if strings.HasPrefix(s, scheme) && len(s) > len(scheme) {
				b.u.Documentation = append(b.u.Documentation, s)
				return nil
			}
		}
		return errURI
	})
}

func installTable() []Directive {
	list := func(place func(*unit.Install) *[]string) value {
		return value{"list of units", func(b *build, v string) error {
			p := place(&b.install)
			if v == "" {
				*p = nil
				return nil
			}
			return b.words(v, unquote, func(w string) error {
				s, err := b.expand(w)
				if err == nil && !unit.ValidName(s) {
					err = badName(s)
				}
				if err == nil {
					*p = append(*p, s)
				}
				return err
			})
		}}
	}
	return []Directive{
		key(inInstall, "Alias", list(func(i *unit.Install) *[]string { return &i.Aliases })),
		key(inInstall, "WantedBy", list(func(i *unit.Install) *[]string { return &i.WantedBy })),
		key(inInstall, "RequiredBy", list(func(i *unit.Install) *[]string { return &i.RequiredBy })),
		key(inInstall, "UpheldBy", list(func(i *unit.Install) *[]string { return &i.UpheldBy })),
		key(inInstall, "Also", list(func(i *unit.Install) *[]string { return &i.Also })),
		key(inInstall, "DefaultInstance", text(func(b *build) *string { return &b.install.DefaultInstance })),
	}
}

// conditionTypes are the checks of Condition*= and Assert*=; those with a
// "/" take a path.
const conditionTypes = "/PathExists /PathExistsGlob /PathIsDirectory /PathIsSymbolicLink /PathIsMountPoint " +
	"/PathIsReadWrite /PathIsEncrypted /DirectoryNotEmpty /FileNotEmpty /FileIsExecutable /NeedsUpdate " +
	"FirstBoot Architecture Firmware Virtualization Host KernelCommandLine KernelVersion Credential " +
	"Security Capability ACPower Memory CPUFeature CPUs Environment User Group ControlGroupController " +
	"OSRelease MemoryPressure CPUPressure IOPressure"

func conditionTable() []Directive {
	var t []Directive
	for name := range strings.FieldsSeq(conditionTypes) {
		name, isPath := strings.CutPrefix(name, "/")
		t = append(t, key(inUnit, "Condition"+name, condition(name, isPath, false)))
		if name != "Firmware" { // there is no AssertFirmware=
			t = append(t, key(inUnit, "Assert"+name, condition(name, isPath, true)))
		}
	}
	return t
}

func condition(name string, isPath, assert bool) value {
	kind := "string"
	if isPath {
		kind = "absolute path"
	}
	return value{"[|][!]" + kind, func(b *build, v string) error {
		if v == "" { // resets those of every type
			kept := b.conds[:0]
			for _, c := range b.conds {
				if c.Assert != assert {
					kept = append(kept, c)
				}
			}
			clear(b.conds[len(kept):])
			b.conds = kept
			return nil
		}
		c := unit.Condition{Type: name, Assert: assert, Pos: b.pos()}
		if rest, ok := strings.CutPrefix(v, "|"); ok {
			c.Trigger, v = true, strings.TrimLeft(rest, blanks)
		}
		if rest, ok := strings.CutPrefix(v, "!"); ok {
			c.Negate, v = true, strings.TrimLeft(rest, blanks)
		}
		s, err := b.expand(v)
		if err == nil && isPath {
			s, err = cleanPath(s)
		}
		if err != nil {
			return err
		}
		c.Arg = s
		b.conds = append(b.conds, c)
		return nil
	}}
}
