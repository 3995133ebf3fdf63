// SPDX-License-Identifier: Apache-2.0

package verify

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rouse-init/rouse/internal/load"
)

// withPaths takes the paths among the names of units: the directory of a file
// comes first on the search path, so that it and its neighbours are found
// before what is installed, and a directory stands for all units in it.
func withPaths(cfg load.Config, args []string) (load.Config, []string) {
	var names, dirs []string
	add := func(dir string) {
		if abs, err := filepath.Abs(dir); err == nil && !slices.Contains(dirs, abs) {
			dirs = append(dirs, abs)
		}
	}
	for _, a := range args {
		st, err := os.Stat(a)
		switch {
		case !strings.Contains(a, "/"):
			names = append(names, a)
		case err == nil && st.IsDir():
			add(a)
			only := cfg
			only.Paths = []string{a}
			names = append(names, load.New(only).Names()...)
		default: // a missing file is reported as a unit that is not found
			add(filepath.Dir(a))
			names = append(names, filepath.Base(a))
		}
	}
	if len(dirs) == 0 {
		return cfg, names
	}
	rest := cfg.Paths
	if rest == nil {
		for _, d := range load.NewLookup(cfg).Dirs {
			rest = append(rest, load.Root(cfg.Root).Host(d))
		}
	}
	for _, d := range rest {
		if _, err := os.Stat(d); err == nil { // a path that is named must exist
			add(d)
		}
	}
	cfg.Paths = dirs
	return cfg, names
}
