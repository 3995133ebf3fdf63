// SPDX-License-Identifier: Apache-2.0

package xinetd

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/rouse-init/rouse/internal/diag"
)

// word is one word and where it stands.
type word struct {
	text string
	pos  diag.Pos
}

// setting is one line of a section.
type setting struct {
	attr   word
	op     byte // '=', '+', '-'
	values []word
}

// section is a service, or the defaults where name is empty.
type section struct {
	name     word
	pos      diag.Pos
	settings []setting
	faults   diag.List // lines that cannot be read: without them it is not what was meant
}

// parser reads files into sections.
type parser struct {
	opt      Options
	list     diag.List
	visited  map[string]bool
	defaults *section
	services []*section
}

func (p *parser) report(s diag.Severity, code string, pos diag.Pos, msg, fix string) {
	if len(p.list) < maxFindings {
		p.list.Add(diag.Diagnostic{Pos: pos, Severity: s, Code: code, Msg: msg, Fix: fix})
	}
}

// file reads one file, unless it was read already. from is where it was asked
// for.
func (p *parser) file(name string, from diag.Pos, depth int) {
	if p.visited[name] {
		return
	}
	if depth > maxDepth || len(p.visited) == maxFiles {
		p.report(diag.Error, CodeLimit, from, fmt.Sprintf("cannot read %s: there are more than %d files, or they include each other more than %d deep", name, maxFiles, maxDepth), "")
		return
	}
	p.visited[name] = true
	text, err := p.opt.Read(name)
	if err != nil {
		p.report(diag.Error, CodeFile, from, fmt.Sprintf("cannot read %s: %v", name, err), "")
		return
	}
	r := reader{parser: p, depth: depth}
	n := int32(0)
	for raw := range strings.Lines(string(text)) {
		n++
		if w := words(name, n, strings.TrimRight(raw, "\r\n")); len(w) > 0 {
			r.line(w)
		}
	}
	if r.open != nil {
		p.report(diag.Error, CodeSyntax, r.open.pos, "cannot read the section: its closing brace is missing", "add a line with }")
	}
}

// dir reads a directory as includedir does: in the order of the names, without
// those that have a dot or end in a tilde.
func (p *parser) dir(name string, from diag.Pos, depth int) {
	names, err := p.opt.List(name)
	if err != nil {
		p.report(diag.Error, CodeFile, from, fmt.Sprintf("cannot list %s: %v", name, err), "")
		return
	}
	slices.Sort(names)
	for _, n := range names {
		if !strings.Contains(n, ".") && !strings.HasSuffix(n, "~") {
			p.file(path.Join(name, n), from, depth)
		}
	}
}

// reader reads the lines of one file.
type reader struct {
	*parser
	depth int
	head  *section // whose brace has not come yet
	open  *section
}

func (r *reader) line(w []word) {
	first := w[0]
	switch {
	case r.open != nil && first.text == "}":
		r.end(w)
	case r.open != nil:
		r.setting(w)
	case r.head != nil:
		if first.text != "{" || len(w) > 1 {
			r.report(diag.Error, CodeSyntax, first.pos, fmt.Sprintf("cannot read %q: a line with { alone is expected after the head of a section", first.text), "")
			r.head = nil
			return
		}
		r.open, r.head = r.head, nil
	case first.text == "defaults" || first.text == "service":
		r.section(w)
	case (first.text == "include" || first.text == "includedir") && len(w) == 2:
		if !path.IsAbs(w[1].text) {
			r.report(diag.Error, CodeFile, w[1].pos, fmt.Sprintf("cannot include %q: expected an absolute path", w[1].text), "")
			return
		}
		if first.text == "include" {
			r.file(path.Clean(w[1].text), w[1].pos, r.depth+1)
		} else {
			r.dir(path.Clean(w[1].text), w[1].pos, r.depth+1)
		}
	default:
		r.report(diag.Error, CodeSyntax, first.pos, fmt.Sprintf("cannot read %q: expected service NAME, defaults, include FILE or includedir DIRECTORY", first.text), "")
	}
}

// section reads the head of one; the brace may stand on the same line, which
// xinetd itself does not take.
func (r *reader) section(w []word) {
	s := &section{pos: w[0].pos}
	brace := w[len(w)-1].text == "{"
	if brace {
		w = w[:len(w)-1]
	}
	service := w[0].text == "service"
	switch {
	case service && len(w) == 2:
		s.name = w[1]
	case service:
		r.report(diag.Error, CodeSyntax, w[0].pos, "cannot read the head of a section: expected service and one name", "")
		return
	case len(w) > 1:
		r.report(diag.Error, CodeSyntax, w[1].pos, fmt.Sprintf("cannot read %q after defaults", w[1].text), "")
		return
	}
	if brace {
		r.open = s
	} else {
		r.head = s
	}
}

func (r *reader) end(w []word) {
	s := r.open
	r.open = nil
	if len(w) > 1 {
		r.report(diag.Error, CodeSyntax, w[1].pos, fmt.Sprintf("cannot read %q after the closing brace", w[1].text), "")
	}
	switch {
	case s.name.text != "" && len(r.services) == maxServices:
		r.report(diag.Error, CodeLimit, s.pos, fmt.Sprintf("cannot read the service: there are more than %d", maxServices), "")
	case s.name.text != "":
		r.services = append(r.services, s)
	case r.defaults != nil:
		r.report(diag.Error, CodeTwice, s.pos, fmt.Sprintf("cannot read the defaults: they are in %v already, ignoring these", r.defaults.pos), "remove one of the two sections")
	default:
		r.defaults = s
	}
}

// setting reads ATTRIBUTE = VALUE..., += or -=. The operator may touch the
// words beside it.
func (r *reader) setting(w []word) {
	s := setting{attr: w[0]}
	rest := w[1:]
	if i := strings.IndexByte(s.attr.text, '='); i >= 0 {
		tail := word{s.attr.text[i:], s.attr.pos}
		tail.pos.Col += int32(i)
		if i > 0 && (s.attr.text[i-1] == '+' || s.attr.text[i-1] == '-') {
			i--
			tail.text = s.attr.text[i:]
			tail.pos.Col--
		}
		s.attr.text = s.attr.text[:i]
		rest = append([]word{tail}, rest...)
	}
	op := ""
	if len(rest) > 0 {
		op = rest[0].text
	}
	switch {
	case strings.HasPrefix(op, "="):
		s.op, op = '=', op[1:]
	case strings.HasPrefix(op, "+=") || strings.HasPrefix(op, "-="):
		s.op, op = op[0], op[2:]
	default:
		r.fault(CodeSyntax, w[0].pos, fmt.Sprintf("cannot read the line: expected =, += or -= after %s", brief(w[0].text)))
		return
	}
	if op != "" {
		first := word{op, rest[0].pos}
		first.pos.Col += int32(len(rest[0].text) - len(op))
		s.values = append(s.values, first)
	}
	s.values = append(s.values, rest[1:]...)
	s.attr.text = strings.ToLower(s.attr.text)
	if len(r.open.settings) == maxSettings {
		r.fault(CodeLimit, s.attr.pos, fmt.Sprintf("cannot read the section: it has more than %d lines", maxSettings))
		return
	}
	r.open.settings = append(r.open.settings, s)
}

// fault keeps the section from being used: a service as such, or all services
// if it is the defaults.
func (r *reader) fault(code string, pos diag.Pos, msg string) {
	if len(r.open.faults) == 0 {
		r.open.faults.Add(diag.Diagnostic{Pos: pos, Severity: diag.Error, Code: code, Msg: msg})
	}
}

// words are the words of a line; a comment begins where # is the first of
// them.
func words(path string, n int32, s string) (out []word) {
	for i := 0; i < len(s); {
		if s[i] == ' ' || s[i] == '\t' {
			i++
			continue
		}
		start := i
		for i < len(s) && s[i] != ' ' && s[i] != '\t' {
			i++
		}
		if len(out) == 0 && s[start] == '#' {
			return nil
		}
		out = append(out, word{s[start:i], diag.Pos{File: path, Line: n, Col: int32(start) + 1}})
	}
	return out
}
