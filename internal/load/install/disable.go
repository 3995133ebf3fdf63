// SPDX-License-Identifier: Apache-2.0

package install

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/rouse-init/rouse/internal/unit"
)

// Disable removes all links to the units, and to those that their Also=
// names, from the configuration directory. Links whose unit is gone are
// removed as well; a unit of which nothing is left at all is an error.
func Disable(opt Options, names ...string) Result {
	o := begin(opt)
	o.disable(names, true)
	return o.res
}

// disable marks the units and removes the links to what is marked. With also
// it goes on to the units that Also= names.
func (o *op) disable(names []string, also bool) {
	marked := map[string]bool{}
	var missing []error
	var files []string
	found := false
	for i := 0; i < len(names); i++ {
		n := names[i]
		if filepath.IsAbs(n) {
			n = filepath.Base(n)
		}
		if marked[n] {
			continue
		}
		if !unit.ValidName(n) {
			o.fail("Invalid unit name %s", n)
			return
		}
		marked[n] = true
		in, err := o.discover(n)
		if err != nil {
			missing = append(missing, err)
			continue
		}
		if in.masked {
			o.add(IsMasked, o.root.Host(in.path), "")
			found = true // that is worth a line of its own
			continue
		}
		marked[in.name] = true
		files = append(files, in.path)
		if in.install != nil {
			found = found || rules(in.install) || len(in.install.Also) > 0
			if also {
				names = append(names[:len(names):len(names)], in.install.Also...)
			}
		}
	}
	removed := o.unmark(marked)
	if len(missing) > 0 && !removed {
		o.fail("%w", missing[0])
	}
	o.res.NoInstall = !found && !removed && len(files) > 0
}

// unmark removes the links in the configuration directory that are called,
// or point to, something marked. What was removed is marked in turn, so that
// links to links go too.
func (o *op) unmark(marked map[string]bool) bool {
	removed := false
	for again := true; again; {
		again = false
		o.walkLinks(o.config(), func(host string) {
			name := filepath.Base(host)
			if !unit.ValidName(name) || !o.leadsTo(host, name, marked) {
				return
			}
			o.unlink(host)
			removed = true
			if !marked[name] {
				marked[name], again = true, !o.opt.DryRun
			}
		})
	}
	return removed
}

// leadsTo tells whether a link, or what it points to, is marked. An instance
// is also reached by its template's mark.
func (o *op) leadsTo(host, name string, marked map[string]bool) bool {
	if marked[name] || marked[unit.TemplateOf(name)] {
		return true
	}
	target, err := o.root.Target(o.root.Inside(host))
	if err != nil || target == "/dev/null" {
		return false
	}
	base := filepath.Base(target)
	if unit.IsTemplate(base) && unit.IsInstance(name) {
		// The link is one instance: its template was asked about above.
		return marked[base] || marked[unit.InstanceOf(base, unit.Split(name).Instance)]
	}
	return marked[base]
}

// walkLinks calls f for each symbolic link in a directory, given inside the
// root, and in the directories of links below it, sorted by name.
func (o *op) walkLinks(dir string, f func(host string)) {
	if dir == "" {
		return
	}
	host := o.root.Host(dir)
	list, err := os.ReadDir(host)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			o.fail("cannot list %q: %w", host, err)
		}
		return
	}
	for _, e := range list {
		p := filepath.Join(host, e.Name())
		switch {
		case e.Type()&fs.ModeSymlink != 0:
			f(p)
		case e.IsDir() && isLinkDir(e.Name()):
			below, err := os.ReadDir(p)
			if err != nil {
				o.fail("cannot list %q: %w", p, err)
				continue
			}
			for _, b := range below {
				if b.Type()&fs.ModeSymlink != 0 {
					f(filepath.Join(p, b.Name()))
				}
			}
		}
	}
}
