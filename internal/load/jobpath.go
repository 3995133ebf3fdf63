// SPDX-License-Identifier: Apache-2.0

package load

import (
	"path/filepath"
	"strings"

	"github.com/rouse-init/rouse/internal/format/upstart"
)

// JobDirs returns the directories of c that hold jobs and nothing else, as
// paths on this host.
func JobDirs(c Config) []string {
	if c.JobPaths != nil || c.Paths != nil || c.NoJobs {
		return c.JobPaths
	}
	var out []string
	root := Root(c.Root)
	for _, d := range JobLookup(c) {
		if p, err := root.Resolve(d); err == nil { // a link inside the root
			out = append(out, root.Host(p))
		}
	}
	return out
}

// JobUnit returns the name of the unit of the job file at path.
func JobUnit(c Config, path string) string {
	_, rel := splitJob(c, path)
	return upstart.UnitName(strings.TrimSuffix(rel, confSuffix))
}

// splitJob splits the path of a job file into the directory of jobs and the
// rest, which names the job. Where it lies in one that is known it has the
// name that it has there.
func splitJob(c Config, path string) (dir, rel string) {
	c.Paths = nil
	for _, d := range JobDirs(c) {
		if rel, ok := strings.CutPrefix(path, d+"/"); ok {
			return d, rel
		}
	}
	return filepath.Dir(path), filepath.Base(path)
}

// JobLookup returns the directories of Upstart jobs of the scope of c, first
// ones first, as paths inside the root: those of init(5). What needs an unset
// variable is left out.
func JobLookup(c Config) []string {
	getenv := c.Getenv
	if getenv == nil || c.Root != "" {
		getenv = func(string) string { return "" }
	}
	const sessions = "/usr/share/upstart/sessions"
	switch c.Scope {
	case System:
		return []string{"/etc/init"}
	case Global:
		return []string{"/etc/xdg/upstart", sessions}
	case User:
	}
	below := func(dir, name string) string {
		if !filepath.IsAbs(dir) {
			return "" // the XDG specification: relative paths are invalid
		}
		return filepath.Join(dir, name)
	}
	home := getenv("HOME")
	config := getenv("XDG_CONFIG_HOME")
	if config == "" {
		config = below(home, ".config")
	}
	dirs := []string{below(config, "upstart"), below(home, ".init")}
	xdg := getenv("XDG_CONFIG_DIRS")
	if xdg == "" {
		xdg = "/etc/xdg"
	}
	for d := range strings.SplitSeq(xdg, ":") {
		dirs = append(dirs, below(d, "upstart"))
	}
	return unique(append(dirs, sessions))
}
