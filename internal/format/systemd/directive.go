// SPDX-License-Identifier: Apache-2.0

package systemd

import (
	_ "embed" // since.txt
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/rouse-init/rouse/internal/unit"
)

// sectionSet is a set of sections of unit files.
type sectionSet uint16

const (
	inUnit sectionSet = 1 << iota
	inInstall
	inService
	inSocket
	inMount
	inAutomount
	inSwap
	inTimer
	inPath
	inTarget
	inSlice
	inScope
	inDevice

	// The sections that share systemd.exec(5), systemd.kill(5) and
	// systemd.resource-control(5).
	inExec   = inService | inSocket | inMount | inSwap
	inKill   = inExec | inScope
	inCgroup = inExec | inSlice | inScope

	// live are the sections whose directives rouse acts upon; of the
	// others, only their names and types are known yet.
	live = inUnit | inInstall | inService | inSocket | inTarget | inSlice
)

// sectionNames are the names of the sections, in the order of their bits.
var sectionNames = []string{
	"Unit", "Install", "Service", "Socket", "Mount", "Automount", "Swap",
	"Timer", "Path", "Target", "Slice", "Scope", "Device",
}

// ownSection is the section named after each kind of unit.
func ownSection(k unit.Kind) sectionSet {
	switch k {
	case unit.KindInvalid:
		return 0
	case unit.KindService:
		return inService
	case unit.KindSocket:
		return inSocket
	case unit.KindTarget:
		return inTarget
	case unit.KindSlice:
		return inSlice
	case unit.KindTimer:
		return inTimer
	case unit.KindPath:
		return inPath
	case unit.KindMount:
		return inMount
	case unit.KindAutomount:
		return inAutomount
	case unit.KindSwap:
		return inSwap
	case unit.KindScope:
		return inScope
	case unit.KindDevice:
		return inDevice
	}
	return 0
}

// Support says what rouse does with a directive.
type Support uint8

// The degrees of support.
const (
	Works       Support = iota
	Unsupported         // understood and checked, but without effect
	Insecure            // the same, and the service is less confined than asked for
	Obsolete            // without effect in systemd too
)

func (s Support) String() string {
	switch s {
	case Works:
		return "works"
	case Unsupported:
		return "not yet"
	case Insecure:
		return "not yet (less confined)"
	case Obsolete:
		return "obsolete, ignored"
	}
	return "unknown"
}

// Directive is what is known of one key in one or several sections.
type Directive struct {
	Name string
	// Since is the version of systemd that brought it, where its manual
	// says so; 0 for the oldest ones and for X- keys.
	Since   uint16
	AliasOf string // the name that replaced this one, or ""
	Value   string // the type of its value, in words
	Support Support
	// Instead says what happens where it is not supported: "the service
	// runs without it".
	Instead string
	// Default is set for X- keys, whose manual is made from this table.
	Default, Doc string

	sections sectionSet
	exec     bool // part of unit.Exec
	// set parses a value and puts it into the unit. Where the directive is
	// not supported it only parses.
	set func(b *build, v string) error
	msg string // of the diagnostic where it is not supported
}

// Sections are the names of the sections that have the directive.
func (d *Directive) Sections() []string {
	var names []string
	for i, name := range sectionNames {
		if d.sections&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return names
}

// SupportIn is the support of the directive in one section; in a [Mount],
// say, nothing is supported yet.
func (d *Directive) SupportIn(section string) Support {
	i := slices.Index(sectionNames, section)
	if d.Support == Works && i >= 0 && live&(1<<i) == 0 && !d.everywhere() {
		return Unsupported
	}
	return d.Support
}

// everywhere tells of the few directives that count in kinds of units that
// are not supported otherwise: what a timer or path starts is known.
func (d *Directive) everywhere() bool { return d.Name == "Unit" }

// insteadIn says what happens to a unit whose section is not live.
func insteadIn(s sectionSet) string {
	switch s {
	case inTimer:
		return "timers do not fire yet"
	case inPath:
		return "paths are not watched yet"
	case inMount, inAutomount:
		return "nothing is mounted by rouse yet"
	case inSwap:
		return "rouse does not handle swap yet"
	case inScope:
		return "there are no scopes yet"
	default:
		return "it has no effect"
	}
}

// sinceText is "Added in version" of the manuals of systemd 257: a section, a
// version, the names. What several sections share stands in one of them.
//
//go:embed since.txt
var sinceText string

func sinceVersions() map[string]uint16 {
	m := make(map[string]uint16, 400)
	for line := range strings.Lines(sinceText) {
		f := strings.Fields(line)
		v, _ := strconv.ParseUint(f[1], 10, 16)
		for _, name := range f[2:] {
			m[f[0]+"."+name] = uint16(v)
		}
	}
	return m
}

// own tells the keys of rouse's own, which have no manual elsewhere.
func (d *Directive) own() bool { return d.Doc != "" }

// sectionInfo is the part of the table that belongs to one section.
type sectionInfo struct {
	bit        sectionSet
	keys       map[string]*Directive
	names      []string // of its keys, sorted
	extensions []string // the X- ones among them
}

var sections = sync.OnceValue(func() map[string]*sectionInfo {
	infos := make(map[string]*sectionInfo, len(sectionNames))
	for i, name := range sectionNames {
		infos[name] = &sectionInfo{bit: 1 << i, keys: make(map[string]*Directive)}
	}
	for _, d := range Directives() {
		for i, name := range sectionNames {
			if d.sections&(1<<i) == 0 {
				continue
			}
			info := infos[name]
			info.keys[d.Name] = d
			info.names = append(info.names, d.Name)
			if strings.HasPrefix(d.Name, "X-") {
				info.extensions = append(info.extensions, d.Name)
			}
		}
	}
	for _, info := range infos {
		slices.Sort(info.names)
	}
	return infos
})

// otherSections lists the sections other than except that have the key.
func otherSections(key, except string) (found []string) {
	for _, name := range sectionNames {
		if info := sections()[name]; name != except && info.keys[key] != nil {
			found = append(found, name)
		}
	}
	return found
}

// Directives returns the whole table: every key that systemd 257 knows and
// rouse's own, by theme. It is made once and must not be changed.
var Directives = sync.OnceValue(func() []*Directive {
	tables := [][]Directive{
		unitTable(), jobTable(), conditionTable(), installTable(),
		serviceTable(), serviceTimeTable(), serviceExtensions(), sliceTable(), socketTable(), killTable(),
		execTable(), privilegeTable(), stdioTable(), limitTable(), directoryTable(), sandboxTable(), imageTable(),
		resourceTable(), memoryTable(), legacyResourceTable(), otherKindsTable(),
	}
	versions := sinceVersions()
	var all []*Directive
	for _, t := range tables {
		for i := range t {
			d := &t[i]
			for _, section := range d.Sections() {
				d.Since = max(d.Since, versions[section+"."+d.Name])
				if check, ok := strings.CutPrefix(d.Name, "Assert"); ok {
					d.Since = max(d.Since, versions[section+".Condition"+check])
				}
			}
			if d.Support == Unsupported || d.Support == Insecure {
				d.msg = d.Name + "= is not supported: " + d.Instead
				if d.Support == Insecure {
					d.msg += "; the service runs less confined than the unit asks"
				}
			}
			all = append(all, d)
		}
	}
	return all
})

// value is a type of values: its name in words, and how it is read.
type value struct {
	name string
	set  func(b *build, v string) error
}

// key makes an entry of the table for a directive that works.
func key(in sectionSet, name string, v value) Directive {
	return Directive{Name: name, Value: v.name, sections: in, set: v.set}
}

// alias makes an entry for an older name of a directive.
func alias(in sectionSet, name, of string, v value) Directive {
	return Directive{Name: name, AliasOf: of, Value: v.name, sections: in, set: v.set}
}

// notYet makes an entry for a directive that is only checked.
func notYet(in sectionSet, name string, v value, instead string) Directive {
	return Directive{
		Name: name, Value: v.name, sections: in, set: v.set,
		Support: Unsupported, Instead: instead,
	}
}

// lessSafe is notYet for what confines the service.
func lessSafe(in sectionSet, name string, v value, instead string) Directive {
	d := notYet(in, name, v, instead)
	d.Support = Insecure
	return d
}

// obsolete makes an entry for a directive that systemd ignores as well.
func obsolete(in sectionSet, name string, instead string) Directive {
	return Directive{
		Name: name, Value: "any", sections: in, Support: Obsolete, Instead: instead,
		set: func(*build, string) error { return nil },
	}
}
