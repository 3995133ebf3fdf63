// SPDX-License-Identifier: Apache-2.0

package systemd

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/ and testdata/ anew")

// TestDocs keeps the pages that are made from the table like the table.
func TestDocs(t *testing.T) {
	for page, text := range map[string][]byte{"directives.md": directivesPage(), "x-keys.md": extensionsPage()} {
		path := filepath.Join("..", "..", "..", "docs", page)
		if *update {
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, text, 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		have, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(have, text) {
			t.Errorf("docs/%s is stale: run go test ./internal/format/systemd -update", page)
		}
	}
}

func directivesPage() []byte {
	var b bytes.Buffer
	b.WriteString(`# Directives of systemd

Made from the table in internal/format/systemd by its test; do not edit.

Every directive that systemd 257 knows is parsed and its value checked. What rouse does with each stands in the
third column; where it does nothing yet the last column says what happens instead, and so does a warning with
file, line and column when the unit is loaded. "Less confined" marks those without which a service can do more than
its unit asks for. "Since" is the version of systemd that brought it, where its manual says so.
`)
	for _, section := range sectionNames {
		info := sections()[section]
		counts := map[Support]int{}
		for _, name := range info.names {
			counts[info.keys[name].SupportIn(section)]++
		}
		if len(info.names) == 0 {
			continue
		}
		fmt.Fprintf(&b, "\n## [%s]\n\n%d of %d work.\n\n| directive | value | support | since | instead |\n| --- | --- | --- | --- | --- |\n",
			section, counts[Works], len(info.names))
		for _, name := range info.names {
			d := info.keys[name]
			support, instead := d.SupportIn(section), d.Instead
			if d.Support == Works && support != Works {
				instead = insteadIn(info.bit)
			}
			if d.AliasOf != "" {
				instead = strings.TrimPrefix(instead+"; older form of "+d.AliasOf+"=", "; ")
			}
			since := ""
			if d.Since != 0 {
				since = fmt.Sprint(d.Since)
			}
			fmt.Fprintf(&b, "| %s= | %s | %s | %s | %s |\n", name, cell(d.Value), support, since, cell(instead))
		}
	}
	return b.Bytes()
}

func extensionsPage() []byte {
	var b bytes.Buffer
	b.WriteString(`# Keys of rouse's own

Made from the table in internal/format/systemd by its test; do not edit.

systemd ignores keys that begin with X- in silence, so the same file loads there too; others it ignores with a warning.

| section | key | values | default | meaning |
| --- | --- | --- | --- | --- |
`)
	for _, section := range sectionNames {
		info := sections()[section]
		for _, name := range info.names {
			d := info.keys[name]
			if !d.own() {
				continue
			}
			fmt.Fprintf(&b, "| [%s] | %s= | %s | %s | %s |\n", section, name, cell(d.Value), d.Default, cell(d.Doc))
		}
	}
	return b.Bytes()
}

func cell(s string) string { return strings.ReplaceAll(s, "|", `\|`) }
