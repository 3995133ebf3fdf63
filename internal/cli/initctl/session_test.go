// SPDX-License-Identifier: Apache-2.0

package initctl

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rouse-init/rouse/internal/bus/client"
)

func TestSessionFile(t *testing.T) {
	dir := t.TempDir()
	getenv := func(string) string { return dir }
	const socket = "/run/a b,c/ü"
	if err := WriteSession(getenv, 4711, socket); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "upstart", "sessions", "4711.session")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	address, ok := strings.CutPrefix(strings.TrimSuffix(string(text), "\n"), "UPSTART_SESSION=")
	names, err := client.ParseAddress(address)
	if !ok || err != nil || len(names) != 1 || names[0] != socket {
		t.Errorf("%q leads to %q (%v), want %q", text, names, err, socket)
	}
	list, err := sessions(filepath.Dir(path))
	if err != nil || len(list) != 1 || list[0].pid != 4711 || list[0].address != address {
		t.Errorf("%v %v", list, err)
	}
	RemoveSession(getenv, 4711)
	if list, err := sessions(filepath.Dir(path)); err != nil || len(list) != 0 {
		t.Errorf("after its end: %v %v", list, err)
	}
	if err := WriteSession(func(string) string { return "" }, 1, socket); err != nil {
		t.Errorf("without XDG_RUNTIME_DIR: %v", err)
	}
}

// TestLine has the lines of the manual page.
func TestLine(t *testing.T) {
	for want, s := range map[string]state{
		"job start/running, process 1234\n":                                  {job: "job", goal: "start", state: "running", processes: []process{{"main", 1234}}},
		"job start/pre-start, process 902\n":                                 {job: "job", goal: "start", state: "pre-start", processes: []process{{"pre-start", 902}}},
		"job start/post-start, process 1234\n\tpost-start process 1357\n":    {job: "job", goal: "start", state: "post-start", processes: []process{{"main", 1234}, {"post-start", 1357}}},
		"job start/post-start, (post-start) process 1357\n":                  {job: "job", goal: "start", state: "post-start", processes: []process{{"post-start", 1357}}},
		"job (tty1) start/pre-stop, process 1234\n\tpre-stop process 1357\n": {job: "job", instance: "tty1", goal: "start", state: "pre-stop", processes: []process{{"main", 1234}, {"pre-stop", 1357}}},
	} {
		if got := s.line(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if got := resting("job").line(); got != "job stop/waiting\n" {
		t.Errorf("a job that rests: %q", got)
	}
}

func TestBracketed(t *testing.T) {
	for want, expr := range map[string][][]string{
		"":                     nil,
		"runlevel [2345]":      {{"runlevel", "[2345]"}},
		"((a or b) and c X=1)": {{"a"}, {"b"}, {"/OR"}, {"c", "X=1"}, {"/AND"}},
		"(a and (b or c))":     {{"a"}, {"b"}, {"c"}, {"/OR"}, {"/AND"}},
	} {
		if got := bracketed(expr); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
