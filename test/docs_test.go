// SPDX-License-Identifier: Apache-2.0

package test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var testNames = regexp.MustCompile(`\bTest[A-Z]\w*(/[\w-]+)?`)

// TestUpstartDocs: docs/upstart.md names a test for each of the author's
// promises and for each complaint, and all that it names exist.
func TestUpstartDocs(t *testing.T) {
	doc := text("..", "docs", "upstart.md")
	checkPromises(t, doc, "U", 54)
	_, hated, _ := strings.Cut(doc, "\n## What its users hated\n")
	rows := strings.Count(hated, "\n| ") - 2 // the head
	if named := len(regexp.MustCompile(`(?m)^\| .*\bTest\w+`).FindAllString(hated, -1)); named != rows || rows != 11 {
		t.Errorf("%d of %d complaints have a test, want 11", named, rows)
	}
}

// TestOnDemandDocs: docs/on-demand.md names a test for each promise.
func TestOnDemandDocs(t *testing.T) {
	checkPromises(t, text("..", "docs", "on-demand.md"), "S", 32)
}

// checkPromises looks for the rows 1 to n of the tables of a page, and for the
// tests that it names.
func checkPromises(t *testing.T, doc, letter string, n int) {
	t.Helper()
	for i := 1; i <= n; i++ {
		row := fmt.Sprintf("\n| %s%d | ", letter, i)
		if strings.Count(doc, row) != 1 {
			t.Errorf("%s%d is there %d times", letter, i, strings.Count(doc, row))
			continue
		}
		_, line, _ := strings.Cut(doc, row)
		line, _, _ = strings.Cut(line, "\n")
		if !testNames.MatchString(line) {
			t.Errorf("%s%d has no test: %s", letter, i, line)
		}
	}
	known := knownTests(t)
	for _, name := range testNames.FindAllString(doc, -1) {
		if !known[name] && name != "TestTranscripts/NAME" && name != "TestTranscripts" {
			t.Errorf("there is no %s", name)
		}
	}
}

// knownTests are all tests of the repository, and the transcripts.
func knownTests(t *testing.T) map[string]bool {
	t.Helper()
	known := map[string]bool{}
	declared := regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case strings.HasSuffix(path, "_test.go"):
			b, err := os.ReadFile(path)
			for _, m := range declared.FindAllSubmatch(b, -1) {
				known[string(m[1])] = true
			}
			return err
		case filepath.Base(filepath.Dir(path)) == "testdata" && strings.HasSuffix(path, ".txt"):
			known["TestTranscripts/"+strings.TrimSuffix(d.Name(), ".txt")] = true
		}
		return nil
	})
	if err != nil || len(known) == 0 {
		t.Fatalf("no tests found: %v", err)
	}
	return known
}
