// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"strings"

	"github.com/rouse-init/rouse/internal/unit"
)

// mangle makes a unit name of what was typed.
func mangle(s string) (string, error) {
	name, err := unit.Mangle(s, ".service")
	if err != nil {
		return "", fmt.Errorf("%q is not a unit name", s)
	}
	return name, nil
}

// mangleAll is mangle for each of a list.
func mangleAll(args []string) ([]string, error) {
	var names []string
	for _, arg := range args {
		name, err := mangle(arg)
		if err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	return names, nil
}

func isGlob(s string) bool { return strings.ContainsAny(s, "*?[") }

// expand makes unit names of all arguments. Patterns stand for the units that
// the manager knows.
func (a *app) expand(args []string) ([]string, error) {
	names, globs, err := split(args)
	if err != nil || len(globs) == 0 {
		return names, err
	}
	conn, err := a.connect()
	if err != nil {
		return nil, err
	}
	rows, err := conn.ListUnits(nil, globs)
	if err != nil {
		return nil, err
	}
	for _, r := range rows {
		names = append(names, r.Name)
	}
	return names, nil
}

// split sorts the arguments into names and patterns. A pattern without a
// suffix stands for services, as in systemctl.
func split(args []string) (names, globs []string, err error) {
	for _, arg := range args {
		if isGlob(arg) {
			if unit.KindOf(arg) == unit.KindInvalid && !strings.HasSuffix(arg, "*") && !strings.HasSuffix(arg, "]") {
				arg += ".service"
			}
			globs = append(globs, arg)
			continue
		}
		name, err := mangle(arg)
		if err != nil {
			return nil, nil, err
		}
		names = append(names, name)
	}
	return names, globs, nil
}
