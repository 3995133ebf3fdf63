// SPDX-License-Identifier: Apache-2.0

package plist

import (
	"bytes"
	"encoding/base64"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/rouse-init/rouse/internal/diag"
)

// reader builds values of tags.
type reader struct {
	*scanner
	*fault
	values int
}

func parseXML(f *fault, text []byte) (*Value, error) {
	r := &reader{scanner: &scanner{path: f.path, text: string(bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))), line: 1}, fault: f}
	return r.document()
}

// document reads <plist>VALUE</plist>, or a value alone.
func (r *reader) document() (*Value, error) {
	if !utf8.ValidString(r.text) {
		r.move(invalidAt(r.text))
		return nil, r.scanner.fail(r.pos(), "expected text in UTF-8, or a binary property list (convert it: plutil -convert xml1)")
	}
	t, err := r.next()
	if err != nil {
		return nil, err
	}
	if t.name != "plist" || t.end {
		return r.last(t)
	}
	if t.empty {
		return nil, r.scanner.fail(t.pos, "<plist> is empty; expected a value in it")
	}
	if t, err = r.next(); err != nil {
		return nil, err
	}
	v, err := r.value(t, 0)
	if err != nil {
		return nil, err
	}
	switch t, err = r.next(); {
	case err != nil:
		return nil, err
	case t.name != "plist" || !t.end:
		return nil, r.scanner.fail(t.pos, "expected </plist> after the value")
	}
	return v, r.nothing()
}

// last reads a value that is all of the document.
func (r *reader) last(t tag) (*Value, error) {
	v, err := r.value(t, 0)
	if err != nil {
		return nil, err
	}
	return v, r.nothing()
}

// nothing checks that the text has ended.
func (r *reader) nothing() error {
	t, err := r.next()
	if err == nil && t.name != "" {
		err = r.scanner.fail(t.pos, "expected nothing after the value, found <%s>", slash(t)+t.name)
	}
	return err
}

func invalidAt(s string) int {
	for i, c := range s {
		if c == utf8.RuneError && !strings.HasPrefix(s[i:], string(utf8.RuneError)) {
			return i
		}
	}
	return 0
}

// value reads the value that begins with t.
func (r *reader) value(t tag, depth int) (*Value, error) {
	v := &Value{Pos: t.pos}
	r.values++
	switch {
	case t.name == "":
		return nil, r.scanner.fail(t.pos, "it ends where a value is expected")
	case t.end:
		return nil, r.scanner.fail(t.pos, "expected a value, found </%s>", t.name)
	case depth == maxDepth || r.values > maxValues:
		return nil, tooMuch(t.pos)
	}
	switch t.name {
	case "dict":
		v.Kind = Dict
		return v, r.dict(v, t, depth)
	case "array":
		v.Kind = Array
		return v, r.array(v, t, depth)
	case "true", "false":
		v.Kind, v.Bool = Bool, t.name == "true"
		text, err := r.content(t)
		if err == nil && strings.TrimSpace(text) != "" {
			err = r.scanner.fail(t.pos, "<%s/> holds nothing, found %s in it", t.name, quote(text))
		}
		return v, err
	case "string", "integer", "real", "date", "data":
		text, err := r.content(t)
		if err != nil {
			return nil, err
		}
		return v, r.scalar(v, t, text)
	}
	return nil, r.scanner.fail(t.pos, "there is no kind of value called <%s>", t.name)
}

func tooMuch(pos diag.Pos) error {
	return diag.Diagnostic{
		Pos: pos, Severity: diag.Error, Code: CodeLimit,
		Msg: "cannot read the property list: it has more than " + strconv.Itoa(maxValues) + " values, or more than " + strconv.Itoa(maxDepth) + " inside one another",
	}
}

func (r *reader) dict(v *Value, t tag, depth int) error {
	if t.empty {
		return nil
	}
	seen := map[string]int{}
	for {
		k, err := r.next()
		switch {
		case err != nil:
			return err
		case k.end && k.name == "dict":
			return nil
		case k.name == "":
			return r.scanner.fail(t.pos, "<dict> has no </dict>")
		case k.end || k.name != "key":
			return r.scanner.fail(k.pos, "expected <key> or </dict>, found <%s>", slash(k)+k.name)
		}
		key, err := r.content(k)
		if err != nil {
			return err
		}
		n, err := r.next()
		if err != nil {
			return err
		}
		if n.name == "" || n.end || n.name == "key" {
			return r.scanner.fail(k.pos, "the key %s has no value", quote(key))
		}
		item, err := r.value(n, depth+1)
		if err != nil {
			return err
		}
		r.enter(v, seen, Entry{key, k.pos, item})
	}
}

func (r *reader) array(v *Value, t tag, depth int) error {
	if t.empty {
		return nil
	}
	for {
		n, err := r.next()
		switch {
		case err != nil:
			return err
		case n.end && n.name == "array":
			return nil
		case n.name == "":
			return r.scanner.fail(t.pos, "<array> has no </array>")
		}
		item, err := r.value(n, depth+1)
		if err != nil {
			return err
		}
		v.Items = append(v.Items, item)
	}
}

// scalar reads the text of a value.
func (r *reader) scalar(v *Value, t tag, text string) error {
	trimmed := strings.TrimSpace(text)
	var err error
	switch t.name {
	case "string":
		v.Kind, v.Text = String, text
	case "integer":
		v.Kind = Integer
		v.Int, err = integer(trimmed)
	case "real":
		v.Kind = Real
		if v.Real, err = strconv.ParseFloat(trimmed, 64); err == nil && math.IsInf(v.Real, 0) {
			err = strconv.ErrRange
		}
	case "date":
		v.Kind = Date
		v.Time, err = time.Parse("2006-01-02T15:04:05Z", trimmed)
	case "data":
		v.Kind = Data
		v.Data, err = base64.StdEncoding.DecodeString(strings.Join(strings.Fields(text), ""))
	}
	if err != nil {
		return r.scanner.fail(t.pos, "expected %s in <%s>, found %s", expected[t.name], t.name, quote(trimmed))
	}
	return nil
}

var expected = map[string]string{
	"integer": "a number such as 10 or 0x1F", "real": "a number such as 0.5", "date": "a date such as 2024-01-31T12:00:00Z", "data": "base64",
}

// integer reads a number of 64 bits, decimal or, with 0x, hexadecimal. A zero
// in front is no sign of an octal number.
func integer(s string) (int64, error) {
	rest := strings.TrimPrefix(strings.TrimPrefix(s, "-"), "+")
	if len(rest) < len(s)-1 {
		return 0, strconv.ErrSyntax
	}
	base := 10
	if hex, ok := strings.CutPrefix(strings.ToLower(rest), "0x"); ok {
		rest, base = hex, 16
	}
	if strings.HasPrefix(rest, "+") || strings.HasPrefix(rest, "-") {
		return 0, strconv.ErrSyntax
	}
	if strings.HasPrefix(s, "-") {
		rest = "-" + rest
	}
	return strconv.ParseInt(rest, base, 64)
}
