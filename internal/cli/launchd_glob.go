// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
)

// newLaunchdGlob is what a job of launchd with EnableGlobbing begins as: it
// expands the patterns of the arguments as the user and in the directory of the
// job, and becomes its program. The manager must not look at directories, which
// may be slow.
func newLaunchdGlob() *cobra.Command {
	return &cobra.Command{
		Use: "launchd-glob PROGRAM ARGUMENT...", Short: "Expand the arguments of a job of launchd and execute it", Hidden: true,
		Args: cobra.MinimumNArgs(2), DisableFlagParsing: true,
		RunE: func(_ *cobra.Command, args []string) error {
			path, err := exec.LookPath(args[0])
			if err != nil && !errors.Is(err, exec.ErrDot) {
				return exitError{code: notFound, err: fmt.Errorf("cannot execute %q: %w", args[0], errors.Unwrap(err))}
			}
			var argv []string
			for _, a := range args[1:] {
				argv = append(argv, globbed(a)...)
			}
			err = syscall.Exec(path, argv, os.Environ())
			return exitError{code: notFound, err: fmt.Errorf("cannot execute %q: %w", path, err)}
		},
	}
}

// notFound is the exit status of a program that cannot be executed
// (systemd.exec(5), EXIT_EXEC).
const notFound = 203

// globbed is what glob(3) makes of a word with GLOB_TILDE and GLOB_NOCHECK,
// sorted: without a match the word itself.
func globbed(word string) []string {
	if !strings.ContainsAny(word, "*?[~") {
		return []string{word}
	}
	pattern := tilde(word)
	found, err := filepath.Glob(strings.ReplaceAll(pattern, "[!", "[^"))
	if err != nil {
		return []string{word}
	}
	var out []string
	for _, f := range found {
		if !hides(f, pattern) {
			out = append(out, f)
		}
	}
	switch {
	case len(out) > 0:
		return out
	case strings.ContainsAny(pattern, "*?["):
		return []string{word}
	}
	return []string{pattern}
}

// tilde puts the home directory in the place of ~ and ~NAME.
func tilde(word string) string {
	if !strings.HasPrefix(word, "~") {
		return word
	}
	name, rest, _ := strings.Cut(word[1:], "/")
	home := os.Getenv("HOME")
	if name != "" || home == "" {
		u, err := user.Current()
		if name != "" {
			u, err = user.Lookup(name)
		}
		if err != nil {
			return word
		}
		home = u.HomeDir
	}
	if rest == "" {
		return home
	}
	return filepath.Join(home, rest)
}

// hides tells whether a name begins with a dot that the pattern does not write:
// no pattern matches such a one in the shell.
func hides(path, pattern string) bool {
	names, patterns := strings.Split(path, "/"), strings.Split(filepath.Clean(pattern), "/")
	for i, n := range names {
		if strings.HasPrefix(n, ".") && i < len(patterns) && !strings.HasPrefix(patterns[i], ".") {
			return true
		}
	}
	return false
}
