// SPDX-License-Identifier: Apache-2.0

package load

import (
	"fmt"

	"github.com/rouse-init/rouse/internal/diag"
	"github.com/rouse-init/rouse/internal/format/systemd"
	"github.com/rouse-init/rouse/internal/unit"
)

// source is one format that defines units. Each source adds the names that
// its files define to the index in its turn, and a name stays with the first
// one: units of /etc/rouse, then systemd's, then those of the other formats.
type source interface {
	// prepare reads what defines the unit of an entry and puts its maker
	// into the recipe, or refuses with the reason. It is called from
	// several goroutines.
	prepare(c *compiler, r *recipe, e *entry)
}

// maker makes units of what a source has read: a systemd.Template.
type maker interface {
	Instance(name string) (*unit.Unit, diag.List)
}

// systemdSource is systemd's unit files, and the built-in units, which are
// written in the same format.
type systemdSource struct{}

func (systemdSource) prepare(c *compiler, r *recipe, e *entry) {
	var parts []*systemd.File
	switch {
	case e == nil: // a unit of a kind that needs no file
	case e.kind == entryBuiltin:
		f, _ := systemd.Parse("", []byte(e.target)) // a test checks that all are well-formed
		parts = append(parts, f)
	default:
		r.fragment = e.path
		link := ""
		if e.real != "" {
			link = e.path
		}
		p := c.files.get(e.file(), link, false)
		if p.fault != nil {
			d := *p.fault
			d.Pos.File = e.path // of several links each unit has its own
			r.load, r.fault = unit.LoadFailed, &d
			return
		}
		r.read = append(r.read, p)
		if p.file.Empty {
			r.refuse(unit.Masked, codeMasked, fmt.Sprintf("cannot load: %s is empty, which masks it", e.path))
			return
		}
		parts = append(parts, p.file)
	}
	for _, path := range r.dropIns {
		p := c.files.get(path, "", true)
		r.read = append(r.read, p)
		if p.fault == nil {
			parts = append(parts, p.file)
		}
	}
	r.maker = systemd.NewTemplate(parts, c.l.cfg.Options)
}
