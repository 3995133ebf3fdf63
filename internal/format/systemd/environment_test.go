// SPDX-License-Identifier: Apache-2.0

package systemd

import (
	"slices"
	"testing"
)

func TestParseEnvFile(t *testing.T) {
	for _, c := range []struct {
		name, in string
		want     []string
	}{
		{"plain", "A=1\nB=two words  \n", []string{"A=1", "B=two words"}},
		{"comments", "# x\n;y\n A = 1\n", []string{"A=1"}},
		{"quotes", `A="b c"` + "\n" + `B='$x "y"'` + "\n" + `C="a"'b'c d`, []string{"A=b c", `B=$x "y"`, "C=abc d"}},
		{"blanks after quotes", "A='b ' \nB=1", []string{"A=b ", "B=1"}},
		{"escapes", `A=a\ b\\c` + "\n" + `B="\$x \n \"q\""`, []string{`A=a b\c`, `B=$x \n "q"`}},
		{"newline in quotes", "A='one\ntwo'\nB=\"x\\\ny\"\n", []string{"A=one\ntwo", "B=xy"}},
		{"joined lines", "A=one\\\ntwo\n", []string{"A=onetwo"}},
		{"no sign", "export X\nA=1\n", []string{"A=1"}},
		{"bad names", "1A=1\nA B=2\nC=3\n", []string{"C=3"}},
		{"empty", "A=\nB=''\n", []string{"A=", "B="}},
		{"a comment does not continue", "# x \\\nA=1\n", []string{"A=1"}},
		{"no newline at the end", "A='open", []string{"A=open"}},
		{"carriage returns", "A=1\r\nB=2\r\n", []string{"A=1", "B=2"}},
		{"byte order mark", "\ufeffA=1", []string{"A=1"}},
	} {
		got, err := ParseEnvFile(c.in)
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, %v; want %q", c.name, got, err, c.want)
		}
	}
	if got, err := ParseEnvFile("A=1\nB=\xff\n"); err == nil {
		t.Errorf("text that is not UTF-8 gives %q, want an error", got)
	}
}

func TestExpandArgs(t *testing.T) {
	env := []string{"ONE=first", "ONE=one", "TWO=two too", "QUOTED='a b' c", "EMPTY=", "D=$ONE"}
	for _, c := range []struct{ in, want []string }{
		{[]string{"$ONE", "x"}, []string{"$ONE", "x"}},
		{[]string{"a", "$ONE", "$TWO", "$QUOTED"}, []string{"a", "one", "two", "too", "a b", "c"}},
		{[]string{"a", "${TWO}", "x${ONE}y${ONE}", "$EMPTY", "${EMPTY}", "$NONE"}, []string{"a", "two too", "xoneyone", ""}},
		{[]string{"a", "$$ONE", "$$", "5$", "a$ONE", "$ONE$TWO"}, []string{"a", "$ONE", "$", "5$", "a$ONE"}},
		{[]string{"a", "${ONE:-x}", "${NONE:-${ONE}}", "${ONE"}, []string{"a", "${ONE:-x}", "${NONE:-one}", "${ONE"}},
		{[]string{"a", "${D}"}, []string{"a", "$ONE"}},
	} {
		if got := ExpandArgs(c.in, env); !slices.Equal(got, c.want) {
			t.Errorf("%q gives %q, want %q", c.in, got, c.want)
		}
	}
	if n := testing.AllocsPerRun(10, func() { ExpandArgs([]string{"a", "b"}, env) }); n > 0 {
		t.Errorf("arguments without variables cost %v allocations", n)
	}
}
