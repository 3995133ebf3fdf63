// SPDX-License-Identifier: Apache-2.0

package upstart

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestDocs keeps the page that is made from the table like the table.
func TestDocs(t *testing.T) {
	path := filepath.Join("..", "..", "..", "docs", "stanzas.md")
	page := stanzasPage()
	if *update {
		if err := os.WriteFile(path, page, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	have, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(have, page) {
		t.Error("docs/stanzas.md is stale: run go test ./internal/format/upstart -update")
	}
}

func stanzasPage() []byte {
	var b bytes.Buffer
	b.WriteString(`# Stanzas of Upstart jobs

Made from the table in internal/format/upstart by its test; do not edit.

rouse reads every stanza of init(5) as Upstart 1.13 does. Values in parentheses are the defaults. Empty lines and
comment lines within the parentheses of an event expression, which Upstart refuses, are accepted with a warning.
`)
	section := func(title, origin string) {
		fmt.Fprintf(&b, "\n## %s\n\n| stanza | arguments | meaning |\n| --- | --- | --- |\n", title)
		for _, s := range Stanzas() {
			if s.Origin == origin {
				fmt.Fprintf(&b, "| %s | %s | %s |\n", s.Name, cell(s.Synopsis), cell(s.Meaning))
			}
		}
	}
	section("Of Upstart", fromUpstart)
	section("Of rouse", fromRouse)
	b.WriteString(`
` + "`expect listen`" + ` was announced by Upstart's author and came only with rouse, and so did the limits locks and rttime.

Each of these causes stands for expressions over events, which ` + "`initctl show-config -e`" + ` shows. Any of the causes of a
job starts it, and so does its ` + "`start on`" + `; ` + "`manual`" + ` drops all that stand above it.

| stanza | start on | stop on | and |
| --- | --- | --- | --- |
`)
	for _, line := range []string{
		"dbus system-bus org.example.Name", "dbus session-bus org.example.Name", "socket 631", "socket 127.0.0.1:80", "socket [::1]:80",
		"socket /run/x.sock", "socket @x", "file /var/spool/cups/", "calendar Mon..Fri 08:00", "needs db net/up",
	} {
		u, _ := Compile("x", Parse("", []byte(line)), nil, Options{})
		var start, stop, more []string
		for _, s := range u.Service.Job.Stanzas {
			if len(s.StartOn) > 0 {
				start = append(start, infix(s.StartOn, EventWords))
			}
			if len(s.StopOn) > 0 {
				stop = append(stop, infix(s.StopOn, EventWords))
			}
		}
		for _, d := range u.Deps {
			if d.Name != u.Slice && !strings.Contains(strings.Join(more, " "), d.Name) {
				more = append(more, "Requires= and After= "+d.Name)
			}
		}
		if u.Service.BusName != "" {
			more = append(more, "Type=dbus, BusName="+u.Service.BusName)
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", line, cell(strings.Join(start, " ")), strings.Join(stop, " "), strings.Join(more, "; "))
	}
	section("Of Upstart 0.3", fromBefore)
	section("Of ChromeOS", fromChromeOS)
	return b.Bytes()
}

func cell(s string) string { return strings.NewReplacer("|", `\|`, "*", `\*`, "[", `\[`).Replace(s) }

// TestStanzaDocs: what the table says of a stanza is fit for one line.
func TestStanzaDocs(t *testing.T) {
	list := Stanzas()
	if len(list) < 50 {
		t.Errorf("only %d stanzas", len(list))
	}
	for _, s := range list {
		if s.Meaning == "" || s.Origin == "" || strings.ContainsAny(s.Meaning+s.Synopsis, "\n") {
			t.Errorf("%+v", s)
		}
	}
}
