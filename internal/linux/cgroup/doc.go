// SPDX-License-Identifier: Apache-2.0

// Package cgroup keeps the processes of each unit together: in a cgroup (v2)
// of its own below a base directory (Tree), or, where no cgroup can be
// written, by session, parentage and a token in the environment (Members).
// Facts says which of the two is in force and what it can do.
//
// Paths given to a Tree are relative to its base ("web.service",
// "app.slice/web.service"); their components are escaped with Escape by the
// caller. No descriptor is kept open per cgroup. The package decides nothing,
// has no goroutine and no lock, and imports nothing of rouse.
//
// Sources: Documentation/admin-guide/cgroup-v2.rst of Linux, cgroups(7).
package cgroup
