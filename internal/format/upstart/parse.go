// SPDX-License-Identifier: Apache-2.0

package upstart

import (
	"fmt"
	"strings"

	"github.com/rouse-init/rouse/internal/diag"
)

// Parse reads a job file. It never fails: errors are part of the File and
// come out of Compile. It goes on after an error, so that all of them are
// listed, but not for ever.
func Parse(path string, content []byte) *File {
	f := &File{Path: path}
	text := string(content)
	if why, fix := unreadable(text); why != "" {
		f.diags.Add(diag.Diagnostic{
			Pos: diag.Pos{File: path}, Severity: diag.Error, Code: CodeLimit, Msg: "cannot read the file: " + why, Fix: fix,
		})
		return f
	}
	text = strings.TrimPrefix(text, "\ufeff")
	r := &reader{scan: scanner{text: text}, lines: lineStarts(text), file: f, isStanza: isStanza}
	// After an error what follows is often its rest, which nobody wants to
	// hear about: `or started x)`.
	rest, errors := false, 0
	for n := 0; r.nextStanza(); n++ {
		if n == maxStanzas {
			f.diags.Add(diag.Diagnostic{
				Pos: r.pos(r.scan.pos), Severity: diag.Error, Code: CodeLimit,
				Msg: fmt.Sprintf("cannot read the file: more than %d stanzas", maxStanzas),
			})
			break
		}
		a, fault := r.stanza()
		if fault == nil {
			f.acts = append(f.acts, a)
			rest = false
			continue
		}
		if fault.code != CodeStanza || fault.fix != "" || !rest {
			f.diags.Add(r.diagnostic())
			errors++
		}
		if rest = true; fault.endOfFile {
			break
		}
		if errors == maxErrors {
			f.diags.Add(diag.Diagnostic{
				Pos: diag.Pos{File: path}, Severity: diag.Note, Code: CodeManyMore, Msg: "more of its lines are wrong: the rest is not listed",
			})
			break
		}
		r.resume(fault)
	}
	return f
}

// unreadable says what makes a text unfit to be looked at.
func unreadable(text string) (why, fix string) {
	switch {
	case len(text) > maxFile:
		return fmt.Sprintf("it has more than %d bytes", maxFile), "move scripts into files of their own"
	case strings.IndexByte(text, 0) >= 0:
		return "it has a NUL byte", "is it a text file?"
	}
	return "", ""
}

// nextStanza goes to the start of the next stanza, over empty lines and
// comments.
func (r *reader) nextStanza() bool {
	r.scan.fault, r.depth, r.warned = nil, 0, false
	for r.scan.pos < len(r.scan.text) {
		if !r.scan.atEnd() {
			return true
		}
		r.scan.skipLine()
	}
	return false
}

// stanza reads one.
func (r *reader) stanza() (act, *fault) {
	s := &r.scan
	r.start, r.synopsis = s.pos, ""
	first := s.word("")
	if r.name = quote(first.text); first.quoted {
		s.fail(fault{off: first.off, code: CodeStanza, msg: "expected a stanza, found something in quotes", fix: "remove the quotes"})
	}
	st := r.lookup(first)
	if st == nil {
		return act{}, s.fault
	}
	r.name, r.synopsis = st.Name, st.Synopsis
	do := st.read(r)
	if !st.block && r.more() {
		r.unexpected()
	}
	if s.fault != nil {
		return act{}, s.fault
	}
	if !st.block {
		s.skipLine()
	}
	return act{pos: r.pos(r.start), apply: do}, nil
}

// lookup finds the stanza that starts with the word first; of names of two
// words it reads the second one.
func (r *reader) lookup(first word) *stanza {
	s := &r.scan
	if s.fault != nil {
		return nil
	}
	t := table()
	seconds, known := t.seconds[first.text]
	if !known {
		r.unknown(first)
		return nil
	}
	plain := t.rows[first.text]
	if len(seconds) == 0 {
		return plain
	}
	what := oneOf(seconds)
	r.name = first.text
	if !r.more() {
		if plain == nil {
			r.missing(what)
		}
		return plain
	}
	before := s.pos
	second := s.word("")
	if s.fault != nil {
		return nil
	}
	if row := t.rows[first.text+" "+second.text]; row != nil && !second.quoted {
		return row
	}
	if plain == nil {
		fix := ""
		if near := nearest(second.text, seconds); near != "" {
			fix = "did you mean " + first.text + " " + near + "?"
		}
		r.bad(second, what, fix)
		s.fault.code = CodeSyntax
		return nil
	}
	s.pos = before
	return plain
}

func isStanza(w string) bool {
	_, ok := table().seconds[w]
	return ok
}

// unknown faults a word that starts no stanza.
func (r *reader) unknown(w word) {
	fix := old[w.text]
	if near := nearest(w.text, table().firsts); fix == "" && near != "" {
		fix = "did you mean " + near + "?"
	}
	r.scan.fail(fault{off: w.off, code: CodeStanza, msg: "there is no such stanza", fix: fix})
}

// old are stanzas that Upstart itself once had (0.3) and what came after.
var old = map[string]string{
	"service": "remove it: a job is a service unless it has a task stanza",
	"session": "remove it: every process leads a session of its own",
	"daemon":  "write expect daemon",
	"pid":     "write expect daemon or expect fork",
	"event":   "write start on or stop on",
	"on":      "write start on or stop on",
}

// resume goes to where reading can go on after a fault: behind the line of the
// fault, and behind the script that a misspelt stanza has opened.
func (r *reader) resume(f *fault) {
	s := &r.scan
	s.fault = nil
	s.pos = max(r.start, min(f.off, len(s.text)))
	from := s.pos
	s.skipLine()
	line := strings.TrimRight(s.text[from:s.pos], " \t\r\n")
	words := strings.Fields(line)
	if n := len(words); n == 0 || n > 2 || words[n-1] != "script" && nearest(words[n-1], []string{"script"}) == "" {
		return
	}
	after := s.pos
	for s.pos < len(s.text) {
		from := s.pos
		s.skipLine()
		if endsBlock(s.text[from:s.pos], "script") {
			return
		}
	}
	s.pos = after
}

func oneOf(words []string) string {
	if len(words) == 1 {
		return words[0]
	}
	return strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
}
