// SPDX-License-Identifier: Apache-2.0

// Package load turns directories of unit files and Upstart jobs into a set of
// units: search paths, aliases, templates, drop-ins, `.wants` directories, masks and the
// units that exist without a file. It reads files and changes none (package
// load/install does), decides nothing at run time, and one broken file costs
// the units that it defines and nothing more.
//
// It imports unit, diag and the formats.
package load

import (
	"slices"

	"github.com/rouse-init/rouse/internal/diag"
	"github.com/rouse-init/rouse/internal/format/systemd"
	"github.com/rouse-init/rouse/internal/unit"
)

// Scope says whose units are meant; it chooses the search path and the units
// that exist without a file.
type Scope uint8

// The scopes of systemctl(1).
const (
	System Scope = iota
	User         // of one user's manager
	Global       // of all users' managers (systemctl --global)
)

// Config is where a Loader looks and what its formats are told.
type Config struct {
	Scope Scope
	// Root is the directory of systemctl's --root=: all paths, and the
	// absolute symbolic links below it, are meant inside. "" for none.
	Root string
	// Paths replaces the search path: directories, or single unit files,
	// first ones first. They are not prefixed by Root.
	Paths []string
	// JobPaths are the directories of Upstart jobs, first ones first, which
	// are not prefixed by Root either; nil stands for those of JobLookup, or
	// for none where Paths is set. Directories of Paths may hold jobs as well
	// as units, and single files may be jobs.
	JobPaths []string
	// NoJobs leaves out all jobs.
	NoJobs bool
	// Inetd reads /etc/xinetd.conf, /etc/xinetd.d and /etc/inetd.conf, which
	// belong to the super-server of the machine unless that is us. Those in
	// directories of Paths, and single files, are read in any case.
	Inetd        bool
	InetdOptions InetdOptions
	// Program is the path of rouse for what is served by rouse itself; "" for
	// that of this process.
	Program string
	// SocketDir is below which launchd's SecureSocketWithKey makes its sockets,
	// "" for that of the scope.
	SocketDir string
	// Getenv gives SYSTEMD_UNIT_PATH, HOME and the XDG variables; os.Getenv
	// where the environment counts, nil where it does not.
	Getenv func(string) string
	// Options are the circumstances of compiling. User and Interner are set
	// by New.
	Options systemd.Options
}

// Loader finds and compiles units. It is for one goroutine (it uses others
// inside while it loads many units). Units that it has returned are never
// changed afterwards.
type Loader struct {
	cfg   Config
	index *index
	units map[string]*unit.Unit // by canonical name
	// templates keeps the parsed files of templates for Instance, by the
	// template's name.
	templates map[string]*template
	stamps    map[string]stamp // of each file read, by path
	fresh     *index           // see current
	jobsAt    *index           // that of the last reading of all jobs
	// known are the units that the caller of Reload has, nil at other times: of a
	// socket's members those are made as well that Distribute= has no more.
	known map[string]bool
}

// New lists the directories of the search path. A directory that does not
// exist is as good as an empty one; other errors come with the first load.
func New(cfg Config) *Loader {
	cfg.Options.User = cfg.Scope != System
	if cfg.Options.Interner == nil {
		cfg.Options.Interner = systemd.NewInterner()
	}
	l := &Loader{cfg: cfg}
	l.forget()
	return l
}

// forget drops all that was loaded and lists the directories again.
func (l *Loader) forget() {
	l.index = newIndex(l.cfg)
	l.jobsAt = l.index
	l.units = map[string]*unit.Unit{}
	l.templates = map[string]*template{}
	l.stamps = map[string]stamp{}
	l.fresh = nil
}

// Path returns the directories of the search path, as paths on this host.
func (l *Loader) Path() []string {
	var out []string
	for _, d := range l.index.dirs {
		if d.host != "" {
			out = append(out, d.host)
		}
	}
	return out
}

// Names returns the names of all units that files on the path define, jobs,
// templates and aliases included, built-in ones not, sorted.
func (l *Loader) Names() []string {
	var out []string
	for name, e := range l.index.names {
		if e.path != "" {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// Canonical follows aliases to the name that the unit is known by. A name
// that nothing defines is its own.
func (l *Loader) Canonical(name string) string { return l.index.canonical(name) }

// Load returns the named units and all that they refer to, sorted by name,
// each once. What cannot be loaded is there too, with its LoadState and
// LoadErr. The diagnostics are those of units that were not loaded before.
func (l *Loader) Load(names ...string) ([]*unit.Unit, diag.List) {
	var list diag.List
	found, _ := l.closure(names, &list)
	slices.SortFunc(found, byName)
	return found, list
}

// All loads everything on the path that is not a template, and all that it
// refers to.
func (l *Loader) All() ([]*unit.Unit, diag.List) { return l.Load(l.plain()...) }

// plain returns the names on the path that can be loaded as they stand.
func (l *Loader) plain() []string {
	return slices.DeleteFunc(l.Names(), unit.IsTemplate)
}

// Unit returns a unit that is already loaded, by any of its names.
func (l *Loader) Unit(name string) (*unit.Unit, bool) {
	u, ok := l.units[l.index.canonical(name)]
	return u, ok
}

// Forget drops a unit from the cache, so that a manager that collected it
// does not keep it alive here.
func (l *Loader) Forget(name string) { delete(l.units, name) }
