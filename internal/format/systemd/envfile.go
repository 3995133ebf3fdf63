// SPDX-License-Identifier: Apache-2.0

package systemd

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// envReader is the state of ParseEnvFile.
type envReader struct {
	env        []string
	key, value []byte
	keyEnd     int // of the key without trailing blanks
	valueEnd   int // likewise; -1 where quotes protect all of it
	line       int
}

// envState is what the next byte belongs to.
type envState uint8

const (
	envBeforeKey envState = iota
	envKey
	envBeforeValue
	envValue
	envValueEscape
	envSingle
	envDouble
	envDoubleEscape
	envComment
	envCommentEscape
)

// ParseEnvFile reads the text of an EnvironmentFile= (systemd.exec(5)) into
// NAME=value pairs in the order of the file. Lines whose name is not that of
// a variable are left out, as systemd does. Text that is not UTF-8 makes the
// whole file an error.
func ParseEnvFile(text string) ([]string, error) {
	text = strings.TrimPrefix(text, bom)
	r := envReader{line: 1}
	state := envBeforeKey
	for i := range len(text) {
		c := text[i]
		var err error
		if state, err = r.next(state, c); err != nil {
			return nil, err
		}
		if c == '\n' {
			r.line++
		}
	}
	switch state {
	case envBeforeValue, envValue, envValueEscape, envSingle, envDouble, envDoubleEscape:
		if err := r.push(state == envValue); err != nil {
			return nil, err
		}
	case envBeforeKey, envKey, envComment, envCommentEscape:
	}
	return r.env, nil
}

func (r *envReader) next(state envState, c byte) (envState, error) {
	newline := c == '\n' || c == '\r'
	switch state {
	case envBeforeKey:
		switch {
		case c == '#' || c == ';':
			return envComment, nil
		case isBlank(c):
			return state, nil
		}
		r.key = append(r.key[:0], c)
		r.keyEnd = 1
		return envKey, nil
	case envKey:
		switch {
		case newline:
			return envBeforeKey, nil
		case c == '=':
			r.value, r.valueEnd = r.value[:0], 0
			return envBeforeValue, nil
		}
		r.key = append(r.key, c)
		if !isBlank(c) {
			r.keyEnd = len(r.key)
		}
	case envBeforeValue:
		return r.beforeValue(c)
	case envValue:
		switch {
		case newline:
			return envBeforeKey, r.push(true)
		case c == '\\':
			return envValueEscape, nil
		}
		r.add(c, !isBlank(c))
	case envValueEscape:
		if !newline {
			r.add(c, true)
		}
		return envValue, nil
	case envSingle:
		if c == '\'' {
			return envBeforeValue, nil
		}
		r.add(c, true)
	case envDouble:
		switch c {
		case '"':
			return envBeforeValue, nil
		case '\\':
			return envDoubleEscape, nil
		}
		r.add(c, true)
	case envDoubleEscape:
		if strings.IndexByte("\"\\`$", c) < 0 && c != '\n' {
			r.add('\\', true)
		}
		if c != '\n' {
			r.add(c, true)
		}
		return envDouble, nil
	case envComment:
		switch {
		case c == '\\':
			return envCommentEscape, nil
		case newline:
			return envBeforeKey, nil
		}
	case envCommentEscape: // since systemd 254 the newline ends the comment all the same
		if newline {
			return envBeforeKey, nil
		}
		return envComment, nil
	}
	return state, nil
}

func (r *envReader) beforeValue(c byte) (envState, error) {
	switch {
	case c == '\n' || c == '\r':
		return envBeforeKey, r.push(false)
	case c == '\'':
		return envSingle, nil
	case c == '"':
		return envDouble, nil
	case c == '\\':
		return envValueEscape, nil
	case isBlank(c):
		return envBeforeValue, nil
	}
	r.add(c, true)
	return envValue, nil
}

// add appends c to the value; blanks that are not kept vanish at its end.
func (r *envReader) add(c byte, keep bool) {
	r.value = append(r.value, c)
	if keep {
		r.valueEnd = len(r.value)
	}
}

var errEnvUTF8 = errors.New("not UTF-8")

func (r *envReader) push(trim bool) error {
	name := string(r.key[:r.keyEnd])
	value := r.value
	if trim {
		value = value[:r.valueEnd]
	}
	if !utf8.ValidString(name) || !utf8.Valid(value) {
		return fmt.Errorf("line %d: %w", r.line, errEnvUTF8)
	}
	if pair := name + "=" + string(value); checkEnvPair(pair) == nil {
		r.env = append(r.env, pair)
	}
	return nil
}
