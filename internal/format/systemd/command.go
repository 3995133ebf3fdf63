// SPDX-License-Identifier: Apache-2.0

package systemd

import (
	"errors"
	"slices"
	"strings"

	"github.com/rouse-init/rouse/internal/unit"
)

var (
	errNoProgram  = errors.New("no program is named")
	errProgram    = errors.New("expected an absolute path, or a name without a slash that is searched for")
	errDirectory  = errors.New("the program is a directory")
	errNoArgument = errors.New(`"@" needs a word for argv[0] after the program`)
)

// commands reads Exec*= (systemd.service(5), COMMAND LINES).
func commands(p unit.Phase) func(*build, string) error {
	return func(b *build, v string) error {
		if v == "" {
			b.commands = slices.DeleteFunc(b.commands, func(c unit.Command) bool { return c.Phase == p })
			return nil
		}
		for rest := v; rest != ""; {
			var err error
			if rest, err = b.command(p, v, rest); err != nil {
				return err
			}
		}
		return nil
	}
}

// command reads one command of the line v from the front of rest. Where it
// has a "-" its errors cost the command only, not the unit.
func (b *build) command(p unit.Phase, v, rest string) (string, error) {
	b.at = len(v) - len(rest)
	first, rest, odd, ok, err := word(rest, unquote|unescape)
	if err != nil || !ok {
		return "", err
	}
	if first == ";" {
		return rest, nil
	}
	if odd {
		b.oddEscape(first)
	}
	c := unit.Command{Phase: p, Pos: b.pos()}
	path, argv0 := prefixes(&c, first)
	ignorable := func(err error) error {
		if c.IgnoreFailure {
			return err
		}
		return fatal(err)
	}
	if path, err = b.expand(path); err != nil {
		return "", ignorable(err)
	}
	if err := checkProgram(path); err != nil {
		return "", ignorable(err)
	}
	b.args = b.args[:0]
	if !argv0 {
		b.args = append(b.args, path)
	}
	if c.Path, err = simplify(path); err != nil {
		c.Path = path // ".." in a program's path is left to the kernel
	}
	if rest, err = b.arguments(v, rest); err != nil {
		return "", ignorable(err)
	}
	if len(b.args) == 0 {
		b.at = 0
		return "", ignorable(errNoArgument)
	}
	c.Args = slices.Clone(b.args)
	b.commands = append(b.commands, c)
	b.at = 0
	return rest, nil
}

// prefixes takes the prefixes off the first word. Each counts once; a second
// one is part of the path, where it is an error.
func prefixes(c *unit.Command, w string) (path string, argv0 bool) {
	for ; w != ""; w = w[1:] {
		switch {
		case w[0] == '-' && !c.IgnoreFailure:
			c.IgnoreFailure = true
		case w[0] == '@' && !argv0:
			argv0 = true
		case w[0] == ':' && !c.NoEnv:
			c.NoEnv = true
		case w[0] == '+' && c.Privileged == unit.PrivNormal:
			c.Privileged = unit.PrivFull
		case w[0] == '!' && c.Privileged == unit.PrivNormal:
			c.Privileged = unit.PrivNoUser
		case w[0] == '!' && c.Privileged == unit.PrivNoUser:
			c.Privileged = unit.PrivAmbient
		default:
			return w, argv0
		}
	}
	return "", argv0
}

func checkProgram(path string) error {
	switch {
	case path == "":
		return errNoProgram
	case path[len(path)-1] == '/' || path == "." || path == ".." ||
		strings.HasSuffix(path, "/.") || strings.HasSuffix(path, "/.."):
		return errDirectory
	case path[0] != '/' && strings.IndexByte(path, '/') >= 0:
		return hinted{errProgram, "write the full path, such as /usr/bin/" + path[strings.LastIndexByte(path, '/')+1:]}
	}
	for i := range len(path) {
		if path[i] < ' ' || path[i] == 127 {
			return errors.New("the path of the program has a control character in it")
		}
	}
	return nil
}

// arguments reads words into b.args up to a lone unquoted ";" or the end.
func (b *build) arguments(v, rest string) (string, error) {
	for rest != "" {
		if after, ok := lone(rest, ";"); ok {
			return after, nil
		}
		if after, ok := lone(rest, `\;`); ok {
			b.args = append(b.args, ";")
			rest = after
			continue
		}
		b.at = len(v) - len(rest)
		w, r, odd, ok, err := word(rest, unquote|unescape)
		if err != nil {
			return "", err
		}
		if !ok {
			return "", nil
		}
		if odd {
			b.oddEscape(w)
		}
		if w, err = b.expand(w); err != nil {
			return "", err
		}
		b.args = append(b.args, w)
		rest = r
	}
	return "", nil
}

// lone tells whether s begins with token as a word of its own.
func lone(s, token string) (rest string, ok bool) {
	rest, ok = strings.CutPrefix(s, token)
	if !ok || rest != "" && !isBlank(rest[0]) {
		return "", false
	}
	return strings.TrimLeft(rest, blanks), true
}
