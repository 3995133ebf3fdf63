// SPDX-License-Identifier: Apache-2.0

package install

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rouse-init/rouse/internal/load"
	"github.com/rouse-init/rouse/internal/unit"
)

// PresetMode says which half of a preset is carried out.
type PresetMode uint8

// The values of systemctl's --preset-mode=.
const (
	PresetFull PresetMode = iota
	PresetEnableOnly
	PresetDisableOnly
)

// Preset enables or disables units as systemd.preset(5) files say.
func Preset(opt Options, names ...string) Result {
	o := begin(opt)
	for _, n := range names {
		if _, err := o.check(n); err != nil {
			o.fail("%w", err)
			return o.res
		}
	}
	o.preset(names)
	return o.res
}

// PresetAll does so for all unit files on the path.
func PresetAll(opt Options) Result {
	o := begin(opt)
	var names []string
	for _, n := range o.loader.Names() {
		f, _ := o.loader.File(n)
		if f.Kind == load.FileMasked || f.Kind == load.FileRegular {
			names = append(names, n)
		}
	}
	o.preset(names)
	o.res.NoInstall = false
	return o.res
}

// preset sorts the units into those to enable and those to disable, and does
// the latter first, so that a name may go from one unit to another.
func (o *op) preset(names []string) {
	rules := o.presets()
	var plus []*info
	var minus []string
	for _, n := range names {
		v := rules.query(n)
		in, err := o.discover(n)
		if err != nil {
			continue // a broken link must not stop the others
		}
		if in.masked {
			o.add(IsMasked, o.root.Host(in.path), "")
			continue
		}
		switch {
		case v.enable && len(v.instances) > 0 && unit.IsTemplate(n):
			for _, i := range v.instances {
				if one, err := o.discover(unit.InstanceOf(n, i)); err == nil {
					plus = append(plus, one)
				}
			}
		case v.enable:
			plus = append(plus, in)
		case !v.ignore:
			minus = append(minus, n)
		}
	}
	if o.opt.Mode != PresetEnableOnly && len(minus) > 0 {
		o.disable(minus, false)
	}
	if o.opt.Mode != PresetDisableOnly {
		o.apply(plus)
	}
	o.res.NoInstall = false
}

// verdict is what the presets say about a unit.
type verdict struct {
	enable, ignore bool
	instances      []string
}

func (v verdict) word() string {
	switch {
	case v.enable:
		return "enabled"
	case v.ignore:
		return "ignored"
	}
	return "disabled"
}

// rule is one line of a preset file.
type rule struct {
	pattern string
	verdict
}

type ruleList []rule

// query returns what the first rule that matches says; enabling is the
// default.
func (l ruleList) query(name string) verdict {
	for _, r := range l {
		if Glob(r.pattern, name) {
			return r.verdict
		}
		// "enable foo@.service a b" also speaks of foo@a.service.
		if len(r.instances) > 0 && r.pattern == unit.TemplateOf(name) &&
			slices.Contains(r.instances, unit.Split(name).Instance) {
			return verdict{enable: true}
		}
	}
	return verdict{enable: true}
}

// presets reads the preset files: of one name the first directory's, all of
// them in the order of their names.
func (o *op) presets() ruleList {
	paths := map[string]string{}
	for _, d := range o.look.Presets {
		list, _ := os.ReadDir(o.root.Host(d)) // most of them do not exist
		for _, e := range list {
			if _, ok := paths[e.Name()]; !ok && strings.HasSuffix(e.Name(), ".preset") {
				paths[e.Name()] = filepath.Join(d, e.Name())
			}
		}
	}
	names := make([]string, 0, len(paths))
	for n := range paths {
		names = append(names, n)
	}
	slices.Sort(names)
	var rules ruleList
	for _, n := range names {
		p, err := o.root.Resolve(paths[n])
		if err != nil || p == "/dev/null" {
			continue
		}
		text, err := os.ReadFile(o.root.Host(p))
		if err != nil {
			continue
		}
		rules = append(rules, parsePreset(text)...)
	}
	return rules
}

// parsePreset reads one preset file. A line that is no directive is left out,
// as systemd does.
func parsePreset(text []byte) ruleList {
	var rules ruleList
	for line := range bytes.Lines(text) {
		words := strings.Fields(string(line))
		if len(words) < 2 || words[0][0] == '#' || words[0][0] == ';' {
			continue
		}
		r := rule{pattern: words[1]}
		switch words[0] {
		case "enable":
			r.enable = true
			if len(words) > 2 && !unit.IsTemplate(words[1]) {
				continue // only templates take instances
			}
			r.instances = words[2:]
		case "disable":
		case "ignore":
			r.ignore = true
		default:
			continue
		}
		rules = append(rules, r)
	}
	return rules
}
