// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rouse-init/rouse/internal/diag"
	"github.com/rouse-init/rouse/internal/load"
	"github.com/rouse-init/rouse/internal/load/verify"
	"github.com/rouse-init/rouse/internal/unit"
)

func verifyCommand(a *app) *cobra.Command {
	c := &cobra.Command{
		Use: "verify [UNIT|FILE|DIR...]", Short: "Check unit and job files, and name what is not supported",
		Long: "Checks units, unit files, Upstart jobs (*.conf), jobs of launchd (*.plist), inetd.conf, files of xinetd or directories, all that is on the search path without an argument. The exit status is 1 if a unit would not load or not start.",
		RunE: func(_ *cobra.Command, args []string) error { return a.verify(args) },
	}
	a.outputFlags(c)
	a.offlineFlags(c)
	a.quietFlag(c)
	return c
}

func (a *app) verify(args []string) error {
	asJSON, err := a.json()
	if err != nil {
		return err
	}
	cfg := a.loadConfig()
	names, err := a.verifyNames(&cfg, args)
	if err != nil {
		return err
	}
	report := verify.Verify(cfg, names...)
	if len(names) > 0 {
		// A file of several units that cannot be read has none of them.
		names = slices.Concat(names, report.Names)
		// What the units refer to was loaded too, but is not the question.
		report.List = slices.DeleteFunc(report.List, func(d diag.Diagnostic) bool {
			return d.Unit != "" && !slices.Contains(names, d.Unit) && !slices.Contains(names, unit.TemplateOf(d.Unit)) ||
				d.Unit == "" && len(args) > 0 && d.Pos.Line == 0 && !slices.Contains(names, d.Pos.File)
		})
	}
	switch {
	case asJSON:
		err = report.JSON(a.out)
	case !a.opt.quiet:
		err = report.Text(a.out)
	}
	if err != nil {
		return err
	}
	if report.Errors() {
		return exitError{code: 1}
	}
	return nil
}

// verifyNames puts files and directories among the arguments at the front of
// the search path. A directory alone means all units in it.
func (a *app) verifyNames(cfg *load.Config, args []string) ([]string, error) {
	var names, paths, jobs []string
	whole := false
	for _, arg := range args {
		if !strings.ContainsRune(arg, '/') {
			if _, err := os.Stat(arg); err != nil || strings.Count(arg, ".") == 0 && !isDir(arg) {
				name, err := mangle(arg)
				if err != nil {
					return nil, err
				}
				names = append(names, name)
				continue
			}
		}
		path, err := filepath.Abs(arg)
		if err != nil {
			return nil, err
		}
		if _, err := os.Lstat(path); err != nil { // a link that leads nowhere is a finding
			return nil, err
		}
		if !isDir(path) && (strings.HasSuffix(path, ".conf") || load.IsSuper(path) || load.IsPropertyList(path)) {
			jobs = append(jobs, path)
			continue
		}
		paths = append(paths, path)
		if isDir(path) {
			whole = true
		} else {
			names = append(names, filepath.Base(path))
		}
	}
	if whole {
		paths = append(paths, jobs...)
	} else {
		names = append(names, jobs...) // by their paths: their units are not named as the files are
	}
	if len(paths) > 0 {
		rest := cfg.Paths
		if rest == nil && !whole {
			cfg.JobPaths = load.JobDirs(*cfg)
			rest = slices.DeleteFunc(load.NewLookup(*cfg).Dirs, func(dir string) bool { return !isDir(dir) })
		}
		cfg.Paths = slices.Concat(paths, rest)
	}
	if whole {
		names = nil
	}
	return names, nil
}

func isDir(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.IsDir()
}
