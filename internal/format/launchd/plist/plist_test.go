// SPDX-License-Identifier: Apache-2.0

package plist

import (
	"bytes"
	"encoding/binary"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/rouse-init/rouse/internal/diag"
)

var noPos = cmpopts.IgnoreTypes(diag.Pos{})

func read(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestForms: one list in both forms, as Python's plistlib wrote them, and
// written again by us.
func TestForms(t *testing.T) {
	xml, list := Parse("all.plist", read(t, "all.plist"))
	bin, more := Parse("all.bplist", read(t, "all.bplist"))
	if xml == nil || bin == nil || len(list)+len(more) > 0 {
		t.Fatal(list, more)
	}
	if diff := cmp.Diff(xml, bin, noPos); diff != "" {
		t.Errorf("the forms differ: %s", diff)
	}
	again, list := Parse("again.plist", []byte(XML(bin)))
	if diff := cmp.Diff(xml, again, noPos); diff != "" || list != nil {
		t.Errorf("written again: %s %v", diff, list)
	}
	if v := bin.Get("Long"); v == nil || len(v.Text) != 300 || bin.Get("Big").Int != 1<<40 || bin.Get("Real").Real != 0.5 {
		t.Errorf("%+v", v)
	}
}

// TestXML: what is read, printed back, or the first thing that is wrong.
func TestXML(t *testing.T) {
	for text, want := range map[string]string{
		"<plist version='1.0'><string> a&lt;&#65;&#x42;<!-- c --><![CDATA[<&]]> </string></plist>": "<string> a&lt;AB&lt;&amp; </string>",
		"\xef\xbb\xbf<?xml version=\"1.0\" encoding='utf-8'?>\n<!DOCTYPE plist>\n<true/>":          "<true/>",
		"<false></false>":                "<false/>",
		"<integer> -0x1F ":               "1:1: cannot read the property list: <integer> has no </integer>",
		"<integer>-0x1F</integer>":       "<integer>-31</integer>",
		"<integer>+010</integer>":        "<integer>10</integer>",
		"<integer>--1</integer>":         `1:1: cannot read the property list: expected a number such as 10 or 0x1F in <integer>, found "--1"`,
		"<real>1e999</real>":             `1:1: cannot read the property list: expected a number such as 0.5 in <real>, found "1e999"`,
		"<data> AA\n\tE= </data>":        "<data>AAE=</data>",
		"<date>yesterday</date>":         `1:1: cannot read the property list: expected a date such as 2024-01-31T12:00:00Z in <date>, found "yesterday"`,
		"<dict/>":                        "<dict>\n</dict>",
		"":                               "1:1: cannot read the property list: it ends where a value is expected",
		"<dict>\n <key>a</key>\n</dict>": `2:2: cannot read the property list: the key "a" has no value`,
		"<dict>\n <key>a</key><key>b</key><true/></dict>":          `2:2: cannot read the property list: the key "a" has no value`,
		"<dict><string>a</string></dict>":                          "1:7: cannot read the property list: expected <key> or </dict>, found <string>",
		"<dict>\n<key>a</key><true/>\n<key>a</key><false/></dict>": "2:1: warning: cannot use the key \"a\": it stands again below, and the last one counts, ignoring\n    fix: remove one of the two\n<dict>\n\t<key>a</key>\n\t<false/>\n</dict>",
		"<array>\n  text</array>":                                  `2:3: cannot read the property list: expected a tag such as <string>, found "text"`,
		"<array><true/>":                                           "1:1: cannot read the property list: <array> has no </array>",
		"<string>a<b>c</b></string>":                               "1:10: cannot read the property list: expected </string>, found <b>: a value of this kind holds text only",
		"<string>a & b</string>":                                   `1:11: cannot read the property list: expected an entity such as &amp;, found "& b</string>" (write & as &amp;)`,
		"<string>&nbsp;</string>":                                  `1:9: cannot read the property list: the entity "&nbsp;" is not known`,
		"<string>&\x1b[31m;</string>":                              `1:9: cannot read the property list: the entity "&\x1b[31m;" is not known`,
		"<string>&#xD800;</string>":                                `1:9: cannot read the property list: the entity "&#xD800;" is not known`,
		"<!DOCTYPE plist [<!ENTITY x SYSTEM \"/etc/passwd\">]>\n<string>&x;</string>": "1:1: cannot read the property list: its document type has definitions of its own, which are not read",
		"<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><true/>":                      `1:1: cannot read the property list: its encoding is "ISO-8859-1"; expected UTF-8`,
		"<string>\n\xff</string>":     "2:1: cannot read the property list: expected text in UTF-8, or a binary property list (convert it: plutil -convert xml1)",
		"<plist><true/>":              "1:15: cannot read the property list: expected </plist> after the value",
		"<plist/>":                    "1:1: cannot read the property list: <plist> is empty; expected a value in it",
		"<true/><true/>":              "1:8: cannot read the property list: expected nothing after the value, found <true>",
		"<set></set>":                 "1:1: cannot read the property list: there is no kind of value called <set>",
		"<true":                       `1:1: cannot read the property list: the tag <true has no ">" at its end`,
		"<!-- <true/>":                `1:1: cannot read the property list: the comment has no "-->" at its end`,
		strings.Repeat("<array>", 40): "1:225: cannot read the property list: it has more than 20000 values, or more than 32 inside one another",
		"<array>" + strings.Repeat("<true/>", 20000) + "</array>": "1:140001: cannot read the property list: it has more than 20000 values, or more than 32 inside one another",
		strings.Repeat(" ", maxSize+1):                            "1:1: cannot read the property list: it is larger than 4 MiB",
	} {
		v, list := Parse("f", []byte(text))
		var got strings.Builder
		for _, d := range list {
			got.WriteString(strings.TrimPrefix(d.String(), "f:") + "\n")
		}
		if v != nil {
			got.WriteString(strings.TrimSuffix(strings.TrimPrefix(XML(v), header), "</plist>\n"))
		}
		if strings.TrimSpace(got.String()) != want {
			t.Errorf("%.80q gives\n%s\nwant\n%s", text, got.String(), want)
		}
	}
}

// TestBinaryRing: objects that hold themselves, or one another many times, end
// at a limit.
func TestBinaryRing(t *testing.T) {
	ring := []byte("bplist00\xa2\x00\x00\x08")
	ring = append(ring, 0, 0, 0, 0, 0, 0, 1, 1)
	for _, n := range []uint64{1, 0, 11} {
		ring = binary.BigEndian.AppendUint64(ring, n)
	}
	v, list := Parse("f", ring)
	if v != nil || len(list) != 1 || list[0].Code != CodeLimit {
		t.Errorf("%v %v", v, list)
	}
}

// TestBinaryShared: a string that stands once and is used often is copied each
// time, which is not to exceed what a file may have.
func TestBinaryShared(t *testing.T) {
	const size, uses = maxSize / 4, 5
	list := append([]byte("bplist00\xa5"), bytes.Repeat([]byte{1}, uses)...)
	text := len(list)
	list = binary.BigEndian.AppendUint32(append(list, 0x5f, 0x12), size)
	list = append(list, bytes.Repeat([]byte("x"), size)...)
	table := len(list)
	list = binary.BigEndian.AppendUint32(list, 8)
	list = binary.BigEndian.AppendUint32(list, uint32(text))
	list = append(list, 0, 0, 0, 0, 0, 0, 4, 1)
	for _, n := range []int{2, 0, table} {
		list = binary.BigEndian.AppendUint64(list, uint64(n))
	}
	if v, found := Parse("f", list); v != nil || len(found) != 1 || found[0].Code != CodeLimit {
		t.Errorf("%v", found)
	}
	list[8]-- // one use less
	if v, found := Parse("f", list); v == nil || len(v.Items) != uses-1 {
		t.Errorf("%v", found)
	}
}

// TestBinaryCut: a file that lacks bytes, wherever, is refused and no more.
func TestBinaryCut(t *testing.T) {
	whole := read(t, "all.bplist")
	for n := range whole {
		if v, list := Parse("f", whole[:n]); v != nil || !list.Errors() {
			t.Fatalf("%d bytes give %v, %v", n, v, list)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, name := range []string{"all.plist", "all.bplist"} {
		text, err := os.ReadFile("testdata/" + name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte("<plist><array><data>AA==</data><string>&amp;</string><real>1</real></array></plist>"))
	f.Fuzz(func(t *testing.T, text []byte) {
		v, list := Parse("f", text)
		if (v == nil) != list.Errors() {
			t.Fatalf("%v with %v", v, list)
		}
		for _, d := range list {
			if d.Pos.Line < 1 || d.Pos.Col < 1 || d.Code == "" {
				t.Errorf("no place: %+v", d)
			}
		}
		if v == nil {
			return
		}
		written := XML(v)
		again, list := Parse("g", []byte(written))
		if again == nil {
			if strings.ContainsFunc(written, func(r rune) bool { return r == '\uFFFD' }) || len(written) > maxSize {
				return
			}
			t.Fatalf("written as %q: %v", written, list)
		}
		if second := XML(again); second != written {
			t.Errorf("%q, then %q", written, second)
		}
	})
}
