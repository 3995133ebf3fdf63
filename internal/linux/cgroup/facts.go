// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"fmt"
	"strings"
)

// Kind is how cgroups are mounted.
type Kind uint8

// The kinds.
const (
	None    Kind = iota // no cgroup2 file system
	Unified             // cgroup2 alone
	Hybrid              // cgroup2 beside version 1
)

func (k Kind) String() string {
	switch k {
	case None:
		return "none"
	case Unified:
		return "unified"
	case Hybrid:
		return "hybrid"
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

// Facts are what was found out about cgroups on this machine.
type Facts struct {
	// Kind is how they are mounted.
	Kind Kind
	// Mount is where cgroup2 is mounted, Own the process's own cgroup and
	// Base the directory in use; full paths, "" where there is none.
	Mount, Own, Base string
	// Usable: units get cgroups. Otherwise Why says why not.
	Usable bool
	Why    string
	// Delegated: the base is below a cgroup that is not the root.
	Delegated bool
	// Freezer and Kill: cgroup.freeze (Linux 5.2) and cgroup.kill (5.14).
	Freezer, Kill bool
	// Controllers are those that can be enabled below the base.
	Controllers []string
}

// String is one line for `rouse status`, for instance
// "hybrid, no controllers, /sys/fs/cgroup/unified/rouse" or
// "none (no cgroup2 file system is mounted), freeze: by signal, escapes possible".
func (f *Facts) String() string {
	var parts []string
	if !f.Usable {
		return fmt.Sprintf("none (%s), freeze: by signal, escapes possible", f.Why)
	}
	parts = append(parts, f.Kind.String())
	if f.Delegated {
		parts = append(parts, "delegated")
	}
	if len(f.Controllers) == 0 {
		parts = append(parts, "no controllers")
	} else {
		parts = append(parts, "controllers "+strings.Join(f.Controllers, " "))
	}
	if !f.Freezer {
		parts = append(parts, "freeze: by signal, escapes possible")
	}
	if !f.Kill {
		parts = append(parts, "kill: by signal")
	}
	return strings.Join(append(parts, f.Base), ", ")
}
