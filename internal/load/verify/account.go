// SPDX-License-Identifier: Apache-2.0

package verify

import (
	"strconv"

	"github.com/moby/sys/user"

	"github.com/rouse-init/rouse/internal/diag"
	"github.com/rouse-init/rouse/internal/unit"
)

// UserExists tells whether User= can name this user here: a number always,
// a name if passwd(5) has it. Services of names (NSS) are not asked, as the
// manager does not ask them either.
func UserExists(name string) bool {
	if n, err := strconv.ParseUint(name, 10, 32); err == nil {
		return n < 1<<32-1 // -1 is no user
	}
	_, err := user.LookupUser(name)
	return err == nil
}

// groupExists is like UserExists, of Group= and group(5).
func groupExists(name string) bool {
	if n, err := strconv.ParseUint(name, 10, 32); err == nil {
		return n < 1<<32-1
	}
	_, err := user.LookupGroup(name)
	return err == nil
}

// account reports a User= or Group= that is not there. Below another root it may come
// into being at the first boot, by sysusers.d(5).
func (c *checker) account(u *unit.Unit, e *unit.Exec) {
	if e == nil || e.RootDirectory != "" || c.root != "" {
		return
	}
	if e.Group != "" && !groupExists(e.Group) {
		what := "Group=" + e.Group
		if job(u) != nil {
			what = "setgid " + e.Group
		}
		d := c.add(u, diag.Warning, CodeUser, where(u, "Group", e.Group), "cannot start: %s: no such group", what)
		d.Fix = "make it: groupadd --system " + e.Group
	}
	if e.User != "" && !UserExists(e.User) {
		what := "User=" + e.User
		if job(u) != nil {
			what = "setuid " + e.User
		}
		d := c.add(u, diag.Warning, CodeUser, where(u, "User", e.User), "cannot start: %s: no such user", what)
		d.Fix = "make it: useradd --system " + e.User
	}
}
