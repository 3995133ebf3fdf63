// SPDX-License-Identifier: Apache-2.0

package guardian

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/rouse-init/rouse/internal/guardian/wire"
)

// TestKilledManagers kills the manager at random instants while it spawns,
// stores and drops: every exit must come, and once; every descriptor whose
// Store has returned must be there, with the right content.
//
// The managers write down what they are told, as the state log would: in
// "heard" each exit before it is acknowledged, in "stored" each store and
// drop before ("+") and after ("=") it was sent. The children write down
// themselves in "lived", so that nobody's death makes them unknown.
func TestKilledManagers(t *testing.T) {
	kills := 60
	if os.Getenv("ROUSE_TEST_LONG") != "" {
		kills = 1000
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	dir := t.TempDir()
	g := guard(t, func(c *exec.Cmd) {
		c.Args[1] = "torture"
		c.Env = append(c.Env, "ROUSE_TEST_DIR="+dir)
	})
	for range kills {
		pid := number(g.want(`torture (\d+)`)[1])
		// Some before they are ready, most in the middle of their work.
		timer := time.NewTimer(time.Duration(random.IntN(9000)) * time.Microsecond)
		<-timer.C
		if err := unix.Kill(pid, unix.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}
	g.signal(unix.SIGTERM)
	g.ends(42)
	// A pid can come again in a long run, so how often counts.
	heard, lived := map[string]int{}, map[string]int{}
	lastSeq, exits := 0, 0
	for _, l := range fileLines(t, dir, "heard") {
		seq, process, _ := strings.Cut(l, " ") // seq, pid and status
		if number(seq) != lastSeq+1 {
			t.Errorf("exit %s follows %d", seq, lastSeq)
		}
		lastSeq = number(seq)
		heard[process]++
		exits++
	}
	for _, l := range fileLines(t, dir, "lived") {
		lived[l]++
	}
	if d := cmp.Diff(lived, heard); d != "" {
		t.Errorf("pid and status of those that lived (-), of those heard of (+):\n%s", d)
	}
	for _, l := range fileLines(t, dir, "bad") {
		t.Error(l)
	}
	stores := len(fileLines(t, dir, "stored"))
	t.Logf("%d kills, %d exits, %d store operations", kills, exits, stores/2)
	if exits < kills/2 || stores < kills {
		t.Error("too little has happened to mean anything")
	}
}

func fileLines(t testing.TB, dir, name string) []string {
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return strings.FieldsFunc(string(b), func(r rune) bool { return r == '\n' })
}

// victim is the manager of that test.
type victim struct {
	conn    *wire.Conn
	dir     string
	files   map[string]*os.File
	last    uint64              // exit written down
	told    map[string]string   // what the guardian has in store
	ending  bool                // Terminate
	started bool                // Go
	allowed map[string][]string // contents that a key may have by the notes; "": none
	random  *rand.Rand
}

func runTorture() int {
	say("torture %d", os.Getpid())
	conn, err := wire.Open(wire.FD)
	if err != nil {
		return 100
	}
	v := &victim{
		conn: conn, dir: os.Getenv("ROUSE_TEST_DIR"), files: map[string]*os.File{}, told: map[string]string{},
		random: rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 1)),
	}
	v.recover()
	for !v.started {
		v.wait(-1)
		v.hear()
	}
	v.checkStore()
	_ = conn.Ready()
	for n := 0; !v.ending; n++ {
		v.step(n)
		v.wait(0)
		v.hear()
	}
	// All children have ended, and are heard of, when the guardian has no
	// other child and nothing more to say.
	for countChildren(os.Getppid()) > 1 || v.wait(100) {
		v.hear()
	}
	_ = conn.Bye(wire.End{Code: 42})
	return 0
}

// note appends one line in one write(2).
func (v *victim) note(file, format string, args ...any) {
	f := v.files[file]
	if f == nil {
		f, _ = os.OpenFile(filepath.Join(v.dir, file), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		v.files[file] = f
	}
	_, _ = fmt.Fprintf(f, format+"\n", args...)
}

// recover reads the notes of the managers before.
func (v *victim) recover() {
	read := func(name string) []string {
		b, _ := os.ReadFile(filepath.Join(v.dir, name))
		return strings.FieldsFunc(string(b), func(r rune) bool { return r == '\n' })
	}
	for _, l := range read("heard") {
		v.last, _ = strconv.ParseUint(strings.Fields(l)[0], 10, 64)
	}
	v.allowed = map[string][]string{}
	for _, l := range read("stored") {
		f := strings.Split(l, " ") // sign key content
		if f[0] == "=" {
			v.allowed[f[1]] = []string{f[2]}
		} else {
			v.allowed[f[1]] = append(v.allowed[f[1]], f[2])
		}
	}
}

func (v *victim) checkStore() {
	for key, contents := range v.allowed {
		if !contains(contents, v.told[key]) {
			v.note("bad", "%s holds %q, want one of %q", key, v.told[key], contents)
		}
		v.note("stored", "= %s %s", key, v.told[key]) // what was open is settled
	}
	for key := range v.told {
		if v.allowed[key] == nil {
			v.note("bad", "%s is in store and was never put there", key)
		}
	}
}

func contains(list []string, s string) bool {
	if len(list) == 0 {
		return s == ""
	}
	for _, l := range list {
		if l == s {
			return true
		}
	}
	return false
}

func (v *victim) wait(ms int) bool {
	fds := []unix.PollFd{{Fd: int32(v.conn.FD()), Events: unix.POLLIN}}
	n, _ := unix.Poll(fds, ms)
	return n > 0
}

func (v *victim) hear() {
	var m wire.Msg
	for {
		ok, err := v.conn.Read(&m)
		if errors.Is(err, io.EOF) || !ok {
			return
		}
		switch m.Kind {
		case wire.Stored:
			v.told[m.Key] = readMemfd(m.FDs[0])
		case wire.Exited:
			if m.Seq > v.last {
				v.note("heard", "%d %d %d", m.Seq, m.Exit.Pid, m.Exit.Status)
				v.last = m.Seq
			}
			_ = v.conn.Ack(m.Seq)
		case wire.Go:
			v.started, v.ending = true, m.Start.Terminate
		case wire.Terminate:
			v.ending = true
		}
	}
}

// step does one thing.
func (v *victim) step(n int) {
	key := "key" + strconv.Itoa(v.random.IntN(8))
	switch v.random.IntN(3) {
	case 0:
		content := fmt.Sprintf("%d.%d", os.Getpid(), n)
		fd := newMemfd(content)
		v.note("stored", "+ %s %s", key, content)
		_ = v.conn.Store(key, fd)
		v.note("stored", "= %s %s", key, content)
		_ = unix.Close(fd)
	case 1:
		v.note("stored", "+ %s ", key)
		_ = v.conn.Drop(key)
		v.note("stored", "= %s ", key)
	case 2:
		// Several at once, so that some are not heard of when it dies.
		for range 3 {
			status := v.random.IntN(256)
			spawnSibling(fmt.Sprintf("echo $$ %d >> %s/lived; exit %d", status, v.dir, status))
		}
	}
}
