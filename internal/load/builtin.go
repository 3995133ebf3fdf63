// SPDX-License-Identifier: Apache-2.0

package load

import (
	_ "embed"
	"strings"

	"github.com/rouse-init/rouse/internal/unit"
)

// The units of systemd.special(7) that exist without files, as unit files
// one after the other. A file on the path of the same name replaces one;
// drop-ins and `.wants` directories extend it as they would a file.
var (
	//go:embed builtin-system.txt
	systemUnits string
	//go:embed builtin-user.txt
	userUnits string
)

// addBuiltins adds the built-in units whose names are not on the path. A line
// "== NAME" starts one, "== NAME -> OTHER" is an alias.
func (x *index) addBuiltins(s Scope) {
	text := systemUnits
	if s != System {
		text = userUnits
	}
	for block := range strings.SplitSeq("\n"+text, "\n== ") {
		head, body, _ := strings.Cut(block, "\n")
		name, target, isAlias := strings.Cut(head, " -> ")
		if !unit.ValidName(name) || x.names[name] != nil {
			continue // the comment before the first one has no name
		}
		if isAlias {
			x.names[name] = &entry{kind: entryAlias, target: target}
			continue
		}
		x.names[name] = &entry{kind: entryBuiltin, target: body, source: systemdSource{}}
	}
}

// impliedKind tells the kinds whose units need no definition at all.
func impliedKind(k unit.Kind) bool { return k == unit.KindSlice }
