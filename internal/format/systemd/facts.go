// SPDX-License-Identifier: Apache-2.0

package systemd

// Facts are what the specifiers of systemd.unit(5) resolve to, apart from
// those that follow from the unit's name. Empty fields mean what the system
// manager has; a user manager should fill all of them.
type Facts struct {
	// The directories behind %t %S %C %L %E %D %T %V; empty ones mean
	// /run, /var/lib, /var/cache, /var/log, /etc, /usr/share, /tmp, /var/tmp.
	RuntimeDir, StateDir, CacheDir, LogsDir, ConfigDir, DataDir string
	TmpDir, VarTmpDir                                           string
	// The account that runs the manager, %u %U %g %G %h %s; empty: root.
	User, UID, Group, GID, Home, Shell string
	CgroupRoot                         string // %r %R, the base of %c
	// TotalMemory in bytes and MaxTasks are what percentages refer to; 0
	// when not known: a percentage is then ignored with a warning.
	TotalMemory, MaxTasks uint64
	// Lookup is asked for the rest (%a %A %b %B %H %l %m %M %o %q %v %w
	// %W) at every use, so it should remember. Where it is nil they do not
	// resolve. See HostLookup.
	Lookup func(specifier byte) (string, error)
}

func (f *Facts) specifier(c byte, user bool) (string, error) {
	if f == nil {
		f = &Facts{}
	}
	switch c {
	case 't':
		return either(f.RuntimeDir, "/run"), nil
	case 'S':
		return either(f.StateDir, "/var/lib"), nil
	case 'C':
		return either(f.CacheDir, "/var/cache"), nil
	case 'L':
		return either(f.LogsDir, "/var/log"), nil
	case 'E':
		return either(f.ConfigDir, "/etc"), nil
	case 'D':
		return either(f.DataDir, "/usr/share"), nil
	case 'T':
		return either(f.TmpDir, "/tmp"), nil
	case 'V':
		return either(f.VarTmpDir, "/var/tmp"), nil
	case 'u':
		return f.account(f.User, "root", user)
	case 'U':
		return f.account(f.UID, "0", user)
	case 'g':
		return f.account(f.Group, "root", user)
	case 'G':
		return f.account(f.GID, "0", user)
	case 'h':
		return f.account(f.Home, "/root", user)
	case 's':
		return f.account(f.Shell, "/bin/sh", user)
	case 'a', 'A', 'b', 'B', 'H', 'l', 'm', 'M', 'o', 'q', 'v', 'w', 'W':
		if f.Lookup == nil {
			return "", errUnresolved
		}
		return f.Lookup(c)
	}
	return "", errSpecifier
}

// account gives root's fact only for the system manager, which runs as root
// by definition.
func (f *Facts) account(fact, root string, user bool) (string, error) {
	if fact == "" && user {
		return "", errUnresolved
	}
	return either(fact, root), nil
}

func either(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
