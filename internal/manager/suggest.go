// SPDX-License-Identifier: Apache-2.0

package manager

import (
	"os"
	"path/filepath"

	"github.com/rouse-init/rouse/internal/load"
)

// barred says what helps where the service may not execute a program.
func barred(path string) string {
	st, err := os.Stat(path)
	switch {
	case err != nil:
		return ""
	case st.IsDir():
		return "give the path of a program: this is a directory"
	case st.Mode()&0o111 == 0:
		return "chmod +x " + path
	case st.Mode()&0o001 == 0:
		return "permit its user to execute it: chmod o+x " + path
	}
	for dir := filepath.Dir(path); dir != "/" && dir != "."; dir = filepath.Dir(dir) {
		if st, err := os.Stat(dir); err == nil && st.Mode()&0o001 == 0 {
			return "permit its user to enter " + dir + ", or move the program"
		}
	}
	return "look for noexec among the options of its mount, and for a security module that denies it"
}

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
