// SPDX-License-Identifier: Apache-2.0

package diag

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestCodes: a code stands for one thing, whichever package it is of.
func TestCodes(t *testing.T) {
	define := regexp.MustCompile(`(?m)^\s*(?:const )?(\w+)\s+= "(R[A-Z][0-9]{3})"`)
	seen := map[string]string{}
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, m := range define.FindAllStringSubmatch(string(text), -1) {
			name, code := path+": "+m[1], m[2]
			if seen[code] != "" {
				t.Errorf("%s is that of %s and of %s", code, seen[code], name)
			}
			seen[code] = name
		}
		return err
	})
	if err != nil || len(seen) < 20 {
		t.Errorf("%d codes, %v", len(seen), err)
	}
}
