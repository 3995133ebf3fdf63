// SPDX-License-Identifier: Apache-2.0

package statelog

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func newLog(t testing.TB, c *Codec) *Log {
	t.Helper()
	l, err := Create(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func mustAppend(t testing.TB, l *Log, now int64, v any) {
	t.Helper()
	if err := l.Append(now, v); err != nil {
		t.Fatal(err)
	}
	l.Done()
}

// contentOf reads the whole file.
func contentOf(t testing.TB, l *Log) []byte {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Fstat(l.fd, &st); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, st.Size)
	if n, err := unix.Pread(l.fd, b, 0); err != nil || n != len(b) {
		t.Fatal(n, err)
	}
	return b
}

// imageFile makes a file as another process would have left it: segment at
// the offset at, behind a good header that leads there.
func imageFile(t testing.TB, segment []byte, at int64) int {
	t.Helper()
	fd, err := unix.MemfdCreate("image", unix.MFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Ftruncate(fd, headerSize); err != nil {
		t.Fatal(err)
	}
	h, err := mapHeader(fd)
	if err != nil {
		t.Fatal(err)
	}
	h.init()
	h.setActive(uint64(at))
	h.unmap()
	if err := writeAll(fd, segment, at); err != nil {
		t.Fatal(err)
	}
	return fd
}

// rawFile makes a file with this content.
func rawFile(t testing.TB, content []byte) int {
	t.Helper()
	fd, err := unix.MemfdCreate("raw", unix.MFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	if err := writeAll(fd, content, 0); err != nil {
		t.Fatal(err)
	}
	return fd
}

// told prints what a log says: the snapshot's name, and the records.
func told(t testing.TB, l *Log) string {
	t.Helper()
	var s everything
	found, err := l.Snapshot(&s)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if found {
		fmt.Fprintf(&b, "[%s]", s.S)
	}
	for r, err := range l.Records() {
		if err != nil {
			t.Fatal(err)
		}
		mark := ""
		if r.Poisoned {
			mark = "!"
		}
		fmt.Fprintf(&b, " %d@%d=%d%s", r.Seq, r.Now, r.Input.(exited).Pid, mark)
	}
	return strings.TrimSpace(b.String())
}

// reopen opens the same file again, as a new manager does.
func reopen(t testing.TB, l *Log, c *Codec) *Log {
	t.Helper()
	fd, err := unix.FcntlInt(uintptr(l.fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	n, err := Open(fd, c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = n.Close() })
	return n
}

func TestLogIsReadAgain(t *testing.T) {
	c := testCodec(t)
	l := newLog(t, c)
	if got := told(t, reopen(t, l, c)); got != "" {
		t.Errorf("an empty log says %q", got)
	}
	mustAppend(t, l, 10, exited{Pid: 100})
	mustAppend(t, l, -11, exited{Pid: 101})
	l2 := reopen(t, l, c)
	if got := told(t, l2); got != "1@10=100 2@-11=101" {
		t.Errorf("got %q", got)
	}
	mustAppend(t, l2, 12, exited{Pid: 102})
	if err := l2.Compact(&everything{S: "after 3"}); err != nil {
		t.Fatal(err)
	}
	mustAppend(t, l2, 13, exited{Pid: 103})
	l3 := reopen(t, l2, c)
	if got := told(t, l3); got != "[after 3] 4@13=103" {
		t.Errorf("got %q", got)
	}
	if l3.Seq() != 4 || l3.Foreign() {
		t.Errorf("Seq %d, Foreign %v", l3.Seq(), l3.Foreign())
	}
	if _, err := l2.Snapshot(&everything{}); !errors.Is(err, errReleased) {
		t.Errorf("a log that was written to gives %v", err)
	}
}

func TestUnwritableInputLeavesTheLogAlone(t *testing.T) {
	c := testCodec(t)
	l := newLog(t, c)
	mustAppend(t, l, 1, exited{Pid: 1})
	if err := l.Append(2, unknown{}); err == nil {
		t.Error("a type that is not registered was written")
	}
	if err := l.Compact(5); err == nil {
		t.Error("a number was taken for a state")
	}
	mustAppend(t, l, 3, exited{Pid: 3})
	if got := told(t, reopen(t, l, c)); got != "1@1=1 2@3=3" {
		t.Errorf("got %q", got)
	}
}

// A death can cut a write at any byte.
func TestTornAppend(t *testing.T) {
	c := testCodec(t)
	l := newLog(t, c)
	ends := []int64{l.end}
	for i := range 4 {
		mustAppend(t, l, int64(i), exited{Pid: int32(1000 + i), Status: 3})
		ends = append(ends, l.end)
	}
	image := contentOf(t, l)
	whole := strings.Fields(told(t, reopen(t, l, c)))
	for cut := ends[0]; cut <= ends[4]; cut++ {
		for _, tail := range []string{"", "\xff\xff\xff\xff garbage", string(make([]byte, 40))} {
			n := 0
			for ends[n+1] <= cut {
				if n++; n == 4 {
					break
				}
			}
			l, err := Open(rawFile(t, append(image[:cut:cut], tail...)), c)
			if err != nil {
				t.Fatalf("cut at %d: %v", cut, err)
			}
			if got, want := told(t, l), strings.Join(whole[:n], " "); got != want {
				t.Fatalf("cut at %d, tail %q: got %q, want %q", cut, tail, got, want)
			}
			mustAppend(t, l, 9, exited{Pid: 9})
			if got := told(t, reopen(t, l, c)); !strings.HasSuffix(got, fmt.Sprintf("%d@9=9", n+1)) {
				t.Fatalf("cut at %d: after one more: %q", cut, got)
			}
			_ = l.Close()
		}
	}
}

// The same while a new segment is written: the old content counts until the
// header says otherwise, and then the new one.
func TestTornCompact(t *testing.T) {
	c := testCodec(t)
	l := newLog(t, c)
	mustAppend(t, l, 1, exited{Pid: 1})
	if err := l.Compact(&everything{S: "first"}); err != nil {
		t.Fatal(err)
	}
	mustAppend(t, l, 2, exited{Pid: 2})
	end := l.end
	snapshot, err := c.Append(nil, &everything{S: "second"})
	if err != nil {
		t.Fatal(err)
	}
	at := (l.end + pageSize - 1) &^ (pageSize - 1)
	seg, err := l.writeSegment(at, snapshot, true)
	if err != nil {
		t.Fatal(err)
	}
	before := contentOf(t, l)
	for cut := end; cut <= int64(len(before)); cut++ {
		if cut > end+100 && cut < at {
			cut = at
		}
		l, err := Open(rawFile(t, before[:cut]), c)
		if err != nil {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		if got := told(t, l); got != "[first] 2@2=2" {
			t.Fatalf("cut at %d: got %q", cut, got)
		}
		_ = l.Close()
	}
	l.head.setActive(uint64(seg.start)) // and death before the old pages are freed
	if got := told(t, reopen(t, l, c)); got != "[second]" {
		t.Errorf("after the switch: %q", got)
	}
}

func TestCompactFreesMemory(t *testing.T) {
	c := testCodec(t)
	l := newLog(t, c)
	big := blob{Name: strings.Repeat("x", 100<<10)}
	for round := range 3 {
		n := 0
		for !l.Full() {
			mustAppend(t, l, 0, big)
			n++
		}
		if n < 80 || n > 90 {
			t.Errorf("round %d: full after %d records of 100 KiB", round, n)
		}
		if err := l.Compact(&everything{}); err != nil {
			t.Fatal(err)
		}
	}
	var st unix.Stat_t
	if err := unix.Fstat(l.fd, &st); err != nil {
		t.Fatal(err)
	}
	if used := st.Blocks * 512; used > 64<<10 {
		t.Errorf("%d bytes in use after compaction (size %d)", used, st.Size)
	}
}

func TestPoison(t *testing.T) {
	c := testCodec(t)
	l := newLog(t, c)
	mustAppend(t, l, 1, exited{Pid: 1})
	if err := l.Append(2, exited{Pid: 2}); err != nil { // death while it is applied
		t.Fatal(err)
	}
	dieAt := func(l *Log, seq uint64) {
		for r := range l.Records() {
			if r.Seq == seq {
				l.head.setApplying(seq)
				break
			}
		}
		l.head.setApplying(seq) // the iterator's end took it back, which no dead manager does
	}
	// One death, then a manager that gets past it and dies at rest: all is good.
	if got := told(t, reopen(t, l, c)); got != "1@1=1 2@2=2" {
		t.Fatalf("after one death: %q", got)
	}
	dieAt(reopen(t, l, c), 2)
	if got := told(t, reopen(t, l, c)); got != "1@1=1 2@2=2" {
		t.Fatalf("after two deaths, not in a row: %q", got)
	}
	// Two in a row.
	dieAt(reopen(t, l, c), 2)
	dieAt(reopen(t, l, c), 2)
	if got := told(t, reopen(t, l, c)); got != "1@1=1 2@2=2!" {
		t.Fatalf("after two deaths in a row: %q", got)
	}
	// It stays set aside, and a second one can be.
	l4 := reopen(t, l, c)
	mustAppend(t, l4, 3, exited{Pid: 3})
	l4.Mark(3)
	dieAt(reopen(t, l, c), 3)
	if got := told(t, reopen(t, l, c)); got != "1@1=1 2@2=2! 3@3=3!" {
		t.Fatalf("a second poisoned record: %q", got)
	}
}

func TestOtherBuildsLog(t *testing.T) {
	old := testCodec(t)
	c, err := NewCodec(exited{}, everything{})
	if err != nil {
		t.Fatal(err)
	}
	l := newLog(t, old)
	if err := l.Compact(&everything{S: "old", Any: square{}}); err != nil {
		t.Fatal(err)
	}
	mustAppend(t, l, 1, exited{Pid: 1})
	mustAppend(t, l, 2, blob{Name: "not known"})
	mustAppend(t, l, 3, exited{Pid: 3})
	l2 := reopen(t, l, c)
	if !l2.Foreign() {
		t.Error("another build's log is not seen as such")
	}
	var pids []int32
	for r, err := range l2.Records() {
		if r.Seq == 2 {
			if !errors.Is(err, ErrUnknownType) || !strings.Contains(err.Error(), "statelog.blob") {
				t.Errorf("record of an unknown type: %v", err)
			}
			continue
		}
		pids = append(pids, r.Input.(exited).Pid)
	}
	if fmt.Sprint(pids) != "[1 3]" {
		t.Errorf("got %v", pids)
	}
	if err := l2.Append(4, exited{}); !errors.Is(err, ErrForeign) {
		t.Errorf("Append gives %v", err)
	}
	if err := l2.Compact(&everything{S: "new"}); err != nil {
		t.Fatal(err)
	}
	mustAppend(t, l2, 5, exited{Pid: 5})
	if got := told(t, reopen(t, l2, c)); got != "[new] 4@5=5" {
		t.Errorf("got %q", got)
	}
}

func TestWhatIsNoLog(t *testing.T) {
	c := testCodec(t)
	for name, content := range map[string][]byte{
		"empty": nil, "short": []byte("x"), "zeros": make([]byte, 2*headerSize), "text": []byte(strings.Repeat("no log ", 30000)),
	} {
		if _, err := Open(rawFile(t, content), c); !errors.Is(err, errCorrupt) {
			t.Errorf("%s: %v", name, err)
		}
	}
	l := newLog(t, c)
	image := contentOf(t, l)
	for _, at := range []int64{headerSize, headerSize + 9, headerSize + 36, int64(len(image)) - 1} {
		bad := append([]byte(nil), image...)
		bad[at] ^= 1
		if _, err := Open(rawFile(t, bad), c); err == nil {
			t.Errorf("a flipped bit at %d was not noticed", at)
		}
	}
}

func BenchmarkAppend(b *testing.B) {
	c := testCodec(b)
	l := newLog(b, c)
	var in input = exited{Pid: 4711, Code: 1}
	b.ReportAllocs()
	for b.Loop() {
		if err := l.Append(1, in); err != nil {
			b.Fatal(err)
		}
		l.Done()
		if l.Full() {
			if err := l.Compact(&everything{}); err != nil {
				b.Fatal(err)
			}
		}
	}
}
