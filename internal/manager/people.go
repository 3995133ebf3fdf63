// SPDX-License-Identifier: Apache-2.0

package manager

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/moby/sys/user"

	"github.com/rouse-init/rouse/internal/linux/spawn"
	"github.com/rouse-init/rouse/internal/unit"
)

// identity is who a process runs as.
type identity struct {
	named             bool // User= is set
	name, home, shell string
	ids               *spawn.IDs // nil: as the manager
}

// people remembers who is who, as long as the files stay the same. Names are
// looked up in /etc/passwd and /etc/group only: a service manager must not
// ask a service (NSS) who somebody is.
type people struct {
	stamp [2]time.Time
	known map[string]identity
}

func (p *people) resolve(x *unit.Exec, uid int) (identity, error) {
	if x.User == "" && x.Group == "" && len(x.SupplementaryGroups) == 0 {
		return identity{}, nil
	}
	p.refresh()
	key := x.User + "\x00" + x.Group
	for _, g := range x.SupplementaryGroups {
		key += "\x00" + g
	}
	if who, ok := p.known[key]; ok {
		return who, nil
	}
	who, err := lookup(x, uid)
	if err == nil {
		p.known[key] = who
	}
	return who, err
}

func (p *people) refresh() {
	var now [2]time.Time
	for i, f := range []string{"/etc/passwd", "/etc/group"} {
		if st, err := os.Stat(f); err == nil {
			now[i] = st.ModTime()
		}
	}
	if now != p.stamp || p.known == nil {
		p.stamp, p.known = now, make(map[string]identity)
	}
}

func lookup(x *unit.Exec, uid int) (identity, error) {
	ids := &spawn.IDs{}
	who := identity{ids: ids}
	if x.User != "" {
		u, err := userNamed(x.User)
		if err != nil {
			return who, launchError{status: 217, step: "user", directive: "User", err: fmt.Errorf("cannot run as %q: %w", x.User, err), fix: personFix("useradd --system", x.User, err)}
		}
		who.named, who.name, who.home, who.shell = true, u.Name, u.Home, u.Shell
		ids.UID, ids.GID, ids.HasUID, ids.HasGID = uint32(u.Uid), uint32(u.Gid), true, true
		if groups, err := groupsOf(u.Name); err == nil {
			ids.Groups = groups
		}
	}
	if x.Group != "" {
		gid, err := groupNamed(x.Group)
		if err != nil {
			return who, launchError{status: 216, step: "group", directive: "Group", err: fmt.Errorf("cannot run as group %q: %w", x.Group, err), fix: personFix("groupadd --system", x.Group, err)}
		}
		ids.GID, ids.HasGID = gid, true
	}
	for _, g := range x.SupplementaryGroups {
		gid, err := groupNamed(g)
		if err != nil {
			return who, launchError{status: 216, step: "group", directive: "SupplementaryGroups", err: fmt.Errorf("cannot join group %q: %w", g, err), fix: personFix("groupadd --system", g, err)}
		}
		ids.Groups = append(ids.Groups, gid)
	}
	if uid != 0 && (!ids.HasUID || int(ids.UID) == uid) && x.Group == "" && len(x.SupplementaryGroups) == 0 {
		who.ids = nil // it is what we are already
	}
	return who, nil
}

// personFix says how a user or group that is not there is made.
func personFix(command, name string, err error) string {
	if !errors.Is(err, errNobody) && !errors.Is(err, errNoGroup) || !nameLike(name) {
		return ""
	}
	return "make it: " + command + " " + name + ", or name one that exists"
}

// nameLike tells whether name can be shown as a word of a command line.
func nameLike(name string) bool {
	return name != "" && strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == "" && name[0] != '-'
}

var errNobody = errors.New("no such user")

func userNamed(name string) (user.User, error) {
	if n, err := strconv.ParseUint(name, 10, 32); err == nil {
		u, err := user.LookupUid(int(n))
		if err != nil {
			return user.User{Name: name, Uid: int(n), Gid: int(n), Home: "/", Shell: "/bin/sh"}, nil //nolint:nilerr // a number need not have a name
		}
		return u, nil
	}
	u, err := user.LookupUser(name)
	if err != nil {
		return u, errNobody
	}
	return u, nil
}

var errNoGroup = errors.New("no such group")

func groupNamed(name string) (uint32, error) {
	if n, err := strconv.ParseUint(name, 10, 32); err == nil {
		return uint32(n), nil
	}
	g, err := user.LookupGroup(name)
	if err != nil {
		return 0, errNoGroup
	}
	return uint32(g.Gid), nil
}

func groupsOf(name string) ([]uint32, error) {
	all, err := user.ParseGroupFileFilter("/etc/group", func(g user.Group) bool {
		for _, member := range g.List {
			if member == name {
				return true
			}
		}
		return false
	})
	var ids []uint32
	for _, g := range all {
		ids = append(ids, uint32(g.Gid))
	}
	return ids, err
}
