// SPDX-License-Identifier: Apache-2.0

package source

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

func (r *rig) write(name string) {
	r.t.Helper()
	if err := os.WriteFile(filepath.Join(r.dir, name), []byte("x"), 0o644); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) mkdir(name string) {
	r.t.Helper()
	if err := os.MkdirAll(filepath.Join(r.dir, name), 0o755); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) rename(from, to string) {
	r.t.Helper()
	if err := os.Rename(filepath.Join(r.dir, from), filepath.Join(r.dir, to)); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) remove(name string) {
	r.t.Helper()
	if err := os.RemoveAll(filepath.Join(r.dir, name)); err != nil {
		r.t.Fatal(err)
	}
}

func TestOneFile(t *testing.T) {
	r := newRig(t)
	f := r.dir + "/app.pid"
	file := func(event string) string { return "file FILE=" + f + " EVENT=" + event }
	r.set.Want([]Wanted{term("file FILE=" + f)})
	r.expect()
	r.write("app.pid")
	r.expect(file("create"), file("modify"))
	r.write("other")
	r.expect()
	r.rename("other", "app.pid")
	r.expect(file("create"))
	r.remove("app.pid")
	r.expect(file("delete"))
	r.set.Want([]Wanted{term(file("modify"))})
	r.write("app.pid")
	r.expect(file("modify"))
	r.write("other")
	r.rename("other", "app.pid")
	r.expect(file("modify")) // who waits for changes alone is told of a rename, too
	r.set.Want([]Wanted{term("file FILE=" + f + " EVENT!=modify")})
	r.write("app.pid")
	r.remove("app.pid")
	r.expect(file("delete"))
}

// TestFileThatIsThere follows upstart-file-bridge(8): what exists when a job is
// registered is told as created, to each new job once.
func TestFileThatIsThere(t *testing.T) {
	r := newRig(t)
	r.write("there")
	r.write("a.crash")
	r.write("b.crash")
	f := "file FILE=" + r.dir + "/there"
	one := []Wanted{term(f), termOf("late.service", "file FILE="+r.dir+"/*.crash EVENT=create"), termOf("not.service", f+" EVENT=delete")}
	r.set.Want(one)
	if len(r.told) != 0 {
		t.Error("Want itself emits")
	}
	glob := "file FILE=" + r.dir + "/*.crash EVENT=create MATCH=" + r.dir
	r.expect(f+" EVENT=create", glob+"/a.crash", glob+"/b.crash")
	r.set.Want(one)
	r.expect()
	r.set.Want(append(one, termOf("new.service", f+" EVENT=create")))
	r.expect(f + " EVENT=create")
	r.write("c.crash")
	r.expect(glob + "/c.crash")
}

// TestDirectory: the directory is created and deleted, and modified by all
// that happens in it.
func TestDirectory(t *testing.T) {
	r := newRig(t)
	dir := "file FILE=" + r.dir + "/spool/queue/"
	modified := dir + " EVENT=modify MATCH=" + r.dir + "/spool/queue/"
	r.set.Want([]Wanted{term(dir)})
	r.expect()
	r.mkdir("spool/queue")
	r.expect(dir + " EVENT=create")
	r.write("spool/queue/d0001")
	r.expect(modified+"d0001", modified+"d0001")
	r.remove("spool/queue/d0001")
	r.expect(modified + "d0001")
	r.remove("spool")
	r.expect(dir + " EVENT=delete")
}

// TestWorkInQueue is the second leg of the CUPS example: work that is in the
// queue already counts, an empty queue does not.
func TestWorkInQueue(t *testing.T) {
	r := newRig(t)
	r.mkdir("queue")
	dir := "file FILE=" + r.dir + "/queue/ EVENT=modify"
	r.set.Want([]Wanted{term(dir)})
	r.expect()
	r.set.Want(nil)
	r.write("queue/d0002")
	r.write("queue/d0001")
	r.set.Want([]Wanted{term(dir)})
	r.expect(dir + " MATCH=" + r.dir + "/queue/d0001")
}

// TestFilesOverDeath: nothing is missed and nothing is told twice when the
// manager dies.
func TestFilesOverDeath(t *testing.T) {
	r := newRig(t)
	r.write("there")
	terms := []Wanted{term("file FILE=" + r.dir + "/there"), term("file FILE=" + r.dir + "/new/*")}
	r.set.Want(terms)
	r.expect("file FILE=" + r.dir + "/there EVENT=create")
	r.die(terms...)
	r.expect()
	r.set.Close() // dead, and meanwhile:
	r.remove("there")
	r.mkdir("new")
	r.write("new/x")
	r.die(terms...)
	r.expect("file FILE="+r.dir+"/new/* EVENT=create MATCH="+r.dir+"/new/x", "file FILE="+r.dir+"/there EVENT=delete")
	r.write("new/y")
	r.expect("file FILE="+r.dir+"/new/* EVENT=create MATCH="+r.dir+"/new/y", "file FILE="+r.dir+"/new/* EVENT=modify MATCH="+r.dir+"/new/y")
}

// TestBusyDirectory: a directory that changes all the time is told, but does
// not keep the loop from all else.
func TestBusyDirectory(t *testing.T) {
	r := newRig(t)
	r.mkdir("busy")
	r.set.Want([]Wanted{term("file FILE=" + r.dir + "/busy/* EVENT=create")})
	const n = filesBurst + filesBurst/4
	for i := range n {
		if err := unix.Mknod(fmt.Sprintf("%s/busy/%d", r.dir, i), unix.S_IFREG|0o644, 0); err != nil {
			t.Fatal(err)
		}
	}
	turns := 0
	for len(r.told) < n && turns < 100*n {
		r.turn(0)
		if r.set.files.paused {
			if len(r.told) < filesBurst {
				t.Fatalf("a pause after %d events", len(r.told))
			}
			r.ahead += filesTime
		}
		turns++
	}
	if len(r.told) != n {
		t.Errorf("%d of %d were told", len(r.told), n)
	}
}

func TestFilesOfUsers(t *testing.T) {
	r := newRig(t)
	t.Setenv("HOME", r.dir)
	for _, name := range []string{"~/f", "./f", "f"} {
		r.set.c.User = false
		r.said = nil
		r.set.Want([]Wanted{term("file FILE=" + name + " EVENT=create")})
		if !r.saidLike("expected FILE= as an absolute path") {
			t.Errorf("%s: said %q", name, r.said)
		}
		r.set.c.User = true
		r.set.Want([]Wanted{term("file FILE=" + name + " EVENT=create")})
		r.write("f")
		r.expect("file FILE=" + name + " EVENT=create")
		r.remove("f")
		r.set.Want(nil)
	}
}

func TestFilesThatCannotBe(t *testing.T) {
	r := newRig(t)
	for text, want := range map[string]string{
		"file":                         "expected FILE=",
		"file FILE=/a/*/b":             "only in the last part",
		"file FILE=/a/..":              "expected a name",
		"file FILE=/a/[[:digit:]]":     "not supported",
		"file FILE=/a/[b":              "expected a pattern",
		"file FILE=/run/$INSTANCE.pid": "has a variable",
		"file FILE=/a EVENT=changed":   "expected EVENT=",
		"file FILE=/a FILE=/b":         "given twice",
	} {
		r.said = nil
		r.set.Want([]Wanted{term(text)})
		if !r.saidLike(want) {
			t.Errorf("%s: said %q", text, r.said)
		}
		// Said once while it stays.
		n := len(r.said)
		r.set.Want([]Wanted{term(text)})
		if len(r.said) != n {
			t.Errorf("%s: said again: %q", text, r.said)
		}
	}
}

// TestNothingWantedCostsNothing: no descriptor, no timer.
func TestNothingWantedCostsNothing(t *testing.T) {
	r := newRig(t)
	before := openFiles(t)
	all := []Wanted{
		term("file FILE=" + r.dir + "/x"), term("calendar SPEC=daily"), term("net-device-added"), term("socket unix " + r.dir + "/s"),
		term("idle"),
	}
	r.set.Want(all)
	r.set.Want([]Wanted{term("started apache"), term("device-not-ready")})
	r.set.Tick(r.now())
	if _, ok := r.set.Next(); ok {
		t.Error("a timer is left")
	}
	if after := openFiles(t); after != before {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
	if len(r.store) != 0 {
		t.Errorf("the guardian still has %v", r.store)
	}
}

func openFiles(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skipf("no /proc: %v", err)
	}
	return len(list)
}

// TestMountOverDirectory: what is mounted over a directory is the directory,
// as at boot, when /var comes.
func TestMountOverDirectory(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root mounts")
	}
	runtime.LockOSThread() // and never unlock: the thread ends with the test
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		t.Skipf("no mount namespace here: %v", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		t.Skipf("mounts cannot be made private: %v", err)
	}
	r := newRig(t)
	r.mkdir("var/spool")
	r.write("var/spool/below")
	glob := "file FILE=" + r.dir + "/var/spool/*"
	r.set.Want([]Wanted{term(glob)})
	r.expect(glob + " EVENT=create MATCH=" + r.dir + "/var/spool/below")
	r.turn(0) // the first look at the mounts
	if err := unix.Mount("rouse-test", r.dir+"/var", "tmpfs", 0, ""); err != nil {
		t.Skipf("tmpfs cannot be mounted: %v", err)
	}
	r.expect(glob + " EVENT=delete MATCH=" + r.dir + "/var/spool/below")
	r.mkdir("var/spool")
	r.write("var/spool/job")
	r.expect(glob + " EVENT=create MATCH=" + r.dir + "/var/spool/job")
	if err := unix.Unmount(r.dir+"/var", 0); err != nil {
		t.Fatal(err)
	}
	r.expect(glob+" EVENT=create MATCH="+r.dir+"/var/spool/below", glob+" EVENT=delete MATCH="+r.dir+"/var/spool/job")
}
