// SPDX-License-Identifier: Apache-2.0

package load

import (
	"path/filepath"
	"strings"
)

// Lookup is the search path of one scope and the directories in it that have
// a role of their own. All are paths inside the root.
type Lookup struct {
	Dirs []string // first wins
	// Config and Runtime are where enable and its kin write, without and
	// with --runtime.
	Config, Runtime string
	// Control and RuntimeControl take what is set over the bus.
	Control, RuntimeControl string
	Transient               string
	Generators              []string
	Presets                 []string
}

// NewLookup returns the search path of systemd.unit(5) for the scope of c.
func NewLookup(c Config) Lookup {
	getenv := c.Getenv
	if getenv == nil || c.Root != "" {
		getenv = func(string) string { return "" }
	}
	var l Lookup
	switch c.Scope {
	case System:
		l = systemLookup()
	case User:
		l = userLookup(getenv)
	case Global:
		l = globalLookup()
	}
	if p := getenv("SYSTEMD_UNIT_PATH"); p != "" {
		l.Dirs = fromList(p, l.Dirs)
	}
	l.Dirs = unique(l.Dirs)
	return l
}

func systemLookup() Lookup {
	return Lookup{
		Dirs: []string{
			"/etc/systemd/system.control", "/run/systemd/system.control", "/run/systemd/transient",
			"/run/systemd/generator.early", "/etc/systemd/system", "/etc/systemd/system.attached",
			"/run/systemd/system", "/run/systemd/system.attached", "/run/systemd/generator",
			"/usr/local/lib/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system",
			"/run/systemd/generator.late",
		},
		Config: "/etc/systemd/system", Runtime: "/run/systemd/system",
		Control: "/etc/systemd/system.control", RuntimeControl: "/run/systemd/system.control",
		Transient:  "/run/systemd/transient",
		Generators: []string{"/run/systemd/generator.early", "/run/systemd/generator", "/run/systemd/generator.late"},
		Presets:    presetDirs("system-preset"),
	}
}

func presetDirs(name string) []string {
	return []string{
		"/etc/systemd/" + name, "/run/systemd/" + name,
		"/usr/local/lib/systemd/" + name, "/usr/lib/systemd/" + name, "/lib/systemd/" + name,
	}
}

func globalLookup() Lookup {
	return Lookup{
		Dirs: []string{
			"/etc/systemd/user", "/run/systemd/user", "/usr/local/share/systemd/user",
			"/usr/share/systemd/user", "/usr/local/lib/systemd/user", "/usr/lib/systemd/user",
		},
		Config: "/etc/systemd/user", Runtime: "/run/systemd/user",
		Presets: presetDirs("user-preset"),
	}
}

// userLookup follows the XDG base directory specification, as table 2 of
// systemd.unit(5) does. What needs an unset variable is left out.
func userLookup(getenv func(string) string) Lookup {
	home := getenv("HOME")
	or := func(v, def string) string {
		if v != "" {
			return v
		}
		return def
	}
	below := func(dir, name string) string {
		if dir == "" {
			return ""
		}
		return filepath.Join(dir, name)
	}
	config := or(getenv("XDG_CONFIG_HOME"), below(home, ".config"))
	data := or(getenv("XDG_DATA_HOME"), below(home, ".local/share"))
	runtime := getenv("XDG_RUNTIME_DIR")
	l := Lookup{
		Config: below(config, "systemd/user"), Runtime: below(runtime, "systemd/user"),
		Control: below(config, "systemd/user.control"), RuntimeControl: below(runtime, "systemd/user.control"),
		Transient: below(runtime, "systemd/transient"),
		Generators: []string{
			below(runtime, "systemd/generator.early"), below(runtime, "systemd/generator"),
			below(runtime, "systemd/generator.late"),
		},
		Presets: presetDirs("user-preset"),
	}
	l.Dirs = []string{l.Control, l.RuntimeControl, l.Transient, l.Generators[0], l.Config}
	for d := range strings.SplitSeq(or(getenv("XDG_CONFIG_DIRS"), "/etc/xdg"), ":") {
		l.Dirs = append(l.Dirs, below(d, "systemd/user"))
	}
	l.Dirs = append(l.Dirs, "/etc/systemd/user", l.Runtime, "/run/systemd/user", l.Generators[1], below(data, "systemd/user"))
	for d := range strings.SplitSeq(or(getenv("XDG_DATA_DIRS"), "/usr/local/share:/usr/share"), ":") {
		l.Dirs = append(l.Dirs, below(d, "systemd/user"))
	}
	l.Dirs = append(l.Dirs, "/usr/local/lib/systemd/user", "/usr/lib/systemd/user", l.Generators[2])
	return l
}

// fromList splits SYSTEMD_UNIT_PATH; an empty component at its end stands for
// the usual path.
func fromList(list string, usual []string) []string {
	var out []string
	for p := range strings.SplitSeq(list, ":") {
		if filepath.IsAbs(p) {
			out = append(out, filepath.Clean(p))
		}
	}
	if strings.HasSuffix(list, ":") {
		out = append(out, usual...)
	}
	return out
}

// unique drops empty and repeated entries.
func unique(dirs []string) []string {
	seen := map[string]bool{"": true}
	out := dirs[:0:0]
	for _, d := range dirs {
		if !seen[d] {
			seen[d] = true
			out = append(out, d)
		}
	}
	return out
}
