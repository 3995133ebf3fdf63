// SPDX-License-Identifier: Apache-2.0

package test

import (
	"fmt"
	"strings"
	"testing"
)

// TestDistributeMistake: a number that is none, or 0, changes nothing, and the
// next one is taken.
func TestDistributeMistake(t *testing.T) {
	d := distribute(t, 4, "stream")
	for _, line := range []string{"Distribute=4k", "Distribute=0"} {
		d.resize(t, 0, line)
		for i := range 4 {
			if got := d.property(fmt.Sprintf("web@%d.socket", i), "LoadState"); got != "loaded" {
				t.Fatalf("after %s web@%d.socket is %s", line, i, got)
			}
		}
		d.resize(t, 3)
		d.await("web@3.socket", "LoadState", "not-found")
		d.resize(t, 2)
		d.await("web@2.socket", "LoadState", "not-found")
		if code, out := d.ctl("list-sockets", "--no-legend"); code != 0 || strings.Count(out, "\n") != 2 {
			t.Fatalf("after %s, 3 and 2: %d: %s", line, code, out)
		}
		d.resize(t, 4)
		d.await("web@3.socket", "ActiveState", "active")
		if who, err := d.ask("still there"); err != nil {
			t.Fatalf("%q, %v", who, err)
		}
	}
}
