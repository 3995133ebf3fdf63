// SPDX-License-Identifier: Apache-2.0

package systemd

import (
	"os"
	"slices"
	"strings"
	"testing"
)

func TestTableHasEveryDirectiveOf257(t *testing.T) {
	text, err := os.ReadFile("testdata/directives-257.txt")
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Fields(string(text))
	if len(want) != 1341 {
		t.Errorf("the list has %d pairs, want 1341", len(want))
	}
	var got []string
	for name, info := range sections() {
		for key, d := range info.keys {
			if !d.own() {
				got = append(got, name+"."+key)
			}
		}
	}
	slices.Sort(got)
	for _, pair := range want {
		if _, ok := slices.BinarySearch(got, pair); !ok {
			t.Errorf("the table does not have %s", pair)
		}
	}
	for _, pair := range got {
		if !slices.Contains(want, pair) {
			t.Errorf("the table has %s, which systemd 257 does not know", pair)
		}
	}
}

func TestTableEntriesAreWhole(t *testing.T) {
	seen := map[string]bool{}
	for _, d := range Directives() {
		if d.set == nil || d.Value == "" || len(d.Sections()) == 0 {
			t.Errorf("%s is not whole", d.Name)
		}
		for _, s := range d.Sections() {
			if seen[s+"."+d.Name] {
				t.Errorf("%s.%s stands twice in the table", s, d.Name)
			}
			seen[s+"."+d.Name] = true
		}
		if d.Support != Works && d.Instead == "" {
			t.Errorf("%s does not say what happens instead", d.Name)
		}
		if (strings.HasPrefix(d.Name, "X-") || d.own()) && (d.Doc == "" || d.Default == "") {
			t.Errorf("%s has no manual", d.Name)
		}
	}
	for _, d := range Directives() {
		if d.AliasOf == "" {
			continue
		}
		found := false
		for _, of := range Directives() {
			found = found || of.Name == d.AliasOf
		}
		if !found {
			t.Errorf("%s is an alias of %s, which does not exist", d.Name, d.AliasOf)
		}
	}
}
