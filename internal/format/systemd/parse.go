// SPDX-License-Identifier: Apache-2.0

package systemd

import (
	"strings"
	"unicode/utf8"

	"github.com/rouse-init/rouse/internal/diag"
)

// maxLine is the longest line and the longest continued line (1 MiB, as
// systemd.syntax(7) has it).
const maxLine = 1 << 20

const (
	blanks = " \t\n\r"
	bom    = "\xef\xbb\xbf"
)

// mark says that the bytes of a value from off on stand at line and col.
type mark struct {
	off       int32
	line, col int32
}

// Parse reads the text of a unit file or drop-in called name. A file that
// systemd would refuse as a whole (a broken section header, a line that is
// too long or not UTF-8) yields an Error; what was read so far is returned
// with it. Everything else costs its line only.
func Parse(name string, text []byte) (*File, diag.List) {
	p := parser{file: &File{Name: name, DropIn: isDropIn(name), Empty: len(text) == 0}}
	p.text = strings.TrimPrefix(string(text), bom)
	p.file.Assigns = make([]Assign, 0, min(strings.Count(p.text, "="), 1024))
	p.run()
	return p.file, p.diags.list
}

func isDropIn(name string) bool {
	dir, base := "", name
	if i := strings.LastIndexByte(name, '/'); i >= 0 {
		dir, base = name[:i], name[i+1:]
	}
	return strings.HasSuffix(base, ".conf") && strings.HasSuffix(dir, ".d")
}

type parser struct {
	file    *File
	text    string
	diags   limiter
	line    int32
	section string
	ignored bool // the section is unknown: its keys are skipped in silence
	secInfo *sectionInfo

	// The lines joined so far by a backslash at the end, and where each
	// stands; empty between logical lines.
	joined strings.Builder
	marks  []mark
	open   bool
	first  int32 // line on which the continued line began
}

// fail reports an error that makes the file unusable; it returns false.
func (p *parser) fail(line, col int32, code, msg, fix string) bool {
	p.report(diag.Error, line, col, code, msg, fix)
	return false
}

func (p *parser) report(sev diag.Severity, line, col int32, code, msg, fix string) {
	p.diags.add(diag.Diagnostic{
		Pos:      diag.Pos{File: p.file.Name, Line: line, Col: col},
		Severity: sev, Code: code, Msg: msg, Fix: fix,
	})
}

func (p *parser) run() {
	rest := p.text
	for rest != "" {
		var raw string
		raw, rest = cutLine(rest)
		p.line++
		if !p.physical(raw) {
			return
		}
	}
	if p.open {
		p.flush()
	}
}

// cutLine takes the first line off s. As in systemd a line ends with \n, \r,
// NUL, or any of them side by side, each at most once.
func cutLine(s string) (line, rest string) {
	end := strings.IndexByte(s, '\n')
	scan := s
	if end >= 0 {
		scan = s[:end]
	}
	if i := strings.IndexByte(scan, '\r'); i >= 0 {
		end, scan = i, s[:i]
	}
	if i := strings.IndexByte(scan, 0); i >= 0 {
		end = i
	}
	if end < 0 {
		return s, ""
	}
	seen, i := 0, end
	for ; i < len(s); i++ {
		bit := 0
		switch s[i] {
		case '\n':
			bit = 1
		case '\r':
			bit = 2
		case 0:
			bit = 4
		}
		if bit == 0 || seen&bit != 0 {
			break
		}
		seen |= bit
	}
	return s[:end], s[i:]
}

// physical takes one line of the file; it returns false when the file is
// beyond use.
func (p *parser) physical(raw string) bool {
	if len(raw) > maxLine || p.joined.Len()+len(raw) > maxLine {
		return p.fail(p.line, 0, CodeTooLong, "cannot read the file: the line is longer than 1 MiB", "")
	}
	l := strings.TrimLeft(raw, blanks)
	if l != "" && (l[0] == '#' || l[0] == ';') {
		return true
	}
	col := int32(len(raw)-len(l)) + 1
	continues := false
	if n := len(l); n > 0 && l[n-1] == '\\' {
		slashes := 1
		for slashes < n && l[n-1-slashes] == '\\' {
			slashes++
		}
		continues = slashes%2 == 1
	}
	if !p.open && !continues {
		return p.logical(l, p.line, col, nil)
	}
	if !p.open {
		p.open, p.first = true, p.line
		p.joined.Reset()
		p.marks = nil
	}
	p.marks = append(p.marks, mark{off: int32(p.joined.Len()), line: p.line, col: col})
	if continues {
		p.joined.WriteString(l[:len(l)-1])
		p.joined.WriteByte(' ')
		return true
	}
	p.joined.WriteString(l)
	return p.flush()
}

func (p *parser) flush() bool {
	p.open = false
	l, marks := p.joined.String(), p.marks
	p.joined, p.marks = strings.Builder{}, nil
	lead := len(l) - len(strings.TrimLeft(l, blanks))
	line, col := place(marks, p.first, 1, lead)
	return p.logical(l[lead:], line, col, shift(marks, lead))
}

// place finds the line and column of the byte at off, given the marks of the
// pieces; without marks everything stands on one line from col on.
func place(marks []mark, line, col int32, off int) (int32, int32) {
	if len(marks) == 0 {
		return line, col + int32(off)
	}
	m := marks[0]
	for _, next := range marks[1:] {
		if int(next.off) > off {
			break
		}
		m = next
	}
	return m.line, m.col + int32(off) - m.off
}

// shift makes marks of a text those of the text from off on.
func shift(marks []mark, off int) []mark {
	if len(marks) == 0 {
		return nil
	}
	var out []mark
	for i, m := range marks {
		if i+1 < len(marks) && int(marks[i+1].off) <= off {
			continue
		}
		if d := int(m.off) - off; d >= 0 {
			m.off = int32(d)
		} else {
			m.col += int32(-d)
			m.off = 0
		}
		out = append(out, m)
	}
	return out
}

// logical takes one joined line without leading blanks.
func (p *parser) logical(l string, line, col int32, marks []mark) bool {
	l = strings.TrimRight(l, blanks)
	if l == "" {
		return true
	}
	if !utf8.ValidString(l) {
		return p.fail(line, col, CodeUTF8, "cannot read the file: the line is not UTF-8", "save the file as UTF-8")
	}
	if l[0] == '[' {
		return p.header(l, line, col)
	}
	if p.section == "" {
		p.report(diag.Warning, line, col, CodeNoSection,
			"assignment outside of a section, ignoring", "put a line such as [Unit] before it")
		return true
	}
	eq := strings.IndexByte(l, '=')
	if eq <= 0 {
		if !p.ignored {
			p.report(diag.Warning, line, col, CodeSyntax,
				`cannot read the line: expected Key=value or [Section], ignoring`,
				"begin comments with #, end lines that continue with a backslash")
		}
		return true
	}
	key := strings.TrimRight(l[:eq], blanks)
	value := strings.TrimLeft(l[eq+1:], blanks)
	at := len(l) - len(value)
	a := Assign{Section: p.section, Key: key, Value: value, Line: line, Col: col}
	if len(marks) > 0 {
		a.marks = shift(marks, at)
	} else {
		a.marks = nil
		a.valueCol = col + int32(at)
	}
	if p.secInfo != nil {
		a.dir, a.bit = p.secInfo.keys[key], p.secInfo.bit
		if a.dir == nil {
			p.unknownKey(key, line, col)
		}
	}
	p.file.Assigns = append(p.file.Assigns, a)
	return true
}

func (p *parser) header(l string, line, col int32) bool {
	if l[len(l)-1] != ']' {
		return p.fail(line, col, CodeHeader,
			"cannot read the file: the section header "+quote(l)+` has no "]" at its end`,
			"write "+quote(strings.TrimRight(strings.Fields(l)[0], "]")+"]"))
	}
	p.section = l[1 : len(l)-1]
	if p.section == "" {
		p.section = " " // a section with an empty name is one that nobody knows
	}
	p.secInfo = sections()[p.section]
	p.ignored = p.secInfo == nil
	if !p.ignored || strings.HasPrefix(p.section, "X-") {
		return true
	}
	fix := "sections whose name begins with X- are ignored in silence"
	if n := nearest(p.section, sectionNames); n != "" {
		fix = "did you mean [" + n + "]?"
	}
	p.report(diag.Warning, line, col, CodeSection, "unknown section "+quote(l)+", ignoring it", fix)
	return true
}

func (p *parser) unknownKey(key string, line, col int32) {
	names := p.secInfo.names
	extension := strings.HasPrefix(key, "X-")
	if extension {
		names = p.secInfo.extensions
	}
	n := nearest(key, names)
	others := otherSections(key, p.section)
	if extension && n == "" && len(others) == 0 {
		return
	}
	fix := ""
	switch {
	case len(others) == 1 || extension && len(others) > 0:
		fix = key + "= belongs into [" + strings.Join(others, "] or [") + "]"
	case n != "":
		fix = "did you mean " + n + "=?"
	}
	p.report(diag.Warning, line, col, CodeKey, "unknown key "+key+"= in ["+p.section+"], ignoring it", fix)
}

// ValuePos returns where the byte at off of the value stands in file.
func (a *Assign) ValuePos(file string, off int) diag.Pos {
	line, col := place(a.marks, a.Line, a.valueCol, off)
	return diag.Pos{File: file, Line: line, Col: col}
}

// KeyPos returns where the assignment begins in file.
func (a *Assign) KeyPos(file string) diag.Pos {
	return diag.Pos{File: file, Line: a.Line, Col: a.Col}
}
