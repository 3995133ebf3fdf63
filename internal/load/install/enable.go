// SPDX-License-Identifier: Apache-2.0

package install

import (
	"errors"
	"fmt"
	"path"

	"github.com/rouse-init/rouse/internal/load"
	"github.com/rouse-init/rouse/internal/unit"
)

// Enable makes the links that the [Install] sections of the units ask for.
// Names may be paths of unit files (inside the root), which are linked too.
// Nothing is changed when one of the names cannot be enabled.
func Enable(opt Options, names ...string) Result {
	o := begin(opt)
	o.enable(names)
	return o.res
}

// Reenable is Disable and then Enable.
func Reenable(opt Options, names ...string) Result {
	o := begin(opt)
	for _, n := range names {
		if _, err := o.check(n); err != nil {
			o.fail("%w", err)
			return o.res
		}
	}
	o.disable(names, true)
	if o.res.Err() != nil {
		return o.res
	}
	o.loader = load.New(opt.Config)
	o.enable(names)
	return o.res
}

// check is discover for a unit that is to be enabled.
func (o *op) check(name string) (*info, error) {
	in, err := o.discover(name)
	if err == nil && in.masked {
		err = fmt.Errorf("Unit %s is masked", o.root.Host(in.path)) //nolint:staticcheck // systemctl's words
	}
	return in, err
}

func (o *op) enable(names []string) {
	var queue []*info
	for _, n := range names {
		in, err := o.check(n)
		if err != nil {
			o.fail("%w", err)
			continue
		}
		queue = append(queue, in)
	}
	if o.res.Err() != nil {
		return
	}
	o.apply(queue)
}

// apply makes the links of the units and of those that Also= names.
func (o *op) apply(queue []*info) {
	asked := len(queue)
	seen := map[string]bool{}
	found := false
	for i := 0; i < len(queue); i++ {
		in := queue[i]
		if seen[in.name] {
			continue
		}
		seen[in.name] = true
		if in.masked {
			o.add(IsMasked, o.root.Host(in.path), "")
			continue
		}
		if in.outside {
			o.link(in.path, path.Join(o.config(), in.name))
			found = true
		}
		if in.install == nil {
			continue
		}
		found = found || rules(in.install) || i < asked && len(in.install.Also) > 0
		for _, also := range in.install.Also {
			if seen[also] {
				continue
			}
			next, err := o.discover(also)
			if err != nil {
				o.also(also, err)
				continue
			}
			queue = append(queue, next)
		}
		o.applyOne(in)
	}
	o.res.NoInstall = !found && asked > 0
}

func (o *op) also(name string, err error) {
	if _, ok := errors.AsType[notFoundError](err); ok {
		o.add(NoAuxiliary, name, "")
		return
	}
	if e, ok := errors.AsType[danglingError](err); ok {
		o.add(IsDangling, e.path, "")
		return
	}
	o.fail("%w", err)
}

// applyOne makes the links of one unit.
func (o *op) applyOne(in *info) {
	for _, a := range in.install.Aliases {
		o.alias(in, a)
	}
	name := in.name
	if unit.IsTemplate(name) && in.install.DefaultInstance != "" {
		name = unit.InstanceOf(name, in.install.DefaultInstance)
		if f, ok := o.loader.File(name); ok && f.Kind == load.FileMasked {
			o.fail("Unit %s is masked", f.Link)
			return
		}
	}
	o.hang(in, name, in.install.WantedBy, ".wants")
	o.hang(in, name, in.install.RequiredBy, ".requires")
	o.hang(in, name, in.install.UpheldBy, ".upholds")
}

// alias makes one link of Alias=.
func (o *op) alias(in *info, name string) {
	if path.Base(name) == in.name {
		return // its own name is no alias
	}
	if d := path.Base(path.Dir(name)); path.Dir(name) != "." && isLinkDir(d) {
		// Alias=foo.wants/bar.service is old spelling for a dependency.
		o.link(in.path, path.Join(o.config(), d, path.Base(name)))
		return
	}
	if unit.IsTemplate(in.name) && unit.ValidName(name) && !unit.Split(name).At && in.install.DefaultInstance == "" ||
		!unit.ValidName(name) || unit.KindOf(name) != unit.KindOf(in.name) {
		o.fail("Cannot alias %s as %s", in.name, name)
		return
	}
	if inst := unit.Split(in.name).Instance; inst != "" && unit.IsTemplate(name) {
		name = unit.InstanceOf(name, inst)
	}
	o.link(in.path, path.Join(o.config(), name))
}

// hang links the unit below each of the others.
func (o *op) hang(in *info, name string, others []string, suffix string) {
	for _, other := range others {
		switch {
		case !unit.ValidName(other):
			o.fail("Invalid unit name %s", other)
			continue
		case unit.IsTemplate(name) && !unit.IsTemplate(other):
			o.fail("Refusing to operate on template unit %s when destination unit %s is a non-template unit", name, other)
			continue
		}
		o.link(in.path, path.Join(o.config(), other+suffix, name))
		if !o.exists(other) {
			o.add(NoDestination, o.root.Host(in.path), other)
		}
	}
}

// exists tells whether a unit that others hang on is defined, by a file or
// among those that exist without one.
func (o *op) exists(name string) bool { return o.loader.Defined(name) }

// Link makes unit files that lie elsewhere known under their names.
func Link(opt Options, paths ...string) Result {
	o := begin(opt)
	var found []*info
	for _, p := range paths {
		if !path.IsAbs(p) {
			o.fail("Non-absolute paths are not allowed: %s", p)
			continue
		}
		in, err := o.discoverPath(p)
		if err != nil {
			o.fail("%w", err)
			continue
		}
		found = append(found, in)
	}
	if o.res.Err() != nil {
		return o.res
	}
	for _, in := range found {
		if in.outside {
			o.link(in.path, path.Join(o.config(), in.name))
		}
	}
	return o.res
}

// AddDependency links the units below target as Enable would for a WantedBy=
// or RequiredBy= of that name (add-wants, add-requires).
func AddDependency(opt Options, target string, requires bool, names ...string) Result {
	o := begin(opt)
	var found []*info
	for _, n := range append([]string{target}, names...) {
		in, err := o.check(n)
		if err != nil {
			o.fail("%w", err)
			return o.res
		}
		found = append(found, in)
	}
	suffix := ".wants"
	if requires {
		suffix = ".requires"
	}
	for _, in := range found[1:] {
		o.hang(in, in.name, []string{found[0].name}, suffix)
	}
	return o.res
}
