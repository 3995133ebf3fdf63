// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Patterns are those of glob(3).
func TestGlobbed(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a.log", "b.log", ".hidden.log", "c.txt", "sub/d.log"} {
		p := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	t.Setenv("HOME", dir)
	for word, want := range map[string]string{
		"plain": "plain", "*.log": "a.log b.log", ".*.log": ".hidden.log", "*/*.log": "sub/d.log", "[!a].log": "b.log",
		"?.txt": "c.txt", "*.none": "*.none", "[": "[", "~/c*": dir + "/c.txt", "~": dir, "~no-such-user/x": "~no-such-user/x",
		"a~": "a~", dir + "/*.txt": dir + "/c.txt", "-o*": "-o*",
	} {
		if got := strings.Join(globbed(word), " "); got != want {
			t.Errorf("%q is %q, want %q", word, got, want)
		}
	}
}
