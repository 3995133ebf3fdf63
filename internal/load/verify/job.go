// SPDX-License-Identifier: Apache-2.0

package verify

import (
	"slices"
	"strings"

	"github.com/rouse-init/rouse/internal/diag"
	"github.com/rouse-init/rouse/internal/load"
	"github.com/rouse-init/rouse/internal/unit"
)

// job returns what only Upstart jobs have, nil for other units.
func job(u *unit.Unit) *unit.Job {
	if u.Service == nil {
		return nil
	}
	return u.Service.Job
}

// conditions reports events in the conditions of jobs that cannot come, as
// far as can be told from all jobs and units on the path.
func (c *checker) conditions(own map[string]bool) {
	some := false
	for name, u := range c.units {
		some = some || own[name] && job(u) != nil
	}
	if !some {
		return
	}
	all, _ := c.loader.Jobs() // their own faults are the business of another call
	jobs := slices.DeleteFunc(all, func(u *unit.Unit) bool { return job(u) == nil })
	c.variables(jobs, own)
	for _, r := range load.CheckConfig(jobs, c.defined, nil, true) {
		if !own[r.Unit] {
			continue
		}
		u, _ := c.loader.Unit(r.Unit)
		cond, verb := "start on", "start"
		if r.Stop {
			cond, verb = "stop on", "stop"
		}
		why := "no job emits the event %q, and it is not a well-known one"
		if r.Kind == "job" {
			why = "nothing defines the job %q"
		}
		sev, what := diag.Note, "cannot "+verb+" by this part of "+cond+": "
		if r.Never {
			sev, what = diag.Warning, "cannot "+verb+" by itself: "+cond+" can never come true: "
		}
		d := c.add(u, sev, CodeUnreachable, r.Pos, what+why, r.Name)
		d.Fix = r.Fix
		if d.Fix == "" && r.Kind == "event" {
			d.Fix = "write \"emits " + r.Name + "\" in the job that emits it"
		}
	}
}

// defined tells whether there is a unit that is no job and can be loaded, of a
// pattern whether it matches one. Of the instances of a template only the
// beginning of their names is known.
func (c *checker) defined(name string) bool {
	if i := strings.IndexAny(name, "*?["); i >= 0 {
		return slices.ContainsFunc(c.loader.Names(), func(n string) bool {
			stem := strings.TrimSuffix(n, ".service")
			if base, ok := strings.CutSuffix(stem, "@"); ok && stem != n {
				return strings.HasPrefix(name[:i], base+"@") || strings.HasPrefix(base+"@", name[:i])
			}
			return load.Glob(name, stem)
		})
	}
	name = c.loader.Canonical(name)
	if f, ok := c.loader.File(name); ok && f.Kind == load.FileMasked {
		return false
	}
	return c.loader.Defined(name)
}

// hidden looks at a job file that was named by its path and that a unit of
// another format hides: its faults are told all the same.
func (c *checker) hidden(cfg load.Config, name, path string) {
	if u := c.units[name]; u == nil || u.Fragment == path {
		return
	}
	cfg.Paths, cfg.JobPaths = []string{path}, nil
	u, list := load.New(cfg).One(name)
	c.list = append(c.list, list...)
	c.unit(u, true)
}
