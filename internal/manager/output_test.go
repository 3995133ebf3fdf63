// SPDX-License-Identifier: Apache-2.0

package manager

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// written is the output of web.service, as it has it.
func written(t *testing.T, o *output) *os.File {
	t.Helper()
	f, err := os.OpenFile(o.path("web.service"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func TestOutputHasTheNameInFront(t *testing.T) {
	var print bytes.Buffer
	o, err := openOutput(t.TempDir(), &print, false)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(o.inotify)
	write := func(text string) {
		t.Helper()
		f := written(t, o)
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

// What a service writes while its earlier lines are being printed is told of
// again, or printed with them; the end of the unit waits for nothing.
func TestOutputWrittenMeanwhile(t *testing.T) {
	var o *output
	var print meanwhile
	o, err := openOutput(t.TempDir(), &print, false)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(o.inotify)
	f := written(t, o)
	write := func(text string) {
		t.Helper()
		if _, err := f.WriteString(text); err != nil {
			t.Fatal(err)
		}
	}
	o.opened("web.service")
	print.then = func() { write("two\n") }
	write("one\n")
	for fds := []unix.PollFd{{Fd: int32(o.inotify), Events: unix.POLLIN}}; ; o.changed() {
		if n, err := unix.Poll(fds, 0); n == 0 || err != nil {
			break
		}
	}
	if got := print.String(); got != "web | one\nweb | two\n" {
		t.Errorf("printed %q", got)
	}
	write("last words")
	o.forget("web.service")
	if got := print.String(); got != "web | one\nweb | two\nweb | last words\n" {
		t.Errorf("printed %q", got)
	}
}

// meanwhile does something once, at the first line that it is given.
type meanwhile struct {
	bytes.Buffer
	then func()
}

func (m *meanwhile) Write(b []byte) (int, error) {
	if then := m.then; then != nil {
		m.then = nil
		then()
	}
	return m.Buffer.Write(b)
}

func TestOutputStaysInBounds(t *testing.T) {
	o, err := openOutput(t.TempDir(), nil, false)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(o.inotify)
	f := written(t, o)
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
