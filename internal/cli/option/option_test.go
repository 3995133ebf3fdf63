// SPDX-License-Identifier: Apache-2.0

package option

import (
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for line, want := range map[string]string{
		"":               "",
		"a -x b":         "x=true words=a b",
		"-xn 5 a":        "x=true n=5 words=a",
		"-n5":            "n=5",
		"--num=5 --num=": "n=",
		"--num 6 -- -x":  "n=6 words=-x",
		"a - b":          "words=a - b",
		"-e 1 -e2 -e 3":  "e=1,2,3",
		"-y":             "invalid option: -y",
		"--yes":          "invalid option: --yes",
		"--ex":           "invalid option: --ex",
		"--exact=1":      "unexpected argument: --exact=1",
		"--num":          "missing argument: --num",
		"-xn":            "missing argument: -n",
		"-e":             "missing argument: -e",
	} {
		var x bool
		var n string
		var e []string
		p := Parser{Options: []Option{
			{Short: 'x', Long: "exact", On: &x},
			{Short: 'n', Long: "num", Arg: "N", Value: &n},
			{Short: 'e', Each: func(s string) { e = append(e, s) }},
		}}
		var got []string
		if err := p.Parse(strings.Fields(line), func(string) error { return nil }, func() bool { return false }); err != nil {
			got = append(got, err.Error())
		} else {
			if x {
				got = append(got, "x=true")
			}
			if n != "" || strings.Contains(line, "--num=") {
				got = append(got, "n="+n)
			}
			if e != nil {
				got = append(got, "e="+strings.Join(e, ","))
			}
			if p.Words != nil {
				got = append(got, "words="+strings.Join(p.Words, " "))
			}
		}
		if s := strings.Join(got, " "); s != want {
			t.Errorf("%q: %q, want %q", line, s, want)
		}
	}
}

func TestHelp(t *testing.T) {
	var b strings.Builder
	Help(&b, []Option{
		{Short: 'n', Long: "no-wait", Help: "do not wait"},
		{Short: 'e', Arg: "KEY=VALUE", Help: "a variable"},
		{Long: "ignore-these-many-events", Arg: "LIST", Help: strings.Repeat("word ", 14)},
	})
	want := `
Options:
  -n, --no-wait               do not wait
  -e KEY=VALUE                a variable
      --ignore-these-many-events=LIST
                              word word word word word word word word word word
                                word word word word
`
	if b.String() != want {
		t.Errorf("got:\n%s", b.String())
	}
}
