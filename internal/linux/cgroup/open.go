// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// Options say where the base is.
type Options struct {
	// Base is the directory to use, as a path in the file system; "" for a
	// directory below the process's own cgroup.
	Base string
	// Sub is made below the own cgroup when Base is "": "rouse-1234". With
	// Sub "" the own cgroup itself is the base.
	Sub string
	// Whole takes the own cgroup itself as base, in spite of Sub, where
	// nothing else is below it: that of a machine or container of our own.
	Whole bool
}

// Tree is the base below which units have their cgroups.
type Tree struct {
	facts Facts
	dir   int // O_PATH descriptor of the base
	// parents are cgroups that were made on the way to others; only those,
	// so that a running service costs nothing here.
	parents map[string]struct{}
	// enabled are the controllers enabled in subtree_control, by parent.
	enabled map[string]string
	// killed are those that cgroup.kill was written to since they were made.
	killed  map[string]struct{}
	madeSub bool
	buf     [4096]byte
}

// Open finds the base, makes it and probes it. Where there is none to be had
// it returns a nil Tree, no error, and Facts that say why. An error is a Base
// that was asked for and cannot be used; the facts are good then, too.
func Open(o Options) (*Tree, Facts, error) {
	m, err := readMounts()
	if err != nil {
		return nil, Facts{Why: "no /proc: " + err.Error()}, nil //nolint:nilerr // no cgroups is an answer
	}
	f := Facts{Mount: m.point}
	switch {
	case m.point == "":
		f.Why = "no cgroup2 file system is mounted"
		return nil, f, refusal(o, &f)
	case m.v1:
		f.Kind = Hybrid
	default:
		f.Kind = Unified
	}
	if text, err := os.ReadFile("/proc/self/cgroup"); err == nil {
		if path, ok := unifiedOf(string(text)); ok {
			f.Own = m.dirOf(path)
		}
	}
	t, why := openBase(o, f)
	if t == nil {
		f.Why = why
		return nil, f, refusal(o, &f)
	}
	return t, t.facts, nil
}

func refusal(o Options, f *Facts) error {
	if o.Base == "" {
		return nil
	}
	return fmt.Errorf("cannot use %q as base of cgroups: %s", o.Base, f.Why)
}

// openBase makes the base and proves that it can be used.
func openBase(o Options, f Facts) (t *Tree, why string) {
	base := o.Base
	if base == "" {
		if f.Own == "" {
			return nil, "the own cgroup is not below " + f.Mount
		}
		base = filepath.Join(f.Own, o.Sub)
		if o.Whole && childless(f.Own) {
			base = f.Own
		}
	}
	made := true
	if err := os.Mkdir(base, 0o755); err != nil {
		if !errors.Is(err, fs.ErrExist) {
			return nil, err.Error()
		}
		made = false
	}
	fail := func(why string) (*Tree, string) {
		if made {
			_ = os.Remove(base) // nothing is in it
		}
		return nil, why
	}
	var st unix.Statfs_t
	if err := unix.Statfs(base, &st); err != nil || st.Type != unix.CGROUP2_SUPER_MAGIC {
		return fail(base + " is not in a cgroup2 file system")
	}
	dir, err := unix.Open(base, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fail(fmt.Sprintf("open %s: %v", base, err))
	}
	t = &Tree{dir: dir, facts: f, madeSub: made, parents: map[string]struct{}{}, enabled: map[string]string{}, killed: map[string]struct{}{}}
	t.facts.Base, t.facts.Usable = base, true
	if why := t.probe(); why != "" {
		_ = unix.Close(dir)
		return fail(why)
	}
	return t, ""
}

// childless tells whether a cgroup has none below it.
func childless(dir string) bool {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		if e.IsDir() {
			return false
		}
	}
	return err == nil
}

// probe makes a cgroup below the base and looks at it.
func (t *Tree) probe() (why string) {
	f := &t.facts
	// To put a process into a cgroup one must be able to write cgroup.procs
	// of the nearest common ancestor too (cgroup-v2.rst, "Delegation
	// Containment").
	if f.Own != "" {
		ancestor := commonAncestor(f.Own, f.Base)
		if err := unix.Faccessat(unix.AT_FDCWD, ancestor+"/cgroup.procs", unix.W_OK, unix.AT_EACCESS); err != nil {
			return fmt.Sprintf("%s/cgroup.procs cannot be written: %v", ancestor, err)
		}
	}
	name := fmt.Sprintf("probe.%d", os.Getpid())
	if err := unix.Mkdirat(t.dir, name, 0o755); err != nil && err != unix.EEXIST {
		return fmt.Sprintf("no cgroup can be made below %s: %v", f.Base, err)
	}
	defer func() { _ = unix.Unlinkat(t.dir, name, unix.AT_REMOVEDIR) }()
	if err := unix.Faccessat(t.dir, name+"/cgroup.procs", unix.W_OK, unix.AT_EACCESS); err != nil {
		return fmt.Sprintf("%s/%s/cgroup.procs cannot be written: %v", f.Base, name, err)
	}
	f.Freezer = unix.Faccessat(t.dir, name+"/cgroup.freeze", unix.W_OK, unix.AT_EACCESS) == nil
	f.Kill = unix.Faccessat(t.dir, name+"/cgroup.kill", unix.W_OK, unix.AT_EACCESS) == nil
	if text, err := t.read("", "cgroup.controllers"); err == nil {
		f.Controllers = strings.Fields(string(text))
	}
	// Only the root of the whole hierarchy has no cgroup.type.
	f.Delegated = f.Own != "" && unix.Access(f.Own+"/cgroup.type", unix.F_OK) == nil
	return ""
}

// commonAncestor is the deepest directory that is above or equal to both.
func commonAncestor(a, b string) string {
	for a != "/" && a != b && !strings.HasPrefix(b, a+"/") {
		a = filepath.Dir(a)
	}
	return a
}

// Facts are what Open found.
func (t *Tree) Facts() Facts { return t.facts }

// Close closes the tree. With remove the base is removed if Open made it and
// nothing is left in it.
func (t *Tree) Close(remove bool) error {
	err := unix.Close(t.dir)
	if remove && t.madeSub {
		err = errors.Join(err, os.Remove(t.facts.Base))
	}
	return err
}
