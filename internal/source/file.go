// SPDX-License-Identifier: Apache-2.0

package source

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/rouse-init/rouse/internal/linux/watch"
)

// file is one FILE=, as jobs write it.
type file struct {
	name  string
	kind  fileKind
	place watch.Spec
	users []Wanted
	it    *watch.Watch
	// What events any job takes; only is set where a job takes modify and not
	// create.
	create, modify, remove, only bool
}

type fileKind uint8

const (
	oneFile fileKind = iota
	directory
	pattern
)

// newFile reads an operand.
func (s *Set) newFile(w Wanted) (*file, error) {
	f := &file{}
	vars, err := values(w, "FILE", "EVENT", "MATCH")
	if err != nil {
		return f, err
	}
	if event, ok := vars["EVENT"]; ok && !slices.ContainsFunc([]string{"create", "modify", "delete"}, func(e string) bool { return like(event, e) }) {
		return f, fmt.Errorf("expected EVENT=create, modify or delete, found %q", event)
	}
	f.name = vars["FILE"]
	full, err := s.fullPath(f.name)
	if err != nil {
		return f, err
	}
	dir, last := path.Split(full)
	f.place.Dir = dir
	switch {
	case strings.ContainsAny(dir, "*?["):
		return f, fmt.Errorf("expected a pattern only in the last part of FILE=%s", f.name)
	case last == "":
		f.kind = directory
	case last == "." || last == "..":
		return f, fmt.Errorf("expected a name at the end of FILE=%s", f.name)
	case strings.ContainsAny(last, "*?["):
		if err := checkPattern(last); err != nil {
			return f, err
		}
		f.kind = pattern
		f.place.Match = func(name string) bool { return like(last, name) }
	default:
		f.place.Exact = last
	}
	return f, nil
}

// fullPath is the absolute path of a FILE= (upstart-file-bridge(8)).
func (s *Set) fullPath(name string) (string, error) {
	switch {
	case name == "" || len(name) >= unix.PathMax || strings.ContainsRune(name, 0):
		return "", fmt.Errorf("expected FILE= as a path, found %.80q", name)
	case name[0] == '/':
		return name, nil
	case !s.c.User:
		return "", fmt.Errorf("expected FILE= as an absolute path, found %q", name)
	}
	dir, err := home()
	if err != nil {
		return "", fmt.Errorf("FILE=%s is below the home directory, and that is not known: %w", name, err)
	}
	return dir + "/" + strings.TrimPrefix(strings.TrimPrefix(name, "~/"), "./"), nil
}

// fileEvent tells a change.
func (s *Set) fileEvent(f *file, e watch.Event) {
	s.noteFile(f)
	if e.Name == "" {
		if f.kind == directory || e.Op == watch.Modified {
			s.tellFile(f, e.Op, "")
		}
		return
	}
	switch f.kind {
	case oneFile:
		s.tellFile(f, e.Op, "")
	case pattern:
		s.tellFile(f, e.Op, f.place.Dir+e.Name)
	case directory:
		// Whatever happens in a directory modifies the directory.
		s.tellFile(f, watch.Modified, f.place.Dir+e.Name)
	}
}

// tellFile queues one file event, if any job takes it.
func (s *Set) tellFile(f *file, op watch.Op, match string) {
	switch op {
	case watch.Created:
		s.queueFile(f, f.create, "create", match)
	case watch.Replaced:
		// To Upstart another file in the place of one is a creation. To who
		// waits for changes alone it is a change.
		s.queueFile(f, f.create, "create", match)
		s.queueFile(f, f.only, "modify", match)
	case watch.Modified:
		s.queueFile(f, f.modify, "modify", match)
	case watch.Deleted:
		s.queueFile(f, f.remove, "delete", match)
	}
}

func (s *Set) queueFile(f *file, wanted bool, event, match string) {
	if !wanted {
		return
	}
	env := []string{"FILE=" + f.name, "EVENT=" + event}
	if match != "" {
		env = append(env, "MATCH="+match)
	}
	s.files.count++
	s.tell("file", env, "")
}

// tellPresent tells a new user what is there already, as
// upstart-file-bridge(8) does. A directory that has something in it counts as
// modified for who waits for that alone: work that lay in a queue over a
// reboot must be found.
func (s *Set) tellPresent(f *file) {
	names := f.it.Names()
	switch f.kind {
	case oneFile:
		if len(names) > 0 {
			s.tellFile(f, watch.Created, "")
		}
	case pattern:
		for _, name := range names {
			s.tellFile(f, watch.Created, f.place.Dir+name)
		}
	case directory:
		if f.it.Present() {
			s.tellFile(f, watch.Created, "")
		}
		if len(names) > 0 && f.only {
			s.tellFile(f, watch.Modified, f.place.Dir+names[0])
		}
	}
}
