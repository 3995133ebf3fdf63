// SPDX-License-Identifier: Apache-2.0

package systemd

import (
	"errors"
	"slices"
	"strings"

	"github.com/rouse-init/rouse/internal/unit"
)

func validEnvName(s string) bool {
	if s == "" || s[0] >= '0' && s[0] <= '9' {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' {
			return false
		}
	}
	return true
}

var (
	errEnvPair = errors.New("expected NAME=value")
	errEnvName = errors.New("expected the name of a variable")
	errEnvText = errors.New("the value has a control character in it")
)

func checkEnvPair(s string) error {
	name, value, ok := strings.Cut(s, "=")
	if !ok || !validEnvName(name) {
		return errEnvPair
	}
	for i := range len(value) {
		if c := value[i]; c < ' ' && c != '\t' && c != '\n' || c == 127 {
			return errEnvText
		}
	}
	return nil
}

func setEnvironment(b *build, v string) error {
	if v == "" {
		b.exec.Environment = nil
		return nil
	}
	return b.words(v, unquote|unescape, func(w string) error {
		s, err := b.expand(w)
		if err == nil {
			err = checkEnvPair(s)
		}
		if err == nil {
			b.exec.Environment = setEnv(b.exec.Environment, s)
		}
		return err
	})
}

// setEnv adds pair, in the place of the earlier one of the same name.
func setEnv(env []string, pair string) []string {
	name := pair[:strings.IndexByte(pair, '=')+1]
	for i, e := range env {
		if strings.HasPrefix(e, name) {
			env[i] = pair
			return env
		}
	}
	return append(env, pair)
}

func setEnvironmentFile(b *build, v string) error {
	if v == "" {
		b.exec.EnvironmentFile = nil
		return nil
	}
	s, err := b.expand(v)
	if err != nil {
		return err
	}
	f := unit.EnvFile{Pos: b.pos()}
	s, f.Optional = strings.CutPrefix(s, "-")
	if f.Path, err = cleanPath(s); err != nil {
		return err
	}
	b.exec.EnvironmentFile = append(b.exec.EnvironmentFile, f)
	return nil
}

// names1 is a list of names without repetition.
func names1(name string, place func(*unit.Exec) *[]string, valid func(string) bool) value {
	return value{name, func(b *build, v string) error {
		list := place(&b.exec)
		if v == "" {
			*list = nil
			return nil
		}
		return b.words(v, unquote|unescape, func(w string) error {
			s, err := b.expand(w)
			if err == nil && !valid(s) {
				err = errEnvName
			}
			if err == nil && !slices.Contains(*list, s) {
				*list = append(*list, s)
			}
			return err
		})
	}}
}
