// SPDX-License-Identifier: Apache-2.0

package bus

import (
	"cmp"
	"slices"
	"strings"

	"github.com/rouse-init/rouse/internal/bus/wire"
)

// Part is what a Server serves under one well-known name.
type Part struct {
	// Name is where replies and signals say that they come from.
	Name string
	// Root is the path of its first object; all others are below it. "" means
	// "/". The roots of two parts are never one below the other.
	Root string
	Tree Tree
	// Absent is the error for a path without an object; "" means
	// ErrUnknownObject. Clients of what is older than that error know another.
	Absent string
}

// Add serves one more part.
func (s *Server) Add(p Part) {
	s.cfg.Parts = append(s.cfg.Parts, p)
	s.interestChanged()
}

// part is the one that a path belongs to, nil if none.
func (s *Server) part(path string) *Part {
	for i := range s.cfg.Parts {
		if within(path, s.cfg.Parts[i].Root) {
			return &s.cfg.Parts[i]
		}
	}
	return nil
}

func (p *Part) lookup(path string) (Node, bool) {
	if p == nil {
		return Node{}, false
	}
	return p.Tree.Lookup(path)
}

// absent is the error for a path without an object.
func (p *Part) absent() string {
	if p == nil {
		return ErrUnknownObject
	}
	return cmp.Or(p.Absent, ErrUnknownObject)
}

// children are the next elements of all paths below path.
func (s *Server) children(path string) []string {
	if p := s.part(path); p != nil {
		return p.Tree.Children(path)
	}
	var names []string
	for i := range s.cfg.Parts {
		rest, ok := strings.CutPrefix(s.cfg.Parts[i].Root, strings.TrimSuffix(path, "/")+"/")
		if ok {
			name, _, _ := strings.Cut(rest, "/")
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// within tells whether path is root or below it.
func within(path, root string) bool {
	if root == "" || root == "/" {
		return true
	}
	rest, ok := strings.CutPrefix(path, root)
	return ok && (rest == "" || rest[0] == '/')
}

// nameFor is the well-known name of a part; answers of the driver come from
// the first.
func (s *Server) nameFor(p *Part) string {
	switch {
	case p != nil:
		return p.Name
	case len(s.cfg.Parts) > 0:
		return s.cfg.Parts[0].Name
	}
	return ""
}

// sender is the part that a message comes from.
func (c *conn) sender(m *wire.Message) *Part {
	if m.Type == wire.Signal {
		return c.srv.part(m.Path)
	}
	return c.answering
}
