// SPDX-License-Identifier: Apache-2.0

package install

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/rouse-init/rouse/internal/load"
	"github.com/rouse-init/rouse/internal/unit"
)

// info is one unit that an operation is about.
type info struct {
	name    string // canonical
	path    string // of the file, inside the root
	masked  bool
	outside bool // the file is not on the search path and was named by path
	install *unit.Install
}

// The errors that decide how an operation goes on.
type (
	notFoundError struct{ name string }
	danglingError struct{ name, path string }
)

func (e notFoundError) Error() string { return fmt.Sprintf("Unit %s does not exist", e.name) }
func (e danglingError) Error() string { return fmt.Sprintf("Unit %s is an unresolvable alias", e.name) }

// maxFollow is how many aliases of aliases are followed, as the loader does.
const maxFollow = 8

// discover finds the unit that a name, or an absolute path inside the root,
// stands for.
func (o *op) discover(name string) (*info, error) {
	if filepath.IsAbs(name) {
		return o.discoverPath(name)
	}
	if !unit.ValidName(name) {
		return nil, fmt.Errorf("Invalid unit name %s", name) //nolint:staticcheck // systemctl's words
	}
	asked := name
	for range maxFollow {
		f, ok := o.loader.File(name)
		if !ok {
			if t := unit.TemplateOf(name); t != "" {
				f, ok = o.loader.File(t)
			}
		}
		if !ok {
			if asked != name {
				first, _ := o.loader.File(asked)
				return nil, danglingError{name: asked, path: first.Link}
			}
			return nil, notFoundError{name}
		}
		if f.Kind != load.FileAlias {
			return o.infoOf(name, f)
		}
		next := f.Target
		if unit.IsTemplate(next) && unit.IsInstance(name) {
			next = unit.InstanceOf(next, unit.Split(name).Instance)
		}
		name = next
	}
	return nil, fmt.Errorf("Refusing to operate on linked unit file %s", asked) //nolint:staticcheck // systemctl's words
}

func (o *op) infoOf(name string, f load.File) (*info, error) {
	in := &info{name: name, path: o.root.Inside(f.Path)}
	switch f.Kind {
	case load.FileMasked:
		in.masked = true
		in.path = o.root.Inside(f.Link)
		return in, nil
	case load.FileBad:
		if f.Err != nil {
			return nil, f.Err
		}
	case load.FileRegular, load.FileAlias:
	}
	if st, err := os.Stat(f.Path); err != nil {
		return nil, danglingError{name: name, path: f.Link}
	} else if st.Size() == 0 {
		in.masked = true
		return in, nil
	}
	u, _ := o.loader.One(name)
	in.install = u.Install
	return in, nil
}

// discoverPath finds the unit of a file that is named by its path.
func (o *op) discoverPath(path string) (*info, error) {
	path = filepath.Clean(path)
	name := filepath.Base(path)
	st, err := os.Stat(o.root.Host(path))
	switch {
	case !unit.ValidName(name):
		return nil, fmt.Errorf("Invalid unit name %s", path) //nolint:staticcheck // systemctl's words
	case err != nil:
		return nil, notFoundError{path}
	case !st.Mode().IsRegular():
		return nil, fmt.Errorf("%q is not a regular file", path)
	}
	if f, ok := o.loader.File(name); ok && (o.root.Inside(f.Path) == path || o.root.Inside(f.Link) == path) {
		return o.infoOf(name, f)
	}
	cfg := o.opt.Config
	cfg.Paths = []string{o.root.Host(path)}
	u, _ := load.New(cfg).One(name)
	return &info{name: name, path: path, outside: true, install: u.Install}, nil
}
