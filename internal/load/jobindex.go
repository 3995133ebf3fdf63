// SPDX-License-Identifier: Apache-2.0

package load

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rouse-init/rouse/internal/diag"
	"github.com/rouse-init/rouse/internal/format/upstart"
	"github.com/rouse-init/rouse/internal/unit"
)

// The endings of init(5) and what tree of directories is walked at most: a
// directory that is given to `rouse up` may be the top of anything.
const (
	confSuffix     = ".conf"
	overrideSuffix = ".override"
	maxJobDepth    = 8   // levels below the directory
	maxJobDirs     = 256 // in one tree
)

// jobRoot is one directory of jobs with its subdirectories. Job names are
// paths below it.
type jobRoot struct {
	host string
	// only are the files given one by one, below host; nil: all.
	only []string
	// mixed: the directory is one of units, too, so that not everything in
	// it that ends in .conf need be a job.
	mixed bool
	list  []fs.DirEntry // its listing where it is known, else nil
	dirs  int           // walked so far
}

// stamped is a directory or file and the state in which it was looked at.
type stamped struct {
	path  string
	stamp stamp
	// unitDir: it is one of index.dirs, too.
	unitDir bool
}

// jobIndex is what the directories of jobs have told.
type jobIndex struct {
	roots []jobRoot
	dirs  []stamped // all that were listed, and those that do not exist
	// overrides are by the name of the job: the first directory wins.
	overrides map[string]string
	paths     map[string]string   // of the files, by the name of the job
	shadowed  map[string][]string // job files that another format's unit hides, by unit
	other     []stamped           // *.conf files that are no jobs
	// refused says of job files why they make no unit, by the name that it
	// would have: who asks for it by name is told.
	refused map[string]*diag.Diagnostic
}

// add adds a directory of jobs.
func (j *jobIndex) add(c Config, r jobRoot) {
	if !c.NoJobs {
		j.roots = append(j.roots, r)
	}
}

// share gives the listing of a directory to the root that has the same.
func (j *jobIndex) share(host string, list []fs.DirEntry) {
	for i := range j.roots {
		if r := &j.roots[i]; r.mixed && r.host == host {
			r.list = list
		}
	}
}

// jobRoots adds the directories of jobs that hold nothing else.
func (x *index) jobRoots(c Config) {
	for _, d := range JobDirs(c) {
		x.jobs.add(c, jobRoot{host: d})
	}
}

// addJobFile adds one job file.
func (x *index) addJobFile(c Config, path string) {
	dir, rel := splitJob(c, path)
	x.jobs.add(c, jobRoot{host: dir, only: []string{rel}})
}

// addJobs adds the jobs of all directories to the index, after the units of
// systemd's format, which they do not replace.
func (x *index) addJobs() {
	j := &x.jobs
	j.overrides, j.paths, j.shadowed = map[string]string{}, map[string]string{}, map[string][]string{}
	j.refused = map[string]*diag.Diagnostic{}
	for i := range j.roots {
		r := &j.roots[i]
		if r.mixed && j.purely(r.host) {
			continue
		}
		if r.only == nil {
			x.walkJobs(r, "", 0)
		}
		for _, file := range r.only {
			rel := filepath.Dir(file)
			if rel == "." {
				rel = ""
			}
			x.walkJobs(r, rel, 0)
		}
		r.list = nil
	}
	for _, name := range sortedKeys(j.overrides) {
		if j.paths[name] == "" {
			x.diags.Add(diag.Diagnostic{
				Pos: diag.Pos{File: j.overrides[name]}, Severity: diag.Note, Code: codeOverride, Unit: upstart.UnitName(name),
				Msg: "cannot apply the override: there is no job file " + name + confSuffix + " beside it or in a later directory, ignoring",
			})
		}
	}
}

// purely tells whether a directory of units was given as one of jobs, too:
// then everything in it is one.
func (j *jobIndex) purely(host string) bool {
	return slices.ContainsFunc(j.roots, func(r jobRoot) bool { return !r.mixed && r.only == nil && r.host == host })
}

// walkJobs lists one directory, rel below the root: its overrides, its jobs,
// and then its subdirectories. Like Upstart it follows no symbolic links.
func (x *index) walkJobs(r *jobRoot, rel string, depth int) {
	host := filepath.Join(r.host, rel)
	x.jobs.dirs = append(x.jobs.dirs, stamped{path: host, stamp: stampOf(host), unitDir: r.list != nil && rel == ""})
	r.dirs++
	list := r.list
	if rel != "" || list == nil {
		var err error
		if list, err = os.ReadDir(host); err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, errNotDir) {
			x.diags.Add(diag.Diagnostic{
				Pos: diag.Pos{File: host}, Severity: diag.Warning, Code: codePath,
				Msg: fmt.Sprintf("cannot list %q: %s, going on without its jobs", host, reason(err)),
			})
		}
	}
	for _, e := range list {
		if name, ok := strings.CutSuffix(e.Name(), overrideSuffix); ok && e.Type().IsRegular() && !ignoredName(e.Name()) {
			if name = filepath.Join(rel, name); x.jobs.overrides[name] == "" && x.jobs.paths[name] == "" {
				x.jobs.overrides[name] = filepath.Join(host, e.Name())
			}
		}
	}
	for _, e := range list {
		if name, ok := strings.CutSuffix(e.Name(), confSuffix); ok && name != "" && !ignoredName(e.Name()) && r.wants(rel, e.Name()) {
			x.addJob(r, filepath.Join(rel, name), filepath.Join(host, e.Name()), e.Type())
		}
	}
	for _, e := range list {
		if !e.IsDir() || ignoredName(e.Name()) || r.only != nil || r.mixed && isSub(e.Name()) {
			continue
		}
		if depth == maxJobDepth || r.dirs >= maxJobDirs {
			x.diags.Add(diag.Diagnostic{
				Pos: diag.Pos{File: host}, Severity: diag.Warning, Code: codePath,
				Msg: fmt.Sprintf("cannot look for jobs in all directories below %q: more than %d of them or deeper than %d, going on without the rest", r.host, maxJobDirs, maxJobDepth),
			})
			return
		}
		x.walkJobs(r, filepath.Join(rel, e.Name()), depth+1)
	}
}

// wants tells whether a file counts: with files given one by one, only they.
func (r *jobRoot) wants(rel, name string) bool {
	return r.only == nil || slices.Contains(r.only, filepath.Join(rel, name))
}

// addJob adds one file, unless an earlier directory has a job of its name.
func (x *index) addJob(r *jobRoot, name, path string, mode fs.FileMode) {
	j := &x.jobs
	if j.paths[name] != "" || mode.IsDir() {
		return
	}
	n := upstart.UnitName(name)
	if r.mixed && r.only == nil {
		if superName(path) != notSuper {
			return
		}
		if is, why := x.isJob(path, mode); !is {
			if why != "" {
				x.refuse(n, path, diag.Warning, "cannot take %q for a job: %s, ignoring", filepath.Base(path), why)
			}
			return
		}
	}
	if !mode.IsRegular() {
		x.refuse(n, path, diag.Error, "cannot load the job %q: Upstart takes regular files only, and no symbolic links, ignoring", name)
		return
	}
	if !unit.ValidName(n) {
		x.refuse(n, path, diag.Error, "cannot load the job %q: its unit would be %q, which is no valid name", name, n)
		return
	}
	j.paths[name] = path
	e := x.names[n]
	if e == nil {
		x.names[n] = &entry{kind: entryFile, path: path, source: jobSource{job: name, override: j.overrides[name]}}
		return
	}
	if o, ok := e.source.(jobSource); ok {
		x.refuse(n, path, diag.Error, "cannot load the job %q: the job %q (%s) has the unit name %s already", name, o.job, e.path, n)
		x.diags[len(x.diags)-1].Fix = "rename one of the two files"
		return
	}
	j.shadowed[n] = append(j.shadowed[n], path)
}

// refuse reports a job file that makes no unit, once however often it is met.
func (x *index) refuse(name, path string, s diag.Severity, format string, args ...any) {
	d := diag.Diagnostic{Pos: diag.Pos{File: path}, Severity: s, Code: codeJob, Unit: name, Msg: fmt.Sprintf(format, args...)}
	if old := x.jobs.refused[name]; old != nil && old.Pos.File == path {
		return
	}
	x.jobs.refused[name] = &d
	x.diags.Add(d)
}

// isJob tells whether a *.conf file among units is a job. why is set where
// that is not to be told, or where it is neither a job nor anything else.
func (x *index) isJob(path string, mode fs.FileMode) (is bool, why string) {
	if mode.Type()&^fs.ModeSymlink != 0 {
		return false, errIrregular.Error()
	}
	text, st, err := readFile(path)
	switch {
	case err != nil:
		st, why = stampOf(path), reason(err)
	case looksLikeJob(text):
		return true, ""
	case len(text) == 0:
		why = "it is empty"
	case bytes.IndexByte(text, 0) >= 0:
		why = "it has a NUL byte"
	}
	x.jobs.other = append(x.jobs.other, stamped{path: path, stamp: st})
	return false, why
}

// ignoredName tells the names that Upstart passes over: hidden ones, and what
// editors, version control and packaging tools leave behind.
func ignoredName(name string) bool {
	if name[0] == '.' || strings.Contains(name, ".dpkg-") || name == "CVS" {
		return true
	}
	for _, s := range []string{"~", "#", ".bak", ".BAK", ".swp", ",v", ".rpmsave", ".rpmorig", ".rpmnew"} {
		if strings.HasSuffix(name, s) {
			return true
		}
	}
	return false
}
