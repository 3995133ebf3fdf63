// SPDX-License-Identifier: Apache-2.0

package manager

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestOutputHasTheNameInFront(t *testing.T) {
	var print bytes.Buffer
	o, err := openOutput(t.TempDir(), &print, false)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(o.inotify)
	write := func(text string) {
		t.Helper()
		f, err := os.OpenFile(o.path("web.service"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if _, err := f.WriteString(text); err != nil {
			t.Fatal(err)
		}
		o.changed()
	}
	write("one\ntw")
	if got := print.String(); got != "web | one\n" {
		t.Errorf("printed %q", got)
	}
	write("o\nthree")
	o.forget("web.service")
	if got := print.String(); got != "web | one\nweb | two\nweb | three\n" {
		t.Errorf("printed %q", got)
	}
	if got := o.tail("web.service", 2); len(got) != 2 || got[1] != "three" {
		t.Errorf("the tail is %q", got)
	}
}

func TestOutputStaysInBounds(t *testing.T) {
	o, err := openOutput(t.TempDir(), nil, false)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(o.inotify)
	f, err := os.OpenFile(o.path("web.service"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	line := strings.Repeat("x", 1023) + "\n"
	for range 4096 {
		if _, err := f.WriteString(line); err != nil {
			t.Fatal(err)
		}
	}
	o.changed()
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		t.Fatal(err)
	}
	if st.Blocks*512 > outputMax {
		t.Skipf("this file system keeps the blocks of punched holes: %d", st.Blocks*512)
	}
	if got := o.tail("web.service", 10); len(got) != 10 || got[9] != strings.TrimSuffix(line, "\n") {
		t.Errorf("the last lines are gone")
	}
}
