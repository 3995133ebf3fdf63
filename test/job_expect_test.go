// SPDX-License-Identifier: Apache-2.0

package test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// forker is the test.c of the seed with any number of forks: each parent ends,
// the last child stays and writes who it is. It opens a FIFO to pause.
func forker(forks int) string {
	text := "echo $(exec sh -c 'echo $PPID') > @D/pid.new; mv @D/pid.new @D/pid; read never < @D/fifo"
	for range forks {
		text = "( " + text + " ) & exit 0"
	}
	return "#!/bin/sh\n" + text + "\n"
}

// TestSeedForks: whatever a daemon forks and whatever its job says of that,
// start returns, status is true, stop returns in time and nothing is left.
func TestSeedForks(t *testing.T) {
	t.Parallel()
	for forks := range 4 {
		for _, expect := range []string{"fork", "daemon", "none"} {
			t.Run(fmt.Sprintf("%s of %d", expect, forks), func(t *testing.T) {
				t.Parallel()
				forksOnce(t, forks, expect)
			})
		}
	}
}

func forksOnce(t *testing.T, forks int, expect string) {
	want := map[string]int{"fork": 1, "daemon": 2, "none": 0}[expect]
	p, dir := jobs(t, map[string]string{
		"test.conf": "expect " + expect + "\nexpect timeout 1\nkill timeout 2\npre-start script\n  mkfifo @D/fifo\nend script\nexec @D/test\n",
	})
	script := filepath.Join(dir, "test")
	if err := os.WriteFile(script, []byte(strings.ReplaceAll(forker(forks), "@D", dir)), 0o755); err != nil {
		t.Fatal(err)
	}
	p.ok("start", "test")
	if forks > 0 && expect == "none" {
		// The job did not say that it forks: its end is what it seems.
		p.awaitState("test stop/waiting", "test")
		nothingLeft(t, script)
		return
	}
	file := filepath.Join(dir, "pid")
	eventually(t, func() bool { return text(file) != "" }, func() string { return "the daemon did not come up" })
	daemon, err := strconv.Atoi(strings.TrimSpace(text(file)))
	if err != nil {
		t.Fatal(err)
	}
	p.awaitState("test start/running, process N", "test")
	eventually(t, func() bool { return p.pid("test") == daemon },
		func() string { return fmt.Sprintf("the process is %d, not %d", p.pid("test"), daemon) })
	_, out := p.ctl("status", "test")
	if said := strings.Contains(out, fmt.Sprintf("expected %d fork", want)); said != (forks != want) {
		t.Errorf("%d forks, and status says:\n%s", forks, out)
	}
	began := time.Now()
	p.says("test stop/waiting", "stop", "test")
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("stop took %v", took)
	}
	nothingLeft(t, script)
}

// nothingLeft checks that no process runs this program.
func nothingLeft(t *testing.T, program string) {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil || len(files) == 0 {
		t.Fatalf("no processes: %v", err)
	}
	for _, f := range files {
		if line := text(f); strings.Contains(line, program) && alive(pidIn(f)) {
			t.Errorf("left behind: %q (%s)", line, f)
		}
	}
}

func pidIn(path string) int {
	n, _ := strconv.Atoi(strings.Split(path, "/")[2])
	return n
}

// TestSeedDaemonEnds: the end of a daemon that was followed is that of its job.
func TestSeedDaemonEnds(t *testing.T) {
	t.Parallel()
	p, dir := jobs(t, map[string]string{
		"test.conf": "expect daemon\nrespawn\nexec @D/test\npre-start script\n  rm -f @D/fifo @D/pid\n  mkfifo @D/fifo\nend script\n",
	})
	if err := os.WriteFile(filepath.Join(dir, "test"), []byte(strings.ReplaceAll(forker(2), "@D", dir)), 0o755); err != nil {
		t.Fatal(err)
	}
	p.ok("start", "test")
	before := p.pid("test")
	kill(t, before)
	eventually(t, func() bool {
		_, out := p.initctl("status", "test")
		return masked(out) == "test start/running, process N\n" && !strings.Contains(out, strconv.Itoa(before))
	}, func() string { return "it was not respawned" })
}

// TestSeedDaemonCopies: several copies of one daemon are told apart, and the
// children that a daemon has later are not taken for it.
func TestSeedDaemonCopies(t *testing.T) {
	t.Parallel()
	p, dir := jobs(t, map[string]string{
		"copy.conf": "instance $N\nexpect daemon\nexec @D/copy\n",
	})
	// The daemon answers each line in its FIFO by a child that ends.
	script := `#!/bin/sh
mkfifo @D/fifo$N
( ( while read word; do ( echo $word > @D/$N.$word ); done < @D/fifo$N ) & exit 0 ) &
exit 0
`
	if err := os.WriteFile(filepath.Join(dir, "copy"), []byte(strings.ReplaceAll(script, "@D", dir)), 0o755); err != nil {
		t.Fatal(err)
	}
	pids := map[string]int{}
	for _, n := range []string{"1", "2"} {
		p.ok("start", "copy", "N="+n)
		pids[n] = p.pid("copy", "N="+n)
		fifo, err := os.OpenFile(filepath.Join(dir, "fifo"+n), os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer fifo.Close()
		for _, word := range []string{"one", "two"} {
			if _, err := fifo.WriteString(word + "\n"); err != nil {
				t.Fatal(err)
			}
			awaitText(t, filepath.Join(dir, n+"."+word), word)
		}
	}
	for n, pid := range pids {
		if now := p.pid("copy", "N="+n); now != pid {
			t.Errorf("copy %s: process %d became %d", n, pid, now)
		}
	}
	kill(t, pids["1"])
	eventually(t, func() bool { code, _ := p.initctl("status", "copy", "N=1"); return code != 0 }, func() string { return "copy 1 is still known" })
	if now := p.pid("copy", "N=2"); now != pids["2"] || !alive(now) {
		t.Errorf("copy 2: process %d became %d", pids["2"], now)
	}
}

// TestSeedReady: a client that calls right after `start` is answered, however
// the server tells that it listens. (The seed's `start apache`, `wget`.)
func TestSeedReady(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"stop", "fork", "listen"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			address := fmt.Sprintf("127.0.0.1:%d", freePort(t))
			p, _ := jobs(t, map[string]string{
				"apache.conf": "expect " + how + "\nexec " + self(t, "late-"+how, address) + "\n",
			})
			p.says("apache start/running, process N", "start", "apache")
			answer, err := ask("tcp", address, "GET")
			if err != nil {
				t.Fatal(err)
			}
			if pid, _, _ := strings.Cut(answer, " "); pid != strconv.Itoa(p.pid("apache")) {
				t.Errorf("process %s answers, status has %d", pid, p.pid("apache"))
			}
			if _, out := p.ctl("status", "apache"); strings.Contains(out, "expected") {
				t.Errorf("status:\n%s", out)
			}
			p.ok("stop", "apache")
			if _, err := ask("tcp", address, "GET"); err == nil {
				t.Error("it is answered after the stop")
			}
		})
	}
}

// TestSeedReadyDies: a job that ends before it is ready has failed, and is
// respawned if it asks for that.
func TestSeedReadyDies(t *testing.T) {
	t.Parallel()
	p, dir := jobs(t, map[string]string{
		"once.conf":  "expect stop\nexec sh -c 'exit 3'\n",
		"again.conf": "expect stop\nrespawn\nscript\n  echo run >> @D/again\n  [ $(wc -l < @D/again) -ge 3 ] || exit 3\n  kill -STOP $$\n  exec sleep 1000\nend script\n",
		"twice.conf": "expect fork\nrespawn\nscript\n  echo run >> @D/twice\n  [ $(wc -l < @D/twice) -ge 3 ] || exit 3\n  exec " + self(t, "late-fork", fmt.Sprintf("127.0.0.1:%d", freePort(t))) + "\nend script\n",
	})
	p.refused([]string{"start", "once"}, "Job failed to start", "once.conf:2", "status 3")
	for _, job := range []string{"again", "twice"} {
		p.initctl("start", job)
		p.awaitState(job+" start/running, process N", job)
		if n := strings.Count(text(dir, job), "run"); n != 3 {
			t.Errorf("%s ran %d times", job, n)
		}
		p.says(job+" stop/waiting", "stop", job)
	}
}

// TestSeedNeverReady: start of a job that never does what it promised returns,
// and says so; and while it is waited for, stop works at once.
func TestSeedNeverReady(t *testing.T) {
	t.Parallel()
	p, _ := jobs(t, map[string]string{
		"soon.conf": "expect stop\nexpect timeout 1\nexec sleep 1000\n",
		"late.conf": "expect listen\nexpect timeout 1000\nexec sleep 1000\n",
	})
	p.says("soon start/running, process N", "start", "soon")
	if _, out := p.ctl("status", "soon"); !strings.Contains(out, "expected it to raise SIGSTOP, which it did not within 1s") {
		t.Errorf("status:\n%s", out)
	}
	start := p.background("start", "late")
	p.awaitState("late start/spawned, process N", "late")
	pid := p.pid("late")
	start.blocked()
	p.says("late stop/waiting", "stop", "late")
	start.returns(0)
	if alive(pid) {
		t.Errorf("process %d is left", pid)
	}
}
