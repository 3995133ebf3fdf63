// SPDX-License-Identifier: Apache-2.0

// Package convert prints the systemd units that equal an Upstart job. It is
// pure: it reads and writes no file, and every job gives text, since what has
// no equivalent becomes a comment that says why.
//
// It imports unit, diag, calendar and the formats. The command line calls it.
package convert

import (
	"path"
	"slices"
	"strings"

	"github.com/rouse-init/rouse/internal/diag"
	"github.com/rouse-init/rouse/internal/unit"
)

// File is one file to be written: a unit, or the udev rules that start one.
type File struct {
	Name string // "web.service"
	Text string
}

// Systemd returns the files that stand for the job u, its service first, and
// what they do not do as the job did: each note is a comment in the text of
// one of the files too. A unit that did not load, or is no job, gives no file.
func Systemd(u *unit.Unit) (files []File, notes diag.List) {
	if u.Service == nil || u.Service.Job == nil || u.Load != unit.Loaded {
		return nil, nil
	}
	c := newConversion(u)
	start := c.start()
	stop := c.stop(start)
	c.unitSection(start, stop)
	c.serviceSection(start)
	c.installSection(start)
	files = []File{{Name: c.name, Text: c.text(c.header(), &c.unit, &c.service, &c.install)}}
	return append(files, c.triggers(start)...), c.notes
}

// conversion is the work on one job.
type conversion struct {
	u   *unit.Unit
	svc *unit.Service
	job *unit.Job
	// name is that of the service; a template for a job with instances.
	name string
	// variable is what the instance is named by, "" where that is not one
	// variable alone.
	variable string

	unit, service, install section
	notes                  diag.List
}

func newConversion(u *unit.Unit) *conversion {
	c := &conversion{
		u: u, svc: u.Service, job: u.Service.Job, name: u.Name,
		unit: section{name: "Unit"}, service: section{name: "Service"}, install: section{name: "Install"},
	}
	if p := unit.Split(u.Name); strings.Contains(c.job.Instance, "$") {
		p.At, p.Instance = true, ""
		c.name = p.String()
		c.variable = onlyVariable(c.job.Instance)
	}
	return c
}

// onlyVariable is the name K where text is $K or ${K} and nothing else.
func onlyVariable(text string) string {
	name, ok := strings.CutPrefix(text, "$")
	if !ok {
		return ""
	}
	if inner, ok := strings.CutPrefix(name, "{"); ok {
		if name, ok = strings.CutSuffix(inner, "}"); !ok {
			return ""
		}
	}
	if !plainName(name) {
		return ""
	}
	return name
}

// template tells whether the job has instances.
func (c *conversion) template() bool { return unit.IsTemplate(c.name) }

// note says in section s and to the caller that what has no equivalent.
func (c *conversion) note(s *section, pos diag.Pos, what, why string) {
	msg := "no equivalent: " + what + ": " + why
	s.comment(msg)
	c.notes.Add(diag.Diagnostic{Pos: pos, Severity: diag.Warning, Unit: c.name, Msg: msg})
}

// header is what stands above the first section.
func (c *conversion) header() []string {
	lines := []string{"Converted from the Upstart job " + c.job.Name + " (" + path.Base(c.u.Fragment) + ") by rouse convert."}
	if c.u.Fragment == "" {
		lines[0] = "Converted from the Upstart job " + c.job.Name + " by rouse convert."
	}
	for _, l := range [...]struct{ what, text string }{
		{"Author", c.job.Author}, {"Version", c.job.Version}, {"Usage", c.job.Usage},
	} {
		if l.text != "" {
			lines = append(lines, l.what+": "+l.text)
		}
	}
	return lines
}

// unitSection writes [Unit].
func (c *conversion) unitSection(start, stop effect) {
	s := &c.unit
	description := c.u.Description
	if description == "" {
		description = c.job.Name
	}
	description = escapeText(description)
	if c.template() {
		description += " (%I)"
	}
	s.set("Description", description)
	all := start.with(stop)
	if all.noDefaults || all.down {
		s.set("DefaultDependencies", "no")
		if !all.down {
			all.conflicts = append(all.conflicts, "shutdown.target")
		}
		all.before = append(all.before, "shutdown.target")
	}
	for _, d := range c.u.Deps {
		switch {
		case unit.KindOf(d.Name) == unit.KindSlice: // the default one
		case d.Kind == unit.Requires:
			all.requires = append(all.requires, d.Name)
		case d.Kind == unit.After:
			all.after = append(all.after, d.Name)
		}
	}
	all.wants = slices.DeleteFunc(all.wants, func(n string) bool {
		return slices.Contains(all.requires, n) || slices.Contains(all.bindsTo, n)
	})
	s.list("Requires", all.requires)
	s.list("BindsTo", all.bindsTo)
	s.list("Wants", all.wants)
	s.list("PartOf", all.partOf)
	s.list("Conflicts", all.conflicts)
	s.list("After", all.after)
	s.list("Before", all.before)
	for _, line := range all.conditions {
		key, value, _ := strings.Cut(line, "=")
		s.set(key, value)
	}
	c.limits(s)
	for _, n := range start.missing {
		c.note(s, n.pos, "start on "+n.what, n.why)
	}
	for _, n := range stop.missing {
		c.note(s, n.pos, "stop on "+n.what, n.why)
	}
	c.declarations(s)
}

// declarations are the stanzas about the job's own events: units have none.
func (c *conversion) declarations(s *section) {
	if c.u.Events == nil {
		return
	}
	if e := c.u.Events.Emits; len(e) > 0 {
		c.note(s, diag.Pos{File: c.u.Fragment}, "emits "+strings.Join(e, " "),
			"systemd has no events; what waits for one of these needs a unit of its own to be wanted by")
	}
	if e := c.u.Events.Export; len(e) > 0 {
		c.note(s, diag.Pos{File: c.u.Fragment}, "export "+strings.Join(e, " "),
			"a unit passes no variables to those that are started after it")
	}
}

// limits writes how often the service is restarted before it is given up.
func (c *conversion) limits(s *section) {
	j := c.job
	switch {
	case !j.Respawn:
	case j.RespawnCount == 0:
		s.set("StartLimitIntervalSec", "0")
	default:
		s.set("StartLimitIntervalSec", unit.FormatTimespan(j.RespawnInterval))
		// Upstart counts respawns, systemd every start, the first one too.
		s.set("StartLimitBurst", decimal(uint64(j.RespawnCount)+1))
	}
}

// installSection writes [Install], where something starts the job at all.
func (c *conversion) installSection(start effect) {
	s := &c.install
	switch {
	case len(start.wantedBy) > 0:
		s.list("WantedBy", start.wantedBy)
		if c.template() {
			p := unit.Split(c.name)
			p.Instance = "INSTANCE"
			s.comment("enable it for each instance: systemctl enable " + p.String())
		}
	case start.special():
	case c.job.Manual:
		c.unit.comment("manual: nothing starts it but a person")
	case c.u.Events == nil || len(c.u.Events.StartOn) == 0:
		c.unit.comment("no start on: nothing starts it but a person or another unit")
	}
	s.list("Also", c.triggerNames(start))
	if c.svc.Type == unit.TypeDBus && c.svc.BusName != "" {
		s.list("Alias", []string{"dbus-" + c.svc.BusName + ".service"})
	}
}
