// SPDX-License-Identifier: Apache-2.0

package systemd1

import (
	"path"
	"slices"

	"github.com/rouse-init/rouse/internal/bus"
	"github.com/rouse-init/rouse/internal/bus/wire"
)

// The flags of EnableUnitFilesWithFlags and its kin.
const (
	flagRuntime = 1 << iota
	flagForce
	flagPortable
)

// fileMethods are systemctl enable and its kin.
func fileMethods() []bus.Method {
	const changes, carries = "a(sss)", "ba(sss)"
	// op makes a method: read fills the operation from the arguments.
	op := func(name, in, out, args, verb string, read func(*FileOp, *wire.Decoder)) bus.Method {
		return bus.Method{Name: name, In: in, Out: out, Args: args, Call: func(s any, c *bus.Call) {
			o := FileOp{Verb: verb}
			read(&o, c.Args)
			s.(*Service).change(c, o, out == carries)
		}}
	}
	plain := func(o *FileOp, d *wire.Decoder) { o.Names, o.Runtime, o.Force = d.Strings(), d.Bool(), d.Bool() }
	noForce := func(o *FileOp, d *wire.Decoder) { o.Names, o.Runtime = d.Strings(), d.Bool() }
	flags := func(o *FileOp, d *wire.Decoder) {
		o.Names = d.Strings()
		f := d.Uint64()
		o.Runtime, o.Force = f&flagRuntime != 0, f&flagForce != 0
	}
	return []bus.Method{
		{Name: "ListUnitFiles", Out: "a(ss)", Open: true, Args: "> unit_files", Call: func(s any, c *bus.Call) {
			s.(*Service).listFiles(c, nil, nil)
		}},
		{Name: "ListUnitFilesByPatterns", In: "asas", Out: "a(ss)", Open: true, Args: "states patterns > unit_files", Call: func(s any, c *bus.Call) {
			s.(*Service).listFiles(c, c.Args.Strings(), c.Args.Strings())
		}},
		{Name: "GetUnitFileState", In: "s", Out: "s", Open: true, Args: "file > state", Call: fileState},
		op("EnableUnitFiles", "asbb", carries, "files runtime force > carries_install_info changes", "enable", plain),
		op("EnableUnitFilesWithFlags", "ast", carries, "files flags > carries_install_info changes", "enable", flags),
		op("DisableUnitFiles", "asb", changes, "files runtime > changes", "disable", noForce),
		op("DisableUnitFilesWithFlags", "ast", changes, "files flags > changes", "disable", flags),
		op("DisableUnitFilesWithFlagsAndInstallInfo", "ast", carries, "files flags > carries_install_info changes", "disable", flags),
		op("ReenableUnitFiles", "asbb", carries, "files runtime force > carries_install_info changes", "reenable", plain),
		op("LinkUnitFiles", "asbb", changes, "files runtime force > changes", "link", plain),
		op("PresetUnitFiles", "asbb", carries, "files runtime force > carries_install_info changes", "preset", plain),
		op("PresetUnitFilesWithMode", "assbb", carries, "files mode runtime force > carries_install_info changes", "preset", func(o *FileOp, d *wire.Decoder) {
			o.Names, o.Mode, o.Runtime, o.Force = d.Strings(), d.String(), d.Bool(), d.Bool()
		}),
		op("PresetAllUnitFiles", "sbb", changes, "mode runtime force > changes", "preset-all", func(o *FileOp, d *wire.Decoder) {
			o.Mode, o.Runtime, o.Force = d.String(), d.Bool(), d.Bool()
		}),
		op("MaskUnitFiles", "asbb", changes, "files runtime force > changes", "mask", plain),
		op("UnmaskUnitFiles", "asb", changes, "files runtime > changes", "unmask", noForce),
		op("RevertUnitFiles", "as", changes, "files > changes", "revert", func(o *FileOp, d *wire.Decoder) { o.Names = d.Strings() }),
		op("SetDefaultTarget", "sb", changes, "name force > changes", "set-default", func(o *FileOp, d *wire.Decoder) {
			o.Names, o.Force = []string{d.String()}, d.Bool()
		}),
		op("AddDependencyUnitFiles", "asssbb", changes, "files target type runtime force > changes", "add-wants", func(o *FileOp, d *wire.Decoder) {
			o.Names, o.Target = d.Strings(), d.String()
			if d.String() == "Requires" {
				o.Verb = "add-requires"
			}
			o.Runtime, o.Force = d.Bool(), d.Bool()
		}),
		{Name: "GetDefaultTarget", Out: "s", Open: true, Args: "> name", Call: func(s any, c *bus.Call) {
			name, err := s.(*Service).be.Files().DefaultTarget()
			if err != nil {
				c.Fail(bus.ErrFailed, "%v", err)
				return
			}
			c.Body().String(name)
			c.Return()
		}},
		{Name: "GetUnitFileLinks", In: "sb", Out: "as", Open: true, Args: "name runtime > links", Call: func(_ any, c *bus.Call) {
			c.Body().Strings(nil)
			c.Return()
		}},
	}
}

// change performs an operation and answers with what it did.
func (s *Service) change(c *bus.Call, o FileOp, carries bool) {
	changes, info, err := s.be.Files().Do(o)
	if err != nil {
		c.Fail(bus.ErrFailed, "%v", err)
		return
	}
	if len(changes) > 0 {
		s.UnitFilesChanged()
	}
	e := c.Body()
	if carries {
		e.Bool(info)
	}
	m := e.Array('(')
	for _, ch := range changes {
		e.Struct()
		e.String(ch.Kind)
		e.String(ch.Path)
		e.String(ch.Source)
	}
	e.End(m)
	c.Return()
}

func fileState(subject any, c *bus.Call) {
	name := c.Args.String()
	state, err := subject.(*Service).be.Files().State(name)
	if err != nil || state == "" {
		c.Fail(errFileNotFound, "No such file or directory: %s", name)
		return
	}
	c.Body().String(state)
	c.Return()
}

func (s *Service) listFiles(c *bus.Call, states, patterns []string) {
	list, err := s.be.Files().List()
	if err != nil {
		c.Fail(bus.ErrFailed, "%v", err)
		return
	}
	e := c.Body()
	m := e.Array('(')
	for _, f := range list {
		if len(states) > 0 && !slices.Contains(states, f.State) || len(patterns) > 0 && !MatchAny(patterns, path.Base(f.Path)) {
			continue
		}
		e.Struct()
		e.String(f.Path)
		e.String(f.State)
	}
	e.End(m)
	c.Return()
}

// errFileNotFound is what sd-bus makes of ENOENT, and turns back into it.
const errFileNotFound = "org.freedesktop.DBus.Error.FileNotFound"
