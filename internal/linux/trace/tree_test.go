// SPDX-License-Identifier: Apache-2.0

package trace

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// The decisions, as transcripts: "1>2" process 1 forks 2, "2e" 2 executes a
// program, "1x" 1 ends. Process 1 is the first. What follows "=" is told.
func TestTree(t *testing.T) {
	for _, c := range []struct {
		name  string
		want  int
		steps string
	}{
		{"once", 1, "1>2 1x=2/1,done"},
		{"twice, each parent ends first", 2, "1>2 1x=2/1 2>3 2x=3/2,done"},
		{"twice, ends are heard of late", 2, "1>2 2>3 2x=3/2,done"},
		{"the program's own exec", 1, "1e 1e 1>2 1x=2/1,done"},
		{"another program by itself", 2, "1>2 1x=2/1 2e=2/1,done,exec"},
		{"another program by itself, heard of late", 2, "1>2 2e 1x=2/1,done,exec"},
		{"start-stop-daemon --background", 1, "1>2 2e 1x=2/1,done"},
		{"helpers first", 1, "1>2 2e 2x 1>3 3x 1>4 1x=4/1,done"},
		{"a script that runs the daemon", 2, "1>2 2e 2>3 2x=3/1 3>4 3x=4/2,done"},
		{"a script that runs it in the background", 2, "1>2 2e 1>3 3e 3x 1x=2/1,done,exec"},
		{"a master stays", 1, "1>2 1>3 2x 3x 1>4"},
		{"workers of the first process", 1, "1>2 1x=2/1,done"},
		{"dies in the background", 2, "1>2 1x=2/1 2x=0/0,gone"},
		{"dies at once", 2, "1x=0/0,gone"},
		{"back over a dead one to the first", 3, "1>2 2>3 2x=3/2 3x=1/0 1>4 1x=4/1"},
		{"several live on: the eldest", 1, "1>3 1>2 1x=2/1,done"},
		{"unknown ones", 1, "7>8 8e 8x 1>2 1>2 1x=2/1,done"},
	} {
		tr := newTree(1, c.want, 5, func(pids []int) int { return slices.Min(pids) })
		for step := range strings.FieldsSeq(c.steps) {
			do, want, _ := strings.Cut(step, "=")
			var e Event
			var ok bool
			var a, b int
			switch {
			case strings.Contains(do, ">"):
				must(t, fmt.Sscanf, do, "%d>%d", &a, &b)
				e, ok = tr.forked(a, b)
			case strings.HasSuffix(do, "e"):
				must(t, fmt.Sscanf, do, "%de", &a)
				e, ok = tr.executed(a)
			default:
				must(t, fmt.Sscanf, do, "%dx", &a)
				e, ok = tr.exited(a)
			}
			got := ""
			if ok {
				got = fmt.Sprintf("%d/%d", e.Pid, e.Forks)
				for word, set := range map[string]bool{",done": e.Done, ",gone": e.Gone, ",lost": e.Lost} {
					if set {
						got += word
					}
				}
				if e.Exec {
					got += ",exec"
				}
			}
			if got != want || ok && e.Key != 5 {
				t.Errorf("%s: %s tells %q, want %q", c.name, do, got, want)
			}
		}
	}
}

func must(t *testing.T, scan func(string, string, ...any) (int, error), text, format string, args ...any) {
	t.Helper()
	if n, err := scan(text, format, args...); n < len(args) {
		t.Fatalf("%q: %v", text, err)
	}
}

// A program that forks without end is left alone.
func TestForksWithoutEnd(t *testing.T) {
	tr := newTree(1, 1, 5, func(pids []int) int { return slices.Min(pids) })
	for i := 2; ; i++ {
		e, ok := tr.forked(1, i)
		if ok {
			if !e.Lost || e.Seen != maxForks || e.Pid != 1 {
				t.Errorf("%+v", e)
			}
			return
		}
		if i > maxForks+2 {
			t.Fatal("it is followed for ever")
		}
		if _, ok := tr.exited(i); ok {
			t.Fatal("a helper is told")
		}
	}
}
