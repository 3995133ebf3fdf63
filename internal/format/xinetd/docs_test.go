// SPDX-License-Identifier: Apache-2.0

package xinetd

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestDocs keeps the table of attributes in docs/inetd.md as the code has it.
func TestDocs(t *testing.T) {
	const path, begin, end = "../../../docs/inetd.md", "-update -->\n", "<!-- end -->"
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.WriteString("| attribute | what it becomes |\n| --- | --- |\n")
	for _, a := range attributes() {
		where := ""
		if a.inDefaults {
			where = " (also in defaults)"
		}
		if a.only {
			where = " (in defaults only)"
		}
		if a.Becomes == "" {
			t.Errorf("%s: nothing is said of it", a.name)
		}
		fmt.Fprintf(&b, "| `%s`%s | %s |\n", a.name, where, a.Becomes)
	}
	head, rest, ok := strings.Cut(string(text), begin)
	old, tail, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has no place for the table", path)
	}
	if old == b.String() {
		return
	}
	if !*update {
		t.Fatalf("%s is not up to date: go test -run Docs -update", path)
	}
	if err := os.WriteFile(path, []byte(head+begin+b.String()+end+tail), 0o644); err != nil {
		t.Fatal(err)
	}
}
