// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// CPUUsage is the processor time used so far by the cgroup and all below it.
// cpu.stat is there without the cpu controller, too.
func (t *Tree) CPUUsage(path string) (time.Duration, error) {
	text, err := t.read(path, "cpu.stat")
	if err != nil {
		return 0, fmt.Errorf("cannot read the processor time of cgroup %q: %w", path, err)
	}
	return time.Duration(keyed(text, "usage_usec")) * time.Microsecond, nil
}

// MemoryCurrent is the memory in use, in bytes; ok is false without the
// memory controller.
func (t *Tree) MemoryCurrent(path string) (n uint64, ok bool) {
	text, err := t.read(path, "memory.current")
	if err != nil {
		return 0, false
	}
	n, err = strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64)
	return n, err == nil
}

// SetAttribute writes a file of the cgroup ("memory.max"), after enabling the
// controller that it belongs to in the parents' subtree_control. The error is
// ENOTSUP when the controller is not available here.
func (t *Tree) SetAttribute(path, file, value string) error {
	controller, _, _ := strings.Cut(file, ".")
	if controller != "cgroup" {
		if !slices.Contains(t.facts.Controllers, controller) {
			return fmt.Errorf("cannot set %s of cgroup %q: no %s controller here: %w", file, path, controller, unix.ENOTSUP)
		}
		if err := t.enable(path, controller); err != nil {
			return fmt.Errorf("cannot set %s of cgroup %q: %w", file, path, err)
		}
	}
	if err := t.write(path, file, value); err != nil {
		return fmt.Errorf("cannot set %s of cgroup %q to %q: %w", file, path, value, err)
	}
	return nil
}

// enable enables a controller for the cgroup: in the base and in every
// cgroup between.
func (t *Tree) enable(path, controller string) error {
	parent := ""
	for {
		if have := t.enabled[parent]; !slices.Contains(strings.Fields(have), controller) {
			err := t.write(parent, "cgroup.subtree_control", "+"+controller)
			if errors.Is(err, unix.EBUSY) {
				if err := t.leaveBase(parent); err != nil {
					return fmt.Errorf("enabling %s: processes are in the way: %w", controller, err)
				}
				err = t.write(parent, "cgroup.subtree_control", "+"+controller)
			}
			if err != nil {
				return fmt.Errorf("enabling %s: %w", controller, err)
			}
			t.enabled[parent] = strings.TrimSpace(have + " " + controller)
		}
		rest := strings.TrimPrefix(path[len(parent):], "/")
		next, _, more := strings.Cut(rest, "/")
		if !more {
			return nil
		}
		parent = strings.TrimPrefix(parent+"/"+next, "/")
	}
}
