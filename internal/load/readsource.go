// SPDX-License-Identifier: Apache-2.0

package load

import (
	"fmt"
	"slices"

	"github.com/rouse-init/rouse/internal/diag"
	"github.com/rouse-init/rouse/internal/format/launchd"
	"github.com/rouse-init/rouse/internal/format/pair"
	"github.com/rouse-init/rouse/internal/unit"
)

// readSource is a job of launchd, or a service of inetd.conf or xinetd.conf.
// Its file was read when the index was made, since the name of the file need
// not say what is in it.
type readSource struct {
	maker
	what string // in words, for messages
}

func (s readSource) prepare(_ *compiler, r *recipe, e *entry) {
	m := readMaker{maker: s.maker}
	for _, path := range r.dropIns {
		m.notes.Add(diag.Diagnostic{
			Pos: diag.Pos{File: path}, Severity: diag.Warning, Code: codeOverride,
			Msg: fmt.Sprintf("cannot apply the drop-in to %s, ignoring", s.what), Fix: "change " + e.path,
		})
	}
	r.fragment, r.dropIns, r.maker = e.path, nil, m
}

func isRead(e *entry) bool {
	_, ok := e.source.(readSource)
	return ok
}

func isAgent(e *entry) bool {
	s, _ := e.source.(readSource)
	_, ok := s.maker.(*launchd.Job)
	return ok
}

func isPair(e *entry) bool {
	s, _ := e.source.(readSource)
	_, ok := s.maker.(*pair.Pair)
	return ok
}

// readMaker makes a unit with notes on the drop-ins that it does not take.
type readMaker struct {
	maker
	notes diag.List
}

func (m readMaker) Instance(name string) (*unit.Unit, diag.List) {
	u, list := m.maker.Instance(name)
	for _, d := range m.notes {
		d.Unit = name
		list = append(slices.Clip(list), d)
		u.Unsupported = append(slices.Clip(u.Unsupported), d)
	}
	return u, list
}
