// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rouse-init/rouse/internal/convert"
	"github.com/rouse-init/rouse/internal/diag"
	"github.com/rouse-init/rouse/internal/format/upstart"
)

func convertCommand(a *app) *cobra.Command {
	var output string
	var user bool
	c := &cobra.Command{
		Use: "convert JOB.conf...", Short: "Print the systemd units that equal Upstart jobs",
		Long: "Prints the units for each job file, with comments where something has no equivalent. JOB.override beside a file counts. A directory stands for all job files below it.",
		Args: atLeast(1, "a job file"),
		RunE: func(_ *cobra.Command, args []string) error { return a.convert(args, output, user) },
	}
	c.Flags().StringVarP(&output, "output", "o", "", "write the units into `DIR`, which must not have them yet, instead of printing them")
	c.Flags().BoolVar(&user, "user", false, "they are jobs of a user's session")
	a.quietFlag(c)
	return c
}

// convert goes on after a job that does not load, and fails in the end.
func (a *app) convert(args []string, output string, user bool) error {
	if output != "" {
		if err := os.MkdirAll(output, 0o755); err != nil {
			return err
		}
	}
	code := 0
	first := true
	for _, arg := range args {
		jobs, err := jobFiles(arg)
		if err != nil {
			return err
		}
		for _, j := range jobs {
			files, err := a.convertJob(j, user, output != "")
			if err != nil {
				a.errorf("%v", err)
				code = 1
				continue
			}
			for _, f := range files {
				if output != "" {
					if err := a.writeUnit(output, f); err != nil {
						return err
					}
					continue
				}
				if !first {
					a.printf("\n")
				}
				first = false
				a.printf("### %s\n%s", f.Name, f.Text)
			}
		}
	}
	return quiet(code)
}

// jobFile is one job to convert.
type jobFile struct{ name, path string }

// jobFiles are the jobs that an argument stands for. Those in a directory are
// named by their path below it (init(5)).
func jobFiles(arg string) ([]jobFile, error) {
	if !isDir(arg) {
		return []jobFile{{strings.TrimSuffix(filepath.Base(arg), ".conf"), arg}}, nil
	}
	var jobs []jobFile
	err := filepath.WalkDir(arg, func(path string, e fs.DirEntry, err error) error {
		name, ok := strings.CutSuffix(path, ".conf")
		if err != nil || !ok || !e.Type().IsRegular() {
			return err
		}
		if name, err = filepath.Rel(arg, name); err != nil {
			return err
		}
		jobs = append(jobs, jobFile{name, path})
		return nil
	})
	return jobs, err
}

// convertJob reads one job and its override. A job with an error gives no
// files. What the units do not do is said where their text, in which it
// stands as well, is not printed.
func (a *app) convertJob(j jobFile, user, say bool) ([]convert.File, error) {
	conf, err := readJob(j.path)
	if err != nil {
		return nil, err
	}
	var overrides []*upstart.File
	over, err := readJob(strings.TrimSuffix(j.path, ".conf") + ".override")
	switch {
	case err == nil:
		overrides = append(overrides, over)
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	u, found := upstart.Compile(j.name, conf, overrides, upstart.Options{User: user})
	u.Fragment = j.path
	files, notes := convert.Systemd(u)
	if say {
		found = append(found, notes...)
	}
	for _, d := range found {
		if d.Severity == diag.Error || d.Severity == diag.Warning && !a.opt.quiet {
			a.errorf("%v", d)
		}
	}
	if files == nil {
		return nil, fmt.Errorf("%s: cannot convert: the job does not load", j.path)
	}
	return files, nil
}

func readJob(path string) (*upstart.File, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return upstart.Parse(path, text), nil
}

// writeUnit makes the file of a unit. It overwrites nothing: what stands
// there may have been edited.
func (a *app) writeUnit(dir string, f convert.File) error {
	path := filepath.Join(dir, f.Name)
	out, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s: cannot write the unit: it exists\n    fix: remove it, or choose another directory", path)
	}
	if err != nil {
		return err
	}
	_, err = out.WriteString(f.Text)
	if err = errors.Join(err, out.Close()); err == nil && !a.opt.quiet {
		a.printf("%s\n", path)
	}
	return err
}
