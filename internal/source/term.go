// SPDX-License-Identifier: Apache-2.0

package source

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/rouse-init/rouse/internal/unit"
)

// values are the variables that an operand asks for, by name; positional ones
// get the name that the event has at their place. Conditions with != and on
// other variables are left to whoever compares events: they narrow, but do not
// say what to look for.
func values(w Wanted, order ...string) (map[string]string, error) {
	vars := make(map[string]string)
	position := 0
	for _, m := range w.Match {
		key := m.Key
		if key == "" {
			if position == len(order) {
				return nil, fmt.Errorf("expected at most %d values without a name", len(order))
			}
			key = order[position]
			position++
		}
		if m.Negate || !slices.Contains(order, key) {
			continue
		}
		if strings.Contains(m.Value, "$") {
			return nil, fmt.Errorf("%s=%s has a variable, and what is looked for must be the same for all instances", key, m.Value)
		}
		if old, ok := vars[key]; ok && old != m.Value {
			return nil, fmt.Errorf("%s is given twice, as %q and as %q", key, old, m.Value)
		}
		vars[key] = m.Value
	}
	return vars, nil
}

// accepts tells whether an operand can match an event whose variable key, at
// position, has the value.
func accepts(w Wanted, key string, position int, value string) bool {
	at := 0
	for _, m := range w.Match {
		here := m.Key == key
		if m.Key == "" {
			here = at == position
			at++
		}
		if here && like(m.Value, value) == m.Negate {
			return false
		}
	}
	return true
}

// like compares a name without "/" to a pattern of fnmatch(3).
func like(pattern, name string) bool {
	ok, err := path.Match(goPattern(pattern), name)
	return err == nil && ok
}

// goPattern writes a pattern of fnmatch(3) as one of package path, which has
// "^" where fnmatch has "!".
func goPattern(pattern string) string { return strings.ReplaceAll(pattern, "[!", "[^") }

// checkPattern tells why a pattern would not match as fnmatch(3) does.
func checkPattern(pattern string) error {
	if strings.Contains(pattern, "[:") {
		return fmt.Errorf("classes such as [:alpha:] are not supported in %q", pattern)
	}
	if _, err := path.Match(goPattern(pattern), ""); err != nil {
		return fmt.Errorf("expected a pattern of fnmatch(3), found %q", pattern)
	}
	return nil
}

// deviceEvent takes the name of an event apart, if a device can have it.
func deviceEvent(name string) (subsystem, action string, ok bool) {
	i := strings.LastIndex(name, "-device-")
	if i <= 0 || strings.Contains(name[:i], "/") {
		return "", "", false
	}
	subsystem, action = name[:i], name[i+len("-device-"):]
	return subsystem, action, slices.Contains(deviceActions, action)
}

// deviceActions are those that udev(7) and the kernel know, in the words of
// upstart-udev-bridge(8).
var deviceActions = []string{"added", "removed", "changed", "move", "online", "offline", "bind", "unbind"}

// group sorts operands by what they look for, keeping their order.
func group(list []Wanted, key func(Wanted) (string, error), refuse func(Wanted, error)) (map[string][]Wanted, []string) {
	by := make(map[string][]Wanted)
	var order []string
	for _, w := range list {
		if w.Op != unit.OpEvent {
			continue
		}
		k, err := key(w)
		if err != nil {
			refuse(w, err)
			continue
		}
		if by[k] == nil {
			order = append(order, k)
		}
		by[k] = append(by[k], w)
	}
	return by, order
}
