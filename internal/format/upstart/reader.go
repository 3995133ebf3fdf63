// SPDX-License-Identifier: Apache-2.0

package upstart

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/rouse-init/rouse/internal/diag"
)

// reader reads one file, a stanza after the other. The first fault of a stanza
// makes all further reading in it yield nothing, so that the readers of
// stanzas need not look for faults.
type reader struct {
	scan  scanner
	lines []int
	file  *File
	name  string // of the stanza, for messages
	start int    // where it starts
	// synopsis is what the stanza takes, for messages; "" for nothing.
	synopsis string
	depth    int  // parentheses that are open
	warned   bool // that Upstart is stricter
	warnings int  // of the file
	// isStanza tells whether a word starts a stanza.
	isStanza func(string) bool
}

func (r *reader) pos(off int) diag.Pos {
	if r.file == nil {
		return diag.Pos{}
	}
	line, col := lineCol(r.lines, min(off, len(r.scan.text)))
	return diag.Pos{File: r.file.Path, Line: line, Col: col}
}

// atStanza tells whether the line at the position looks like a stanza.
func (r *reader) atStanza() bool {
	if r.isStanza == nil {
		return false
	}
	line := strings.TrimLeft(r.scan.text[r.scan.pos:], blanks)
	end := strings.IndexAny(line, blanks+"\n")
	return end > 0 && r.isStanza(line[:end])
}

// more tells whether another word follows.
func (r *reader) more() bool { return r.scan.fault == nil && !r.scan.atEnd() }

// word reads a word; what says in words what is expected of it.
func (r *reader) word(what string) word { return r.checkedWord(what, "") }

// checkedWord reads a word, which bytes of stop end too.
func (r *reader) checkedWord(what, stop string) word {
	w := r.rawWord(what, stop)
	if r.scan.fault == nil && !utf8.ValidString(w.text) {
		r.scan.fail(fault{off: w.off, code: CodeUTF8, msg: "expected " + what + " in UTF-8", fix: "convert the file to UTF-8"})
	}
	return w
}

// text is a word for people to read. It may have any bytes: those that are
// not UTF-8 are replaced, with a warning.
func (r *reader) text() string {
	w := r.rawWord("a text", "")
	if utf8.ValidString(w.text) {
		return w.text
	}
	r.warn(w.off, CodeUTF8, "the text is not UTF-8, replacing what is wrong in it", "convert the file to UTF-8")
	return strings.ToValidUTF8(w.text, "\ufffd")
}

func (r *reader) rawWord(what, stop string) word {
	if !r.more() {
		r.missing(what)
		return word{}
	}
	w := r.scan.word(stop)
	if w.text == "" && r.scan.fault == nil {
		r.scan.fail(fault{off: w.off, code: CodeSyntax, msg: "expected " + what + ", found nothing in quotes"})
	}
	return w
}

// words reads one or more words.
func (r *reader) words(what string) []string {
	list := []string{r.word(what).text}
	for r.more() {
		list = append(list, r.word(what).text)
	}
	return list
}

// number reads a whole number.
func (r *reader) number(what string, low, high int64) int64 {
	w := r.word(what)
	n, err := strconv.ParseInt(strings.TrimPrefix(w.text, "+"), 10, 64)
	if err != nil || n < low || n > high || strings.HasPrefix(w.text, "+-") {
		r.bad(w, what, "")
	}
	return n
}

// bad faults a word that is not what was expected.
func (r *reader) bad(w word, what, fix string) {
	r.scan.fail(fault{off: w.off, code: CodeValue, msg: "expected " + what + ", found " + quote(w.text), fix: fix})
}

func (r *reader) missing(what string) {
	fix := ""
	if r.synopsis != "" {
		fix = "write " + r.name + " " + r.synopsis
	}
	r.scan.fail(fault{off: r.scan.pos, code: CodeSyntax, msg: "expected " + what + ", found the end of the line", fix: fix})
}

// unexpected faults the word that follows where the stanza should end.
func (r *reader) unexpected() {
	off := r.scan.pos
	w := r.scan.word("")
	fix := ""
	switch {
	case r.name == "env" || r.synopsis == synText:
		fix = `put text with blanks in quotes: "a b"`
	case r.synopsis != "":
		fix = "write " + r.name + " " + r.synopsis
	}
	r.scan.fail(fault{off: off, code: CodeSyntax, msg: "expected the end of the line, found " + quote(w.text), fix: fix})
}

func (r *reader) warn(off int, code, msg, fix string) {
	if r.file == nil || r.scan.fault != nil {
		return
	}
	if r.warnings++; r.warnings > maxErrors {
		return
	}
	r.file.diags.Add(diag.Diagnostic{Pos: r.pos(off), Severity: diag.Warning, Code: code, Msg: r.name + ": " + msg, Fix: fix})
}

// diagnostic is the fault of the stanza.
func (r *reader) diagnostic() diag.Diagnostic {
	f := r.scan.fault
	return diag.Diagnostic{
		Pos: r.pos(f.off), Severity: diag.Error, Code: f.code, Msg: "cannot read " + r.name + ": " + f.msg, Fix: f.fix,
	}
}

// quote prints a word for a message, on one line and not too long of it.
func quote(s string) string {
	const most = 60
	if len(s) > most {
		cut := most
		for cut > 0 && !utf8.RuneStart(s[cut]) {
			cut--
		}
		return fmt.Sprintf("%q…", s[:cut])
	}
	return fmt.Sprintf("%q", s)
}
