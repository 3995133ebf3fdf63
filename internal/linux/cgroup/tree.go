// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Make makes the cgroup and its parents. It is one mkdir when the parents are
// known; that it exists is no error (created is then false). An empty one that
// was killed in is made anew.
func (t *Tree) Make(path string) (created bool, err error) {
	if t.Killed(path) {
		_ = t.Remove(path) // not empty: then it stays
	}
	if err := t.makeParents(path); err != nil {
		return false, err
	}
	err = unix.Mkdirat(t.dir, path, 0o755)
	if err == unix.ENOENT {
		// A parent was removed behind our back.
		clear(t.parents)
		if err := t.makeParents(path); err != nil {
			return false, err
		}
		err = unix.Mkdirat(t.dir, path, 0o755)
	}
	if err == unix.EEXIST {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("cannot make cgroup %q: %w", path, err)
	}
	return true, nil
}

func (t *Tree) makeParents(path string) error {
	i := strings.LastIndexByte(path, '/')
	if i < 0 {
		return nil
	}
	parent := path[:i]
	if _, ok := t.parents[parent]; ok {
		return nil
	}
	if err := t.makeParents(parent); err != nil {
		return err
	}
	if err := unix.Mkdirat(t.dir, parent, 0o755); err != nil && err != unix.EEXIST {
		return fmt.Errorf("cannot make cgroup %q: %w", parent, err)
	}
	t.parents[strings.Clone(parent)] = struct{}{}
	return nil
}

// at is the path for the *at calls: the base itself is ".".
func at(path string) string {
	if path == "" {
		return "."
	}
	return path
}

// OpenFD opens the cgroup's directory O_PATH, for clone3; the caller closes it.
func (t *Tree) OpenFD(path string) (int, error) {
	fd, err := unix.Openat(t.dir, at(path), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, fmt.Errorf("cannot open cgroup %q: %w", path, err)
	}
	return fd, nil
}

// Exists tells whether it is there.
func (t *Tree) Exists(path string) bool {
	return unix.Faccessat(t.dir, at(path), unix.F_OK, 0) == nil
}

// Remove removes the cgroup and all below it. With processes in it the error
// is EBUSY; that it is gone already is no error.
func (t *Tree) Remove(path string) error {
	err := unix.Unlinkat(t.dir, path, unix.AT_REMOVEDIR)
	if err == unix.EBUSY || err == unix.ENOTEMPTY {
		// Children make it busy as well.
		subs, lerr := t.children(path)
		if lerr != nil {
			return lerr
		}
		for _, sub := range subs {
			if err := t.Remove(sub); err != nil {
				return err
			}
		}
		if len(subs) > 0 {
			err = unix.Unlinkat(t.dir, path, unix.AT_REMOVEDIR)
		}
	}
	if err != nil && err != unix.ENOENT {
		return fmt.Errorf("cannot remove cgroup %q: %w", path, err)
	}
	delete(t.parents, path)
	delete(t.enabled, path)
	delete(t.killed, path)
	return nil
}

// Children are the cgroups directly below.
func (t *Tree) Children(path string) ([]string, error) { return t.children(path) }

func (t *Tree) children(path string) ([]string, error) {
	fd, err := unix.Openat(t.dir, at(path), unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		if errors.Is(err, unix.ENOENT) {
			return nil, nil
		}
		return nil, fmt.Errorf("cannot list cgroup %q: %w", path, err)
	}
	dir := os.NewFile(uintptr(fd), path)
	defer dir.Close()
	entries, err := dir.ReadDir(-1)
	if err != nil && !errors.Is(err, unix.ENODEV) { // removed meanwhile
		return nil, fmt.Errorf("cannot list cgroup %q: %w", path, err)
	}
	var subs []string
	for _, e := range entries {
		if e.IsDir() {
			subs = append(subs, filepath.Join(path, e.Name()))
		}
	}
	return subs, nil
}

// read reads a file of the cgroup into the tree's buffer, or a larger one.
func (t *Tree) read(path, file string) ([]byte, error) {
	fd, err := unix.Openat(t.dir, filepath.Join(path, file), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	buf := t.buf[:]
	n := 0
	for {
		if n == len(buf) {
			buf = append(buf, make([]byte, len(buf))...)
		}
		m, err := unix.Read(fd, buf[n:])
		if err != nil {
			if err == unix.EINTR {
				continue
			}
			return nil, err
		}
		if m == 0 {
			return buf[:n], nil
		}
		n += m
	}
}

// write writes a file of the cgroup.
func (t *Tree) write(path, file, value string) error {
	fd, err := unix.Openat(t.dir, filepath.Join(path, file), unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	n, err := unix.Write(fd, []byte(value))
	if err == nil && n < len(value) {
		err = io.ErrShortWrite
	}
	return err
}

// gone: the cgroup was removed, before the open or after it.
func gone(err error) bool { return errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENODEV) }

// State is the content of cgroup.events.
type State struct {
	Populated bool // a live process is in it or below it
	Frozen    bool
}

// State reads cgroup.events. A cgroup that is gone is not populated.
func (t *Tree) State(path string) (State, error) {
	text, err := t.read(path, "cgroup.events")
	if gone(err) {
		return State{}, nil
	}
	if err != nil {
		return State{}, fmt.Errorf("cannot read the state of cgroup %q: %w", path, err)
	}
	return State{Populated: keyed(text, "populated") == 1, Frozen: keyed(text, "frozen") == 1}, nil
}

// keyed finds the value of a flat keyed file ("key value" lines).
func keyed(text []byte, key string) uint64 {
	for line := range bytes.Lines(text) {
		name, value, ok := bytes.Cut(line, []byte(" "))
		if ok && string(name) == key {
			n, err := strconv.ParseUint(string(bytes.TrimSpace(value)), 10, 64)
			if err == nil {
				return n
			}
		}
	}
	return 0
}
