// SPDX-License-Identifier: Apache-2.0

package verify

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rouse-init/rouse/internal/load"
)

// named are the units that a call is about.
type named struct {
	names []string
	// jobs are the files of those that were given as the path of an Upstart
	// job, by the names of their units.
	jobs map[string]string
}

// withPaths takes the paths among the names of units: the directory of a file
// comes first on the search path, so that it and its neighbours are found
// before what is installed, and a directory stands for all units in it.
func withPaths(cfg load.Config, args []string) (load.Config, named) {
	n := named{jobs: map[string]string{}}
	var dirs, jobDirs []string
	known := load.JobDirs(cfg)
	add := func(to *[]string, dir string) {
		if abs, err := filepath.Abs(dir); err == nil && !slices.Contains(*to, abs) {
			*to = append(*to, abs)
		}
	}
	for _, a := range args {
		st, err := os.Stat(a)
		switch {
		case !strings.Contains(a, "/"):
			n.names = append(n.names, a)
		case err == nil && st.IsDir():
			add(&dirs, a)
			only := cfg
			only.Paths, only.JobPaths = []string{a}, nil
			n.names = append(n.names, load.New(only).Names()...)
		case load.IsSuper(a), load.IsPropertyList(a) && err == nil: // several units in one file
			add(&dirs, a)
			only := cfg
			only.Paths, only.JobPaths = []string{a}, nil
			n.names = append(n.names, load.New(only).Names()...)
		case strings.HasSuffix(a, ".conf"):
			path, err := filepath.Abs(a)
			if err != nil {
				path = a
			}
			name := load.JobUnit(cfg, path)
			n.names = append(n.names, name)
			n.jobs[name] = path
			if dir := filepath.Dir(path); !slices.ContainsFunc(known, func(d string) bool { return dir == d || strings.HasPrefix(dir, d+"/") }) {
				add(&jobDirs, dir)
				add(&dirs, dir)
			}
		default: // a missing file is reported as a unit that is not found
			add(&dirs, filepath.Dir(a))
			n.names = append(n.names, filepath.Base(a))
		}
	}
	if len(dirs) == 0 {
		return cfg, n
	}
	for _, d := range known {
		add(&jobDirs, d)
	}
	rest := cfg.Paths
	if rest == nil {
		for _, d := range load.NewLookup(cfg).Dirs {
			rest = append(rest, load.Root(cfg.Root).Host(d))
		}
	}
	for _, d := range rest {
		if _, err := os.Stat(d); err == nil { // a path that is named must exist
			add(&dirs, d)
		}
	}
	cfg.Paths, cfg.JobPaths = dirs, jobDirs
	return cfg, n
}
