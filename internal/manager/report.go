// SPDX-License-Identifier: Apache-2.0

package manager

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rouse-init/rouse/internal/diag"
	"github.com/rouse-init/rouse/internal/format/systemd"
)

// consoleLimit is how many directives that are not supported a manager of a
// machine, a container or a user names one by one. Those units are a
// distribution's: who boots it did not write them, and the console may be slow.
const consoleLimit = 5

// report prints what loading had to say.
func (m *Manager) report(list diag.List) {
	if (m.cfg.Mode == ModeInit || m.cfg.Mode == ModeUser) && !m.cfg.Debug {
		var line string
		if list, line = condense(list); line != "" {
			m.say("%s", line)
		}
	}
	for _, d := range list {
		if d.Severity == diag.Note && !m.cfg.Debug {
			continue
		}
		m.say("%s", d)
	}
}

// condense puts one line in the place of many on directives that are not
// supported.
func condense(list diag.List) (rest diag.List, line string) {
	counts := make(map[string]int)
	total := 0
	for _, d := range list {
		if key, ok := unsupported(d); ok {
			counts[key]++
			total++
			continue
		}
		rest = append(rest, d)
	}
	if total <= consoleLimit {
		return list, ""
	}
	names := make([]string, 0, len(counts))
	for name := range counts {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		if counts[a] != counts[b] {
			return counts[b] - counts[a]
		}
		return strings.Compare(a, b)
	})
	for i, name := range names {
		names[i] = fmt.Sprintf("%s= (%d)", name, counts[name])
	}
	return rest, fmt.Sprintf("%d settings of units are not supported, so that some services are less confined: %s; \"rouse verify\" names each",
		total, strings.Join(names, " "))
}

// unsupported is the directive of such a warning.
func unsupported(d diag.Diagnostic) (directive string, ok bool) {
	if d.Severity == diag.Note || d.Code != systemd.CodeUnsupported && d.Code != systemd.CodeInsecure {
		return "", false
	}
	directive, _, ok = strings.Cut(d.Msg, "= ")
	return directive, ok && !strings.Contains(directive, " ")
}
