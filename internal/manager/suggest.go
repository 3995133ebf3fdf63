// SPDX-License-Identifier: Apache-2.0

package manager

import (
	"os"
	"path/filepath"

	"github.com/rouse-init/rouse/internal/load"
)

// suggest finds what was meant by a program that is not there.
func suggest(path string) string {
	dirs := []string{filepath.Dir(path)}
	if filepath.Base(path) == path {
		dirs = nil
	}
	base := filepath.Base(path)
	if fix := load.OwnNameFix(base); fix != "" && base == path {
		return fix
	}
	for _, dir := range append(dirs, defaultPath...) {
		if _, err := os.Stat(filepath.Join(dir, base)); err == nil && filepath.Join(dir, base) != path {
			return "did you mean \"" + filepath.Join(dir, base) + "\"?"
		}
	}
	for _, dir := range dirs {
		entries, err := os.ReadDir(dir)
		if err != nil {
			continue
		}
		names := make([]string, len(entries))
		for i, e := range entries {
			names[i] = e.Name()
		}
		if near := load.Nearest(base, names); near != "" {
			return "did you mean \"" + filepath.Join(dir, near) + "\"?"
		}
	}
	return "give the path of a program that exists, or install it"
}
