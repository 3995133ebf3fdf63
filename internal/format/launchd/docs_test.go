// SPDX-License-Identifier: Apache-2.0

package launchd

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestDocs keeps the tables of docs/launchd.md as the code has them.
func TestDocs(t *testing.T) {
	const path = "../../../docs/launchd.md"
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var all, kept, opened [][2]string
	seen := map[string]bool{}
	for _, k := range keys() {
		if lower := strings.ToLower(k.name); seen[lower] {
			t.Errorf("%s stands twice", k.name)
		} else {
			seen[lower] = true
		}
		says := k.becomes
		if k.read == nil {
			says = "no effect: " + says
		}
		all = append(all, [2]string{k.name, says})
	}
	for _, c := range keepConditions() {
		kept = append(kept, [2]string{c.name, c.becomes})
	}
	for _, k := range socketKeys() {
		opened = append(opened, [2]string{k.name, k.becomes})
	}
	doc := string(text)
	for name, rows := range map[string][][2]string{"keys": all, "keep": kept, "sockets": opened} {
		doc = fill(t, doc, name, rows)
	}
	if doc == string(text) {
		return
	}
	if !*update {
		t.Fatalf("%s is not up to date: go test -run Docs -update", path)
	}
	if err := os.WriteFile(path, []byte(doc), 0o644); err != nil {
		t.Fatal(err)
	}
}

// fill puts a table into its place.
func fill(t *testing.T, doc, name string, rows [][2]string) string {
	t.Helper()
	head, rest, ok := strings.Cut(doc, "<!-- "+name+": made by go test ./internal/format/launchd -update -->\n")
	_, tail, ok2 := strings.Cut(rest, "<!-- end -->")
	if !ok || !ok2 {
		t.Fatalf("there is no place for the table %s", name)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s<!-- %s: made by go test ./internal/format/launchd -update -->\n| key | what it becomes |\n| --- | --- |\n", head, name)
	for _, r := range rows {
		if r[1] == "" {
			t.Errorf("%s: nothing is said of it", r[0])
		}
		fmt.Fprintf(&b, "| `%s` | %s |\n", r[0], r[1])
	}
	b.WriteString("<!-- end -->" + tail)
	return b.String()
}
