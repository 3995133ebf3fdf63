// SPDX-License-Identifier: Apache-2.0

package upstart

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/rouse-init/rouse/internal/diag"
	"github.com/rouse-init/rouse/internal/unit"
)

// shellChars make a command one for the shell (init(5), exec).
const shellChars = "~`!$^&*()=|\\{}[];\"'<>?"

// shell runs text as Upstart does: it stops at the first command that fails.
func shell(text string) []string { return []string{"/bin/sh", "-e", "-c", text} }

// exec reads a command line to the arguments of a process.
func (r *reader) exec() []string {
	if !r.more() {
		r.missing("a command")
		return nil
	}
	w := r.scan.command()
	r.checkArgument(w, "command")
	switch {
	case r.scan.fault != nil:
		return nil
	case strings.ContainsAny(w.text, shellChars):
		return shell("exec " + w.text)
	}
	return strings.FieldsFunc(w.text, func(c rune) bool { return c < utf8.RuneSelf && isBlank(byte(c)) })
}

// script reads a block to the arguments of a process.
func (r *reader) script() []string {
	if r.more() {
		r.unexpected()
		r.scan.fault.fix = "write the script on the lines that follow, up to a line end script"
	}
	if r.scan.fault != nil {
		return nil
	}
	w := word{off: r.scan.pos}
	w.text = r.block("script")
	r.checkArgument(w, "script")
	return shell(w.text)
}

func (r *reader) checkArgument(w word, what string) {
	switch {
	case len(w.text) > maxScript:
		r.scan.fail(fault{
			off: w.off, code: CodeLimit, msg: fmt.Sprintf("the %s has more than %d bytes", what, maxScript), fix: "move it into a file of its own",
		})
	case !utf8.ValidString(w.text):
		r.scan.fail(fault{off: w.off, code: CodeUTF8, msg: "the " + what + " is not UTF-8", fix: "convert the file to UTF-8"})
	}
}

// block reads the lines up to "end NAME", without the blanks that all of them
// start with. An empty line starts with none. The carriage returns of a file
// that has them everywhere go, which Upstart hands to the shell.
func (r *reader) block(name string) string {
	s := &r.scan
	opening := s.pos
	s.skipLine()
	crlf := strings.HasSuffix(s.text[opening:s.pos], "\r\n")
	var lines []string
	for s.pos < len(s.text) {
		from := s.pos
		s.skipLine()
		line := s.text[from:s.pos]
		if endsBlock(line, name) {
			return joinBlock(lines)
		}
		if crlf && strings.HasSuffix(line, "\r\n") {
			line = line[:len(line)-2] + "\n"
		}
		lines = append(lines, line)
	}
	s.fail(fault{
		off: r.start, code: CodeSyntax, msg: `no line "end ` + name + `" follows`, fix: `add a line "end ` + name + `" after the ` + name, endOfFile: true,
	})
	return ""
}

// endsBlock tells whether a line is "end NAME", which a comment may follow.
func endsBlock(line, name string) bool {
	rest, ok := strings.CutPrefix(strings.TrimLeft(line, blanks), "end")
	if !ok || rest == "" || !isBlank(rest[0]) {
		return false
	}
	rest, ok = strings.CutPrefix(strings.TrimLeft(rest, blanks), name)
	if !ok {
		return false
	}
	after := strings.TrimLeft(rest, blanks)
	return after == "" || after[0] == '\n' || after[0] == '#'
}

func joinBlock(lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	common := indentation(lines[0])
	size := 0
	for _, l := range lines {
		n := 0
		for n < len(common) && n < len(l) && common[n] == l[n] {
			n++
		}
		common = common[:n]
		size += len(l)
	}
	var b strings.Builder
	b.Grow(size)
	for _, l := range lines {
		b.WriteString(l[len(common):])
	}
	return b.String()
}

func indentation(line string) string {
	return line[:len(line)-len(strings.TrimLeft(line, " \t"))]
}

// process is one of the processes of a job (init(5), Process definition).
type process struct {
	name, meaning string
	phase         unit.Phase
	// lenient: its failure is only told.
	lenient bool
}

// processes in the order of their phases.
var processes = [...]process{
	{"pre-start", "after starting, before the main process; must succeed", unit.PhaseStartPre, false},
	{"", "the main process", unit.PhaseStart, false},
	{"post-start", "beside the main process when it is ready, before started", unit.PhaseStartPost, true},
	{"post-stop", "after the main process, once for every start", unit.PhaseStopPost, false},
	{"pre-stop", "when a stop is asked for, beside the main process; may cancel it by start", unit.PhasePreStop, true},
}

// process sets one process of the job. Two in one file are a mistake, of which
// Upstart says nothing; an override is there to replace.
func (b *build) process(i int, c unit.Command) {
	if old := b.processes[i]; old.Path != "" && old.Pos.File == c.Pos.File {
		what := "the main process"
		if name := processes[i].name; name != "" {
			what = name
		}
		b.list.Add(diag.Diagnostic{
			Pos: c.Pos, Severity: diag.Warning, Code: CodeOdd, Unit: b.u.Name,
			Msg: fmt.Sprintf("this replaces %s of line %d, which has no effect", what, old.Pos.Line), Fix: "remove one of the two, or make one script of them",
		})
	}
	b.processes[i] = c
}

// processStanzas are exec and script of each process.
func processStanzas() (rows []stanza) {
	for i, p := range processes {
		prefix := ""
		if p.name != "" {
			prefix = p.name + " "
		}
		set := func(read func(*reader) []string) func(*reader) apply {
			return func(r *reader) apply {
				pos := r.pos(r.start)
				args := read(r)
				return func(b *build) {
					if len(args) > 0 {
						b.process(i, unit.Command{
							Phase: p.phase, IgnoreFailure: p.lenient, NoEnv: true, Path: args[0], Args: args, Pos: pos,
						})
					}
				}
			}
		}
		rows = append(
			rows,
			row(prefix+"exec", "COMMAND [ARG…]", p.meaning+"; a shell runs it if it has characters of the shell", set((*reader).exec)),
			stanza{
				StanzaDoc: StanzaDoc{Name: prefix + "script", Synopsis: "… end script", Meaning: p.meaning + ", as lines for /bin/sh -e"},
				read:      set((*reader).script), block: true,
			},
		)
	}
	return rows
}
