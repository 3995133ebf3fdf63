// SPDX-License-Identifier: Apache-2.0

package watch

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// bench is a directory, and what a Watcher told about names in it.
type bench struct {
	t    *testing.T
	dir  string
	w    *Watcher
	told []string
}

func newBench(t *testing.T) *bench {
	t.Helper()
	w, err := New(-1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return &bench{t: t, dir: dir, w: w}
}

func (b *bench) path(name string) string { return filepath.Join(b.dir, name) }

func (b *bench) record(e Event) {
	b.told = append(b.told, strings.TrimSpace([]string{"created", "replaced", "modified", "deleted"}[e.Op]+" "+e.Name))
}

// watch watches all names of a directory below the bench, or only one.
func (b *bench) watch(dir, exact string) *Watch {
	b.t.Helper()
	it, _, err := b.w.Add(Spec{Dir: b.path(dir), Exact: exact}, Ident{}, b.record)
	if err != nil {
		b.t.Fatal(err)
	}
	return it
}

// do runs a line of steps such as "mkdir a; write a/b; mv a c; rm c/b".
func (b *bench) do(line string) {
	b.t.Helper()
	for _, step := range strings.Split(line, "; ") {
		f := strings.Fields(step)
		var err error
		switch f[0] {
		case "mkdir":
			err = os.MkdirAll(b.path(f[1]), 0o755)
		case "write":
			err = os.WriteFile(b.path(f[1]), []byte(strings.Join(f, " ")), 0o644)
		case "touch":
			err = unix.Mknod(b.path(f[1]), unix.S_IFREG|0o644, 0)
		case "mv":
			err = os.Rename(b.path(f[1]), b.path(f[2]))
		case "link":
			err = os.Symlink(f[1], b.path(f[2]))
		case "rm":
			err = os.RemoveAll(b.path(f[1]))
		default:
			b.t.Fatalf("no step %q", step)
		}
		if err != nil {
			b.t.Fatalf("%s: %v", step, err)
		}
	}
}

// expect waits until exactly these were told, "; " between them.
func (b *bench) expect(want string) {
	b.t.Helper()
	deadline := time.Now().Add(2 * time.Second)
	for {
		got := strings.Join(b.told, "; ")
		// What comes on top is a defect, too: look once more when it is right.
		n, _ := unix.Poll([]unix.PollFd{{Fd: int32(b.w.FD()), Events: unix.POLLIN}}, 0)
		if n == 0 && got == want {
			b.told = nil
			return
		}
		left := time.Until(deadline)
		if left < 0 || n == 0 && len(got) > len(want) {
			b.t.Fatalf("told  %q\nwant %q", got, want)
		}
		_, _ = unix.Poll([]unix.PollFd{{Fd: int32(b.w.FD()), Events: unix.POLLIN}}, int(left.Milliseconds())+1)
		if err := b.w.Dispatch(); err != nil {
			b.t.Fatal(err)
		}
	}
}

func TestOneName(t *testing.T) {
	b := newBench(t)
	b.watch("", "f")
	for _, c := range []struct{ do, want string }{
		{"touch f", "created f"},
		{"touch other; write other", ""},
		{"write f", "modified f"},
		{"mv f g; write g", "deleted f"},
		{"mv g f", "created f"},
		{"touch h; mv h f", "replaced f"},
		{"rm f", "deleted f"},
		{"touch f; rm f; touch f", "created f; deleted f; created f"},
		{"rm f; link /nowhere f", "deleted f; created f"},
	} {
		b.do(c.do)
		b.expect(c.want)
	}
}

func TestParentsComeAndGo(t *testing.T) {
	b := newBench(t)
	it := b.watch("a/b/c", "f")
	for _, c := range []struct{ do, want string }{
		{"mkdir a", ""},
		{"mkdir a/b/c", "created"},
		{"touch a/b/c/f", "created f"},
		{"mv a x", "deleted f; deleted"},
		{"write x/b/c/f", ""},
		{"mkdir a/b/c", "created"},
		{"rm a/b", "deleted"},
		{"mv x/b a/b", "created; created f"},
		{"rm a", "deleted f; deleted"},
		{"touch a", ""},
		{"rm a; mkdir a/b/c; write a/b/c/f 1", "created; created f"},
		{"mkdir n/b/c; touch n/b/c/f; mv a old; mv n a", "replaced f"},
	} {
		b.do(c.do)
		b.expect(c.want)
	}
	b.w.Remove(it)
	if len(b.w.nodes) != 0 {
		t.Errorf("%d watches of the kernel are left", len(b.w.nodes))
	}
}

func TestLinksOnTheWay(t *testing.T) {
	b := newBench(t)
	b.do("mkdir v1; mkdir v2; touch v2/f; link v1 current")
	b.watch("current", "f")
	b.do("touch v1/f")
	b.expect("created f")
	b.do("link v2 next; mv next current")
	b.expect("replaced f")
	b.do("rm v1")
	b.expect("")
	b.do("rm current; link later/on current")
	b.expect("deleted f; deleted")
	b.do("mkdir later/on; touch later/on/f")
	b.expect("created; created f")
	b.do("rm current; link current current")
	b.expect("deleted f; deleted")
	if b.w.Broken() == nil {
		t.Error("a link to itself is followed")
	}
}

func TestPattern(t *testing.T) {
	b := newBench(t)
	b.do("touch a.crash; touch b")
	it, _, err := b.w.Add(Spec{Dir: b.dir, Match: func(n string) bool { return strings.HasSuffix(n, ".crash") }}, Ident{}, b.record)
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(it.Names(), it.Present()); got != "[a.crash] true" {
		t.Errorf("there is %s", got)
	}
	b.do("touch c.crash; touch d; rm b; rm a.crash")
	b.expect("created c.crash; deleted a.crash")
}

// TestOverflow: what the kernel had no room for is found by looking.
func TestOverflow(t *testing.T) {
	b := newBench(t)
	b.do("write old 1; touch gone; touch same; touch d")
	b.watch("", "")
	b.do("write old 22; rm gone; touch new; touch e; mv e d")
	drain(t, b.w.fd)
	b.w.one(-1, unix.IN_Q_OVERFLOW, "")
	b.w.clean()
	b.expect("replaced d; deleted gone; created new; modified old")
}

// drain throws away what is queued, as an overflow does.
func drain(t *testing.T, fd int) {
	t.Helper()
	var buf [16 << 10]byte
	for {
		if _, err := unix.Read(fd, buf[:]); err == unix.EAGAIN {
			return
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

// TestNextLife: the descriptor outlives its Watcher, and nothing is missed or
// told twice.
func TestNextLife(t *testing.T) {
	b := newBench(t)
	b.do("mkdir stays; mkdir goes; touch stays/old; touch stays/out; touch goes/old")
	first := b.watch("stays", "")
	second := b.watch("goes", "")
	stays, goes := first.Ident(), second.Ident()
	fd, err := unix.Dup(b.w.fd)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	b.do("touch stays/new; rm stays/out; mv goes gone; mkdir goes; touch goes/young")
	if b.w, err = New(fd); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		dir    string
		before Ident
		want   bool
	}{{"stays", stays, true}, {"goes", goes, false}} {
		it, resumed, err := b.w.Add(Spec{Dir: b.path(c.dir)}, c.before, b.record)
		if err != nil || resumed != c.want {
			t.Fatalf("%s is resumed: %v, %v", c.dir, resumed, err)
		}
		if names := it.Names(); c.dir == "goes" && fmt.Sprint(names) != "[young]" {
			t.Errorf("%s has %v", c.dir, names)
		}
	}
	if err := b.w.Resume(); err != nil {
		t.Fatal(err)
	}
	b.expect("created new; deleted out")
	b.do("touch stays/newer; rm stays/old")
	b.expect("created newer; deleted old")
}

func TestManyNamesAreNotRemembered(t *testing.T) {
	b := newBench(t)
	b.watch("", "")
	it := b.w.watches[0]
	for i := range maxKnown + 1 {
		it.know(fmt.Sprint(i), stamp{})
	}
	if it.known != nil {
		t.Fatal("there is no limit")
	}
	b.do("touch a; rm a")
	b.expect("created a; deleted a")
}

// TestRemovedWhileTelling: a function may remove watches, its own too.
func TestRemovedWhileTelling(t *testing.T) {
	b := newBench(t)
	var all []*Watch
	for range 3 {
		it, _, err := b.w.Add(Spec{Dir: b.dir}, Ident{}, func(e Event) {
			b.record(e)
			for _, it := range all {
				b.w.Remove(it)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, it)
	}
	b.do("touch a; touch b")
	b.expect("created a")
	if len(b.w.nodes) != 0 || len(b.w.watches) != 0 {
		t.Errorf("left: %d, %d", len(b.w.nodes), len(b.w.watches))
	}
}
