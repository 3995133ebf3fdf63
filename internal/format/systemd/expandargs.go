// SPDX-License-Identifier: Apache-2.0

package systemd

import "strings"

// ExpandArgs replaces the variables of a command line as systemd.service(5),
// COMMAND LINES, has it: a word $FOO becomes the words of the value, none if
// it is empty; ${FOO} anywhere becomes the value as it is; $$ is a dollar
// sign. Everything else stays, and so does args[0]. Of env the later entry
// wins. Unset variables are empty. args is returned itself when there is
// nothing to replace.
func ExpandArgs(args, env []string) []string {
	first := 1
	for first < len(args) && strings.IndexByte(args[first], '$') < 0 {
		first++
	}
	if first >= len(args) {
		return args
	}
	out := append(make([]string, 0, len(args)+4), args[:first]...)
	for _, a := range args[first:] {
		if len(a) > 1 && a[0] == '$' && a[1] != '{' && a[1] != '$' {
			out = appendWords(out, getenv(env, a[1:]))
			continue
		}
		out = append(out, expandBraces(a, env))
	}
	return out
}

// appendWords cuts a value into words; quotes hold words together.
func appendWords(out []string, v string) []string {
	for {
		w, rest, _, ok, _ := word(v, unquote|lenient)
		if !ok {
			return out
		}
		out, v = append(out, w), rest
	}
}

func getenv(env []string, name string) string {
	if !validEnvName(name) {
		return ""
	}
	for i := len(env) - 1; i >= 0; i-- {
		if v, ok := strings.CutPrefix(env[i], name); ok && v != "" && v[0] == '=' {
			return v[1:]
		}
	}
	return ""
}

// expandBraces replaces ${NAME} and $$. What looks like ${NAME:… of a shell
// is not replaced, but what is inside of it is.
func expandBraces(s string, env []string) string {
	if strings.IndexByte(s, '$') < 0 {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '$' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		switch s[i+1] {
		case '$':
			b.WriteByte('$')
			i++
		case '{':
			end := strings.IndexAny(s[i+2:], "}:")
			if end < 0 || s[i+2+end] == ':' {
				b.WriteByte('$')
				continue
			}
			b.WriteString(getenv(env, s[i+2:i+2+end]))
			i += 2 + end
		default:
			b.WriteByte('$')
		}
	}
	return b.String()
}
