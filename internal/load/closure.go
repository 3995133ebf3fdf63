// SPDX-License-Identifier: Apache-2.0

package load

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/rouse-init/rouse/internal/diag"
	"github.com/rouse-init/rouse/internal/unit"
)

// workers is how many goroutines read and compile. More than a few only
// compete for the same directory.
const workers = 4

// result is what compiling one unit gave.
type result struct {
	unit   *unit.Unit
	recipe *recipe
	list   diag.List
}

// closure returns the named units and all that they refer to, and those of
// them that were not loaded before. It works wave by wave: all that is known to be needed at once. The
// order of waves, of names in them and of diagnostics does not depend on
// the goroutines.
func (l *Loader) closure(names []string, list *diag.List) (found, fresh []*unit.Unit) {
	c := &compiler{l: l, x: l.index, files: files{m: map[string]*parsed{}}}
	seen := map[string]bool{}
	wave := c.next(nil, names, seen)
	for len(wave) > 0 {
		results := c.compile(wave)
		var more []string
		for i, name := range wave {
			u := l.units[name]
			if r := &results[i]; r.unit != nil {
				u = r.unit
				l.index.canonize(u)
				c.suggest(u)
				l.remember(u, r.recipe)
				fresh = append(fresh, u)
				*list = append(*list, r.list...)
			}
			found = append(found, u)
			for _, d := range u.Deps {
				more = append(more, d.Name)
			}
			if u.Slice != "" {
				more = append(more, u.Slice)
			}
		}
		wave = c.next(wave, more, seen)
	}
	orderTargets(l.units, fresh)
	c.report(list)
	return found, fresh
}

// next makes the sorted list of canonical names among names that were not
// seen yet. It reuses the array of old.
func (c *compiler) next(old, names []string, seen map[string]bool) []string {
	out := old[:0]
	for _, n := range names {
		if seen[n] {
			continue
		}
		seen[n] = true
		canon := c.x.canonical(n)
		if canon == n || !seen[canon] {
			seen[canon] = true
			out = append(out, canon)
		}
	}
	slices.Sort(out)
	return out
}

// compile makes the units of one wave that are not loaded; results of those
// that are stay empty.
func (c *compiler) compile(wave []string) []result {
	results := make([]result, len(wave))
	one := func(i int) {
		if c.l.units[wave[i]] == nil {
			r := &results[i]
			r.unit, r.recipe, r.list = c.unit(wave[i])
		}
	}
	if len(wave) < 2*workers {
		for i := range wave {
			one(i)
		}
		return results
	}
	var next atomic.Int64
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(wave)); i = next.Add(1) - 1 {
				one(int(i))
			}
		})
	}
	wg.Wait()
	return results
}

// remember keeps a unit and the state of its files.
func (l *Loader) remember(u *unit.Unit, r *recipe) {
	l.units[u.Name] = u
	if r == nil {
		return
	}
	for _, p := range r.read {
		l.stamps[p.path] = p.stamp
	}
	switch {
	case u.Fragment == "":
	case len(r.read) == 0:
		l.stamps[u.Fragment] = stampOf(u.Fragment)
	default:
		l.stamps[u.Fragment] = r.read[0].stamp
	}
}

// maxSuggest bounds the names that are compared with all others in one load:
// a set of units that refers to thousands of missing ones must not take the
// square of their number.
const maxSuggest = 32

// suggest adds what a person may have meant to a unit that is not found.
func (c *compiler) suggest(u *unit.Unit) {
	if u.Load != unit.NotFound || u.LoadErr == nil || u.LoadErr.Code != codeNotFound || c.suggested == maxSuggest {
		return
	}
	c.suggested++
	if c.stems == nil {
		c.stems = map[unit.Kind][]string{}
		for _, n := range sortedKeys(c.x.names) {
			k := unit.KindOf(n)
			c.stems[k] = append(c.stems[k], strings.TrimSuffix(n, "."+k.Suffix()))
		}
	}
	suffix := "." + u.Kind.Suffix()
	if near := Nearest(strings.TrimSuffix(u.Name, suffix), c.stems[u.Kind]); near != "" {
		u.LoadErr.Fix = fmt.Sprintf("did you mean %q?", near+suffix)
	}
}

// keepList is the size up to which listings of drop-in and link directories
// are kept for instances that come later.
const keepList = 64

// report adds what parsing the files and listing the directories of this
// load has found, by path, and before what compiling has.
func (c *compiler) report(list *diag.List) {
	out := c.x.diags
	c.x.diags = nil
	for path, l := range c.x.lists {
		if len(l) > keepList {
			delete(c.x.lists, path)
		}
	}
	for _, path := range sortedKeys(c.files.m) {
		p := c.files.m[path]
		out = append(out, p.list...)
		if p.fault != nil {
			out.Add(*p.fault)
		}
	}
	*list = append(out, *list...)
}

func byName(a, b *unit.Unit) int { return strings.Compare(a.Name, b.Name) }

// Instance makes an instance of a template and loads what it refers to. The
// first unit returned is the instance, the others are those that were not
// loaded before. The instance itself is not remembered: an Accept=yes socket
// makes one for each connection, and each lives only as long as that.
func (l *Loader) Instance(tmpl, instance string) ([]*unit.Unit, diag.List) {
	name := l.index.canonical(unit.InstanceOf(tmpl, instance))
	if u := l.units[name]; u != nil {
		return []*unit.Unit{u}, nil
	}
	c := &compiler{l: l, x: l.index, files: files{m: map[string]*parsed{}}}
	u, r, list := c.unit(name)
	l.index.canonize(u)
	if r != nil && len(c.files.m) > 0 {
		l.remember(u, r)
		delete(l.units, name)
	}
	c.report(&list)
	out := []*unit.Unit{u}
	var missing []string
	for _, d := range u.Deps {
		if l.units[d.Name] == nil {
			missing = append(missing, d.Name)
		}
	}
	if u.Slice != "" && l.units[u.Slice] == nil {
		missing = append(missing, u.Slice)
	}
	if len(missing) == 0 {
		return out, list
	}
	_, fresh := l.closure(missing, &list)
	slices.SortFunc(fresh, byName)
	return append(out, fresh...), list
}
