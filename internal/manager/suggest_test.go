// SPDX-License-Identifier: Apache-2.0

package manager

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestBarred(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "closed")
	program := filepath.Join(dir, "program")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		mode os.FileMode
		want string
	}{{0o644, "chmod +x " + program}, {0o750, "chmod o+x " + program}, {0o755, "to enter " + dir}} {
		if err := os.WriteFile(program, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(program, c.mode); err != nil {
			t.Fatal(err)
		}
		if got := barred(program); !strings.Contains(got, c.want) {
			t.Errorf("%o: %q, want %q", c.mode, got, c.want)
		}
	}
	if got := barred(dir); !strings.Contains(got, "directory") {
		t.Errorf("of a directory: %q", got)
	}
}
