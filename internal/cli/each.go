// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"

	"github.com/rouse-init/rouse/internal/bus/wire"
	"github.com/rouse-init/rouse/internal/unit"
)

// each calls a method of the manager that takes the name of a unit.
func (a *app) each(verb, method string, args []string) error {
	conn, err := a.connect()
	if err != nil {
		return err
	}
	names, err := a.expand(args)
	if err != nil {
		return err
	}
	code := 0
	for _, name := range names {
		if _, err := conn.Manager(method, "s", func(e *wire.Encoder) { e.String(name) }); err != nil {
			a.errorf("Failed to %s %s: %v", verb, name, err)
			code = 1
		}
	}
	return quiet(code)
}

// mangleTarget makes the name of a target of what was typed.
func mangleTarget(s string) (string, error) {
	name, err := unit.Mangle(s, ".target")
	if err != nil {
		return "", fmt.Errorf("%q is not a unit name", s)
	}
	return name, nil
}
