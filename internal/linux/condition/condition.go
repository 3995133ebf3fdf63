// SPDX-License-Identifier: Apache-2.0

// Package condition evaluates the Condition*= and Assert*= settings of
// systemd.unit(5) against the machine. It reads and never changes anything.
package condition

import (
	"errors"
	"fmt"

	"github.com/rouse-init/rouse/internal/unit"
)

// errUnknown marks a check that this build does not know; a check that
// cannot be made counts as failed, also when it is negated.
var errUnknown = errors.New("no such condition")

// First returns the index of the first setting that decides that the unit
// does not start, or -1. All settings must hold, but of those with "|" one is
// enough (systemd.unit(5)). Asserts are judged apart from conditions.
func First(all []unit.Condition) int {
	for _, assert := range []bool{false, true} {
		if i := first(all, assert); i >= 0 {
			return i
		}
	}
	return -1
}

func first(all []unit.Condition, assert bool) int {
	trigger, held := -1, false
	for i := range all {
		c := &all[i]
		if c.Assert != assert {
			continue
		}
		ok := Holds(c)
		switch {
		case c.Trigger && ok:
			held = true
		case c.Trigger:
			trigger = i
		case !ok:
			return i
		}
	}
	if trigger >= 0 && !held {
		return trigger
	}
	return -1
}

// Holds evaluates one setting, negation included.
func Holds(c *unit.Condition) bool {
	ok, err := check(c.Type, c.Arg)
	if err != nil {
		return false
	}
	return ok != c.Negate
}

func check(kind, arg string) (bool, error) {
	fn := checks[kind]
	if fn == nil {
		return false, fmt.Errorf("cannot check %s: %w", kind, errUnknown)
	}
	return fn(arg)
}

type checkFunc func(arg string) (bool, error)

var checks = map[string]checkFunc{
	"PathExists":             pathExists,
	"PathExistsGlob":         pathExistsGlob,
	"PathIsDirectory":        pathIsDirectory,
	"PathIsSymbolicLink":     pathIsSymbolicLink,
	"PathIsMountPoint":       pathIsMountPoint,
	"PathIsReadWrite":        pathIsReadWrite,
	"PathIsEncrypted":        unknown,
	"DirectoryNotEmpty":      directoryNotEmpty,
	"FileNotEmpty":           fileNotEmpty,
	"FileIsExecutable":       fileIsExecutable,
	"NeedsUpdate":            needsUpdate,
	"FirstBoot":              firstBoot,
	"Architecture":           architecture,
	"Firmware":               unknown,
	"Virtualization":         virtualization,
	"Host":                   host,
	"KernelCommandLine":      kernelCommandLine,
	"KernelVersion":          kernelVersion,
	"Credential":             credential,
	"Security":               security,
	"Capability":             hasCapability,
	"ACPower":                acPower,
	"Memory":                 memory,
	"CPUFeature":             cpuFeature,
	"CPUs":                   cpus,
	"Environment":            environment,
	"User":                   checkUser,
	"Group":                  checkGroup,
	"ControlGroupController": controller,
	"OSRelease":              osRelease,
	"MemoryPressure":         pressure("memory"),
	"CPUPressure":            pressure("cpu"),
	"IOPressure":             pressure("io"),
}

func unknown(string) (bool, error) { return false, errUnknown }
