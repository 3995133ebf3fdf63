// SPDX-License-Identifier: Apache-2.0

package systemd

import "strings"

// archive is a txtar file: a comment, then files between "-- NAME --" lines.
type archive struct {
	comment string
	files   []member
}

type member struct{ name, text string }

func parseArchive(text string) (a archive) {
	into := &a.comment
	for line := range strings.Lines(text) {
		if name, ok := strings.CutPrefix(line, "-- "); ok {
			if name, ok = strings.CutSuffix(strings.TrimRight(name, "\n"), " --"); ok {
				a.files = append(a.files, member{name: name})
				into = &a.files[len(a.files)-1].text
				continue
			}
		}
		*into += line
	}
	return a
}

func (a *archive) String() string {
	var b strings.Builder
	b.WriteString(a.comment)
	for _, f := range a.files {
		b.WriteString("-- " + f.name + " --\n" + f.text)
		if f.text != "" && !strings.HasSuffix(f.text, "\n") {
			b.WriteByte('\n')
		}
	}
	return b.String()
}
