// SPDX-License-Identifier: Apache-2.0

package install

import (
	"os"
	"path"
	"strings"

	"github.com/rouse-init/rouse/internal/unit"
)

// Mask links the names to /dev/null, so that they cannot be started. It does
// not replace a file, not even with Force. Names need not exist.
func Mask(opt Options, names ...string) Result {
	o := begin(opt)
	if o.valid(names) {
		for _, n := range names {
			o.link("/dev/null", path.Join(o.config(), n))
		}
	}
	return o.res
}

// Unmask removes the masks that Mask has made.
func Unmask(opt Options, names ...string) Result {
	o := begin(opt)
	if !o.valid(names) {
		return o.res
	}
	for _, n := range names {
		host := o.root.Host(path.Join(o.config(), n))
		if o.isMask(host) {
			o.unlink(host)
		}
	}
	return o.res
}

// isMask tells whether what is at the path masks a unit: a link to /dev/null.
// An empty file does so too, but is not ours to remove.
func (o *op) isMask(host string) bool {
	t, err := os.Readlink(host)
	if err != nil {
		return false
	}
	if t == "/dev/null" {
		return true
	}
	p, err := o.root.Resolve(o.root.Inside(host))
	return err == nil && p == "/dev/null"
}

func (o *op) valid(names []string) bool {
	for _, n := range names {
		if !unit.ValidName(n) {
			o.fail("Invalid unit name %s", n)
			return false
		}
	}
	return true
}

// Revert takes units back to what their vendor ships: drop-ins below /etc and
// /run go, and so do unit files there when one of the same name is installed
// elsewhere; masks too.
func Revert(opt Options, names ...string) Result {
	o := begin(opt)
	if !o.valid(names) {
		return o.res
	}
	own := []string{o.look.Control, o.look.RuntimeControl, o.look.Config, o.look.Runtime, o.look.Transient}
	for _, n := range names {
		vendor := o.hasVendor(n, own)
		for _, d := range own {
			if d == "" {
				continue
			}
			o.removeDropIns(path.Join(d, n+".d"))
			host := o.root.Host(path.Join(d, n))
			st, err := os.Lstat(host)
			if err == nil && (vendor && st.Mode().IsRegular() || o.isMask(host) || vendor && o.sameName(host, n)) {
				o.unlink(host)
			}
		}
	}
	return o.res
}

// sameName tells whether a path is a link to a file of the unit's own name.
func (o *op) sameName(host, name string) bool {
	t, err := os.Readlink(host)
	return err == nil && path.Base(t) == name
}

// hasVendor tells whether a directory that is nobody's configuration has the
// unit.
func (o *op) hasVendor(name string, own []string) bool {
	for _, d := range o.look.Dirs {
		mine := strings.HasPrefix(d, "/run/")
		for _, c := range own {
			mine = mine || c == d
		}
		if st, err := os.Stat(o.root.Host(path.Join(d, name))); !mine && err == nil && st.Mode().IsRegular() {
			return true
		}
	}
	return false
}

func (o *op) removeDropIns(dir string) {
	host := o.root.Host(dir)
	list, err := os.ReadDir(host)
	if err != nil {
		return // there is none
	}
	for _, e := range list {
		if strings.HasSuffix(e.Name(), ".conf") {
			o.unlink(path.Join(host, e.Name()))
		}
	}
	if rest, err := os.ReadDir(host); err == nil && len(rest) == 0 {
		o.unlink(host)
	}
}
