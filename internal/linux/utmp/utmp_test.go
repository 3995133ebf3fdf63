// SPDX-License-Identifier: Apache-2.0

package utmp

import (
	"bytes"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// moment has no fraction below the microseconds that a record can hold.
var moment = time.Unix(1700000000, 250000000)

func empty(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "utmp")
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestLayout checks each field's place by hand, in both layouts.
func TestLayout(t *testing.T) {
	r := Record{Type: User, PID: 0x01020304, Line: "pts/1", ID: "ts/1", User: "joe", Host: "there", Time: moment}
	for _, c := range []struct {
		name string
		l    layout
		sec  string
	}{
		{"shared", shared, "00f15365" + "90d00300"},
		{"separate", separate, "00f1536500000000" + "90d0030000000000"},
	} {
		b := r.append(nil, c.l)
		if len(b) != c.l.size {
			t.Errorf("%s: %d bytes, want %d", c.name, len(b), c.l.size)
		}
		for at, want := range map[int]string{0: "07000000", 4: "04030201", 8: hex.EncodeToString([]byte("pts/1\x00")), 40: hex.EncodeToString([]byte("ts/1")), 44: hex.EncodeToString([]byte("joe\x00")), 76: hex.EncodeToString([]byte("there\x00")), c.l.sec: c.sec} {
			if got := hex.EncodeToString(b[at : at+len(want)/2]); got != want {
				t.Errorf("%s: at %d %s, want %s", c.name, at, got, want)
			}
		}
		if d := cmp.Diff(r, parse(b, c.l)); d != "" {
			t.Errorf("%s: does not come back: %s", c.name, d)
		}
	}
}

func TestLongTextsAreCut(t *testing.T) {
	r := Record{Type: User, Line: strings.Repeat("l", 99), ID: "12345", User: strings.Repeat("u", 99), Host: strings.Repeat("h", 999)}
	got := parse(r.Append(nil), host())
	if len(got.Line) != lineLen || got.ID != "1234" || len(got.User) != userLen || len(got.Host) != hostLen {
		t.Errorf("%d %q %d %d", len(got.Line), got.ID, len(got.User), len(got.Host))
	}
}

func TestPutReplaces(t *testing.T) {
	path := empty(t)
	for _, r := range []Record{
		{Type: BootTime, User: "reboot"},
		{Type: Login, ID: "tty1", User: "LOGIN"},
		{Type: Login, ID: "tty2", User: "LOGIN"},
		{Type: User, ID: "tty1", User: "joe"},
		{Type: Runlevel, PID: 'N'},
		{Type: Runlevel, PID: '2'},
	} {
		if err := Put(path, r); err != nil {
			t.Fatal(err)
		}
	}
	list, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	want := []Record{{Type: BootTime, User: "reboot"}, {Type: User, ID: "tty1", User: "joe"}, {Type: Login, ID: "tty2", User: "LOGIN"}, {Type: Runlevel, PID: '2'}}
	if d := cmp.Diff(want, list); d != "" {
		t.Error(d)
	}
}

func TestAddMendsHalfARecord(t *testing.T) {
	path := empty(t)
	if err := Add(path, Record{Type: BootTime}); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = f.Write(bytes.Repeat([]byte{1}, 100))
	f.Close()
	if err := Add(path, Record{Type: User, User: "joe"}); err != nil {
		t.Fatal(err)
	}
	list, err := Read(path)
	if err != nil || len(list) != 2 || list[1].User != "joe" {
		t.Errorf("%v %v", list, err)
	}
}

func TestLevels(t *testing.T) {
	utmp, wtmp := empty(t), filepath.Join(t.TempDir(), "wtmp")
	if _, _, ok, err := Levels(utmp); ok || err != nil {
		t.Errorf("of an empty file: %v %v", ok, err)
	}
	for _, step := range []struct{ now, before string }{{"S", "N"}, {"2", "S"}, {"0", "2"}} {
		if err := SetLevels(utmp, wtmp, step.now, step.before, "6.1", moment); err != nil {
			t.Fatal(err)
		}
		now, before, ok, err := Levels(utmp)
		if now != step.now || before != step.before || !ok || err != nil {
			t.Errorf("%s %s %v %v, want %v", now, before, ok, err, step)
		}
	}
	if _, err := os.Stat(wtmp); err == nil {
		t.Error("wtmp was made, though nobody wants it")
	}
	if info, err := os.Stat(utmp); err != nil || info.Size() != int64(Size()) {
		t.Errorf("%v %v: want one record", info.Size(), err)
	}
	if _, _, _, err := Levels(wtmp); err == nil {
		t.Error("no error without a file")
	}
}

// TestLockedFile: a lock that somebody holds ends in an error and does not
// hold up a shutdown.
func TestLockedFile(t *testing.T) {
	path := empty(t)
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &unix.Flock_t{Type: unix.F_RDLCK}); err != nil {
		t.Fatal(err)
	}
	if err := Put(path, Record{Type: BootTime}); err == nil || !strings.Contains(err.Error(), "cannot lock") {
		t.Errorf("%v, want an error about the lock", err)
	}
}

// TestWho has the programs that read such files read ours.
func TestWho(t *testing.T) {
	who, err := exec.LookPath("who")
	if err != nil {
		t.Skip("who(1) is not installed")
	}
	path := empty(t)
	if err := Put(path, Record{Type: User, PID: int32(os.Getpid()), Line: "pts/77", ID: "77", User: "joe", Host: "there", Time: moment}); err != nil {
		t.Fatal(err)
	}
	if err := SetLevels(path, "", "2", "S", "6.1", moment); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(who, "-r", "-u", path)
	cmd.Env = []string{"TZ=UTC", "LC_ALL=C"}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, want := range []string{"joe", "pts/77", "2023-11-14 22:13", "run-level 2", "last=S"} {
		if !strings.Contains(strings.ReplaceAll(string(out), "Nov 14 22:13", "2023-11-14 22:13"), want) {
			t.Errorf("%q is not in:\n%s", want, out)
		}
	}
}

func FuzzRead(f *testing.F) {
	r := Record{Type: Runlevel, PID: '2', Time: moment}
	f.Add(r.Append(nil))
	f.Add([]byte("half a record"))
	f.Fuzz(func(t *testing.T, b []byte) {
		list, err := read(bytes.NewReader(b), host())
		if err != nil || len(list) != len(b)/Size() {
			t.Errorf("%d records of %d bytes: %v", len(list), len(b), err)
		}
	})
}
