// SPDX-License-Identifier: Apache-2.0

package upstart

import (
	"strings"

	"github.com/rouse-init/rouse/internal/unit"
)

// FormatExpr prints an expression as `initctl show-config` does: every
// operator with its operands in parentheses, and no quotes, so that an
// expression with blanks in its values is not always read back as it was.
func FormatExpr(x unit.Expr) string {
	return infix(x, func(t unit.Term) string {
		words := []string{t.Event}
		for _, m := range t.Match {
			words = append(words, condition(m))
		}
		return strings.Join(words, " ")
	})
}

// EventWords is one event with its conditions as in a job file, in quotes
// where they are needed.
func EventWords(t unit.Term) string {
	words := []string{quoteWord(t.Event)}
	for _, m := range t.Match {
		words = append(words, quoteWord(condition(m)))
	}
	return strings.Join(words, " ")
}

func condition(m unit.Match) string {
	switch {
	case m.Key == "":
		return m.Value
	case m.Negate:
		return m.Key + "!=" + m.Value
	}
	return m.Key + "=" + m.Value
}

// infix prints a postfix expression with event for the operands. Of one that
// lacks operands it prints what is there.
func infix(x unit.Expr, event func(unit.Term) string) string {
	var stack []string
	for _, t := range x {
		op := " and "
		switch t.Op {
		case unit.OpEvent:
			stack = append(stack, event(t))
			continue
		case unit.OpOr:
			op = " or "
		case unit.OpAnd:
		}
		if n := len(stack); n >= 2 {
			stack = append(stack[:n-2], "("+stack[n-2]+op+stack[n-1]+")")
		}
	}
	return strings.Join(stack, " ")
}

// quoteWord writes a word so that it is read back as one and as it is.
func quoteWord(w string) string {
	if w != "and" && w != "or" && w != "" && !strings.ContainsAny(w, " \t\r\n\"'#()\\") {
		return w
	}
	var b strings.Builder
	quote := byte('"')
	if strings.Contains(w, `"`) {
		quote = '\''
	}
	b.WriteByte(quote)
	for i := range len(w) {
		switch c := w[i]; {
		case c == quote: // the other kind holds it
			other := '"' + '\'' - quote
			b.Write([]byte{quote, other, quote, other, quote})
		case c == '\\' && (i+1 == len(w) || strings.IndexByte(blanks+"\\\"'\n", w[i+1]) >= 0):
			b.WriteString(`\\`)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte(quote)
	return b.String()
}
