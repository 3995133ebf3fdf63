// SPDX-License-Identifier: Apache-2.0

package upstart

import (
	"fmt"
	"strings"

	"github.com/rouse-init/rouse/internal/unit"
)

// exprReader makes postfix of an event expression (init(5), Event definition).
// "and" and "or" have the same precedence and group from the left, so that an
// operator is put out as soon as its second operand is complete.
type exprReader struct {
	r   *reader
	out unit.Expr
	// looks: within parentheses a line looks like the next stanza, so that
	// what is wrong after it is the parenthesis.
	looks bool
	// open are the operators that wait for their second operand, and the
	// parentheses around them.
	open []opening
}

// opening is a parenthesis, or an operator where paren is not set.
type opening struct {
	off   int
	paren bool
	op    unit.Op
}

// expr reads the rest of the stanza as an expression.
func (r *reader) expr() unit.Expr {
	x := exprReader{r: r}
	for operand := true; r.scan.fault == nil; {
		switch c := x.next(); {
		case c == 0 && r.scan.fault == nil:
			x.finish(operand)
			return x.out
		case c == 0:
		case c == '(' && operand:
			x.openParen()
		case c == '(':
			x.fail(r.scan.pos, "expected and, or, or the end, found a parenthesis", "put values with parentheses in quotes")
		case c == ')' && operand:
			x.fail(r.scan.pos, "expected an event, found a closing parenthesis", "")
		case c == ')':
			x.closeParen()
		case operand:
			operand = !x.event()
		default:
			operand = x.operator()
		}
	}
	if x.looks {
		r.scan.fault = nil
		x.unclosed()
	}
	return nil
}

func (x *exprReader) fail(off int, msg, fix string) {
	x.r.scan.fail(fault{off: off, code: CodeExpr, msg: msg, fix: fix})
}

// next skips to the next word and returns its first byte, 0 at the end.
// Within parentheses lines end nowhere. Upstart 1.13 stumbles over empty and
// comment lines there, which real files have.
func (x *exprReader) next() byte {
	r, s := x.r, &x.r.scan
	for fresh := false; s.atEnd(); fresh = true {
		if r.depth == 0 || s.pos >= len(s.text) {
			return 0
		}
		if fresh && !r.warned {
			r.warned = true
			r.warn(s.pos, CodeStricter, "Upstart 1.13 refuses empty lines and comment lines within parentheses, rouse does not", "")
		}
		s.skipLine()
		x.looks = x.looks || r.atStanza()
	}
	return s.text[s.pos]
}

func (x *exprReader) openParen() {
	s := &x.r.scan
	x.open = append(x.open, opening{off: s.pos, paren: true})
	s.pos++
	if x.r.depth++; x.r.depth > maxDepth {
		s.fail(fault{off: s.pos, code: CodeLimit, msg: fmt.Sprintf("more than %d parentheses within each other", maxDepth)})
	}
}

func (x *exprReader) closeParen() {
	s := &x.r.scan
	n := len(x.open)
	if n == 0 {
		x.fail(s.pos, "no parenthesis is open that could be closed here", "remove it")
		return
	}
	x.open = x.open[:n-1]
	s.pos++
	x.r.depth--
	x.complete()
}

// complete puts out the operator before an operand that is complete. What is
// left on top is a parenthesis.
func (x *exprReader) complete() {
	if n := len(x.open); n > 0 && !x.open[n-1].paren {
		x.put(unit.Term{Op: x.open[n-1].op, Pos: x.r.pos(x.open[n-1].off)}, x.open[n-1].off)
		x.open = x.open[:n-1]
	}
}

func (x *exprReader) put(t unit.Term, off int) {
	if len(x.out) == maxTerms {
		x.r.scan.fail(fault{off: off, code: CodeLimit, msg: fmt.Sprintf("more than %d events and operators in one expression", maxTerms)})
		return
	}
	x.out = append(x.out, t)
}

// finish is at the end of the line; operand: one is still expected.
func (x *exprReader) finish(operand bool) {
	r := x.r
	switch {
	case r.depth > 0:
		x.unclosed()
	case operand:
		r.missing("an event")
		r.scan.fault.code = CodeExpr
	}
}

func (x *exprReader) unclosed() {
	for _, o := range x.open {
		if o.paren {
			x.fail(o.off, "the parenthesis that opens here is never closed", "close it with )")
		}
	}
}

// operator reads "and" or "or"; an operand follows.
func (x *exprReader) operator() bool {
	w := x.r.exprWord()
	op := operatorOf(w)
	if op == unit.OpEvent {
		x.fail(w.off, "expected and, or, or the end, found "+quote(w.text), operatorFix(w))
	}
	x.open = append(x.open, opening{off: w.off, op: op})
	return true
}

// operatorOf tells which operator a word is; in quotes it is none.
func operatorOf(w word) unit.Op {
	switch {
	case w.quoted:
	case w.text == "and":
		return unit.OpAnd
	case w.text == "or":
		return unit.OpOr
	}
	return unit.OpEvent
}

// operatorFix says which operator was meant by a word that other languages
// have for it; "" for other words.
func operatorFix(w word) string {
	switch {
	case w.quoted:
	case w.text == "&&", w.text == "&", strings.EqualFold(w.text, "and"):
		return "did you mean and?"
	case w.text == "||", w.text == "|", strings.EqualFold(w.text, "or"):
		return "did you mean or?"
	}
	return ""
}

func (r *reader) exprWord() word { return r.checkedWord("a word", "()") }

// event reads an event with its conditions, and tells whether there was one.
func (x *exprReader) event() bool {
	r, s := x.r, &x.r.scan
	w := r.exprWord()
	if operatorOf(w) != unit.OpEvent {
		x.fail(w.off, "expected an event, found "+quote(w.text), `put it in quotes if an event of that name is meant`)
		return false
	}
	t := unit.Term{Event: w.text, Pos: r.pos(w.off)}
	named := false
	for {
		c := x.next()
		if c == 0 || c == '(' || c == ')' || s.fault != nil {
			break
		}
		before := s.pos
		if w = r.exprWord(); operatorOf(w) != unit.OpEvent {
			s.pos = before
			break
		}
		m, ok := match(w.text)
		switch {
		case !ok:
			x.fail(w.off, "expected KEY=VALUE or KEY!=VALUE, found "+quote(w.text), "write the name of a variable before it, without blanks between: KEY!=VALUE")
		case m.Key == "" && named:
			x.fail(w.off, "expected KEY=VALUE, and, or, or the end, found "+quote(w.text)+": values without a name come first", "write KEY=VALUE")
		case len(t.Match) == maxMatches:
			s.fail(fault{off: w.off, code: CodeLimit, msg: fmt.Sprintf("more than %d conditions on one event", maxMatches)})
		}
		if fix := operatorFix(w); fix != "" {
			r.warn(w.off, CodeOdd, quote(w.text)+" is taken for a value of the event, not for an operator", fix)
		}
		named = named || m.Key != ""
		t.Match = append(t.Match, m)
	}
	plainJob(&t)
	x.put(t, w.off)
	x.complete()
	return true
}

// match takes VALUE, KEY=VALUE or KEY!=VALUE apart.
func match(w string) (m unit.Match, ok bool) {
	key, value, found := strings.Cut(w, "=")
	if !found {
		return unit.Match{Value: w}, true
	}
	key, m.Negate = strings.CutSuffix(key, "!")
	m.Key, m.Value = key, value
	return m, key != ""
}

// plainJob lets job events name systemd's units in full: their events carry
// JOB=nginx for nginx.service.
func plainJob(t *unit.Term) {
	switch t.Event {
	case "starting", "started", "stopping", "stopped":
	default:
		return
	}
	for i := range t.Match {
		m := &t.Match[i]
		if m.Key == "JOB" || m.Key == "" && i == 0 {
			if stem, ok := strings.CutSuffix(m.Value, ".service"); ok && stem != "" {
				m.Value = stem
			}
		}
	}
}

// eventStanzas are start on and its kin.
func eventStanzas() []stanza {
	on := func(set func(b *build, x unit.Expr)) func(*reader) apply {
		return func(r *reader) apply {
			x := r.expr()
			if len(x) > 0 && (x[0].Event == "start" || x[0].Event == "stop") && len(x[0].Match) > 0 && x[0].Match[0].Value == "on" {
				r.warn(r.start, CodeOdd, "this waits for an event that is named "+quote(x[0].Event), "write "+r.name+" once")
			}
			return func(b *build) { set(b, x) }
		}
	}
	const synExpr = "EVENT [VALUE…] [KEY=VALUE|KEY!=VALUE…] [and|or …]"
	return []stanza{
		row("start on", synExpr, "the events that start the job; values are patterns, parentheses group and may span lines",
			on(func(b *build, x unit.Expr) { b.startOn, b.job.Manual = x, false })),
		row("stop on", synExpr, "the events that stop it; values may have $VARIABLES of the job",
			on(func(b *build, x unit.Expr) { b.stopOn = x })),
		row("manual", "", "forget every cause to start it that stands above; it is started by hand only", func(*reader) apply {
			return (*build).manual
		}),
		row("emits", "EVENT…", "events that the job emits itself, as patterns; for people and for check-config", func(r *reader) apply {
			pos, names := r.pos(r.start), r.words("an event")
			return func(b *build) { b.addNew(&b.emits, "emits", names, pos) }
		}),
		row("export", "KEY…", "variables of the job that its events carry", func(r *reader) apply {
			pos, keys := r.pos(r.start), r.words("the name of a variable")
			return func(b *build) { b.addNew(&b.export, "export", keys, pos) }
		}),
	}
}
