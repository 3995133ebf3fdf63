// SPDX-License-Identifier: Apache-2.0

package test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// agent is a job of launchd that runs a line of sh.
func agent(label, line, more string) string {
	escape := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")
	return `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
	<key>Label</key>
	<string>` + label + `</string>
	<key>ProgramArguments</key>
	<array>
		<string>/bin/sh</string>
		<string>-c</string>
		<string>` + escape.Replace(line) + `</string>
	</array>
	` + more + `
</dict>
</plist>
`
}

// TestLaunchdSockets: a server of inetd, one that takes all connections, and
// one that gets its descriptors by name.
func TestLaunchdSockets(t *testing.T) {
	exe, _, _ := strings.Cut(self(t), " ")
	nowait, wait, http := freePort(t), freePort(t), freePort(t)
	admin := filepath.Join(t.TempDir(), "admin")
	sockets := func(port int) string {
		return fmt.Sprintf("<key>Sockets</key><dict><key>Listeners</key><dict><key>SockNodeName</key><string>127.0.0.1</string><key>SockServiceName</key><string>%d</string></dict></dict>", port)
	}
	p := up(t, map[string]string{
		"nowait.plist": agent("org.test.nowait", "exec cat", "<key>inetdCompatibility</key><dict><key>Wait</key><false/></dict>"+sockets(nowait)),
		"wait.plist": agent("org.test.wait", "exec "+rouse+" inetd-builtin echo --idle 200ms",
			"<key>inetdCompatibility</key><dict><key>Wait</key><true/></dict>"+sockets(wait)),
		"named.plist": agent("org.test.named", "echo names=$LISTEN_FDNAMES count=$LISTEN_FDS; exec "+exe+" service fd", fmt.Sprintf(
			"<key>Sockets</key><dict><key>web</key><dict><key>SockNodeName</key><string>127.0.0.1</string><key>SockServiceName</key><integer>%d</integer></dict>"+
				"<key>admin</key><dict><key>SockPathName</key><string>%s</string></dict></dict>", http, admin)),
	})
	for range 2 {
		for _, port := range []int{nowait, wait, http} {
			if got, err := ask("tcp", "127.0.0.1:"+strconv.Itoa(port), "hello"); !strings.HasSuffix(got, "hello") {
				t.Errorf("port %d: %q, %v", port, got, err)
			}
		}
		p.await("org.test.wait.service", "ActiveState", "inactive")
	}
	p.awaitLine("names=web:admin count=2")
	if st, err := os.Stat(admin); err != nil || st.Mode().Perm() != 0o700 {
		t.Errorf("the socket of SockPathName: %v, %v", st, err)
	}
}

// TestLaunchdEvents: what starts a job: the load, a date, a path, a queue and
// another job; and what starts it again.
func TestLaunchdEvents(t *testing.T) {
	dir := t.TempDir()
	queue, file, flag := filepath.Join(dir, "queue"), filepath.Join(dir, "file"), filepath.Join(dir, "flag")
	if err := os.Mkdir(queue, 0o755); err != nil {
		t.Fatal(err)
	}
	write := func(path string) {
		t.Helper()
		if err := os.WriteFile(path, []byte("x"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write(file)
	write(filepath.Join(queue, "old"))
	const again = "<key>ThrottleInterval</key><integer>0</integer>"
	p := up(t, map[string]string{
		"load.plist":  agent("load", "echo loaded", "<key>RunAtLoad</key><true/>"),
		"date.plist":  agent("date", "echo dated", "<key>StartInterval</key><integer>1</integer>"),
		"watch.plist": agent("watch", "echo watched", "<key>WatchPaths</key><array><string>"+file+"</string></array>"),
		"queue.plist": agent("queue", "cd "+queue+"; set -- *; echo queued $1; rm $1", "<key>QueueDirectories</key><array><string>"+queue+"</string></array>"+again),
		"keep.plist":  agent("keep", "echo kept; rm "+flag, "<key>KeepAlive</key><dict><key>PathState</key><dict><key>"+flag+"</key><true/></dict></dict>"+again),
		"after.plist": agent("after", "echo after; exec sleep 1000", "<key>KeepAlive</key><dict><key>OtherJobActive</key><dict><key>other</key><true/></dict></dict>"),
		"other.plist": agent("other", "exec sleep 1000", ""),
		"fail.plist":  agent("fail", "test -e "+file+".2 && echo enough || { echo failed; touch "+file+".2; exit 1; }", "<key>KeepAlive</key><dict><key>SuccessfulExit</key><false/></dict>"+again),
	})
	for _, line := range []string{"loaded", "dated", "queued old", "failed", "enough"} {
		p.awaitLine(line)
	}
	if out := p.output(); strings.Contains(out, "watched") || strings.Contains(out, "kept") {
		t.Error("a path that is there already counts as a change, or one that is not as there")
	}
	write(file)
	write(flag)
	for _, name := range []string{"a", "b", "c"} {
		write(filepath.Join(queue, name))
	}
	for _, line := range []string{"watched", "kept", "queued a", "queued b", "queued c"} {
		p.awaitLine(line)
	}
	if code, out := p.ctl("launchctl", "start", "other"); code != 0 {
		t.Error(out)
	}
	p.awaitLine("after")
	if code, out := p.ctl("launchctl", "stop", "other"); code != 0 {
		t.Error(out)
	}
	p.await("after.service", "ActiveState", "inactive")
}

// TestLaunchdThrottle: a job that ends at once is started again after
// ThrottleInterval, and its clients wait that long.
func TestLaunchdThrottle(t *testing.T) {
	port := freePort(t)
	const one = "exec sh -c 'echo begun; kill $$'"
	p := up(t, map[string]string{"a.plist": agent("a", one, fmt.Sprintf("<key>ThrottleInterval</key><integer>1</integer>"+
		"<key>Sockets</key><dict><key>s</key><dict><key>SockNodeName</key><string>127.0.0.1</string><key>SockServiceName</key><integer>%d</integer></dict></dict>", port))})
	began := time.Now()
	c, err := net.Dial("tcp", "127.0.0.1:"+strconv.Itoa(port))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for deadline := began.Add(patience); strings.Count(p.output(), "begun") < 3; {
		if time.Now().After(deadline) {
			t.Fatal("it is not started again for the client that waits")
		}
		p.property("a.service", "ActiveState")
	}
	if took := time.Since(began); took < 1900*time.Millisecond {
		t.Errorf("three starts in %v", took)
	}
}

// TestLaunchctl on a machine: what lies in its directories, what is loaded from
// elsewhere, what is submitted, and what is unloaded, disabled and enabled.
func TestLaunchctl(t *testing.T) {
	t.Parallel()
	m := boot(t, map[string]string{
		"/etc/launchd/org.a.plist":           agent("org.a", "echo a >/trace; exec sleep 1000", "<key>KeepAlive</key><true/>"),
		"/Library/LaunchDaemons/org.b.plist": agent("org.b", "echo b >/trace; exec sleep 1000", "<key>RunAtLoad</key><true/><key>Disabled</key><true/>"),
		"/etc/launchd/org.broken.plist":      agent("org.broken", "true", "<key>UserName</key><integer>1</integer>"),
		"/tmp/org.c.plist":                   agent("org.c", "echo c >/trace; exec sleep 1000", "<key>RunAtLoad</key><true/>"),
		"/tmp/org.e.plist":                   agent("org.e", "echo e >/trace; exec sleep 1000", "<key>RunAtLoad</key><true/><key>Disabled</key><true/>"),
	})
	m.awaits("a")
	launchctl := func(args ...string) string { return m.ok(append([]string{"rouse", "launchctl"}, args...)...) }
	listed := func(want string) {
		t.Helper()
		var labels []string
		for line := range strings.Lines(launchctl("list")) {
			f := strings.Split(strings.TrimSpace(line), "\t")
			if len(f) != 3 {
				t.Fatalf("a line of list: %q", line)
			}
			if f[0] != "-" && f[0] != "PID" {
				f[2] += "*" // it runs
			}
			labels = append(labels, f[2])
		}
		if got := strings.Join(labels[1:], " "); got != want {
			t.Errorf("list has %s, want %s", got, want)
		}
	}
	listed("org.a*")
	launchctl("load", "/tmp/org.c.plist")
	m.awaits("c")
	if code, out := m.in("rouse", "launchctl", "load", "/tmp/org.e.plist"); code != 1 || out != "nothing found to load\n" {
		t.Errorf("load of what is disabled: %d, %s", code, out)
	}
	launchctl("load", "-F", "/tmp/org.e.plist")
	m.awaits("e")
	launchctl("unload", "/tmp/org.e.plist")
	launchctl("load", "-w", "/Library/LaunchDaemons/org.b.plist")
	m.awaits("b")
	launchctl("submit", "-l", "org.d", "--", "/bin/sh", "-c", "echo d >/trace; exec sleep 1000")
	m.awaits("d")
	listed("org.a* org.b* org.c* org.d*")
	launchctl("bootout", "system/org.c")
	launchctl("unload", "/etc/launchd/org.a.plist")
	launchctl("remove", "org.d")
	listed("org.b*")
	launchctl("bootstrap", "system", "/etc/launchd/org.a.plist")
	m.awaits("a")
	launchctl("disable", "system/org.b")
	listed("org.a* org.b*")
	if out := launchctl("print-disabled", "system"); !strings.Contains(out, `"org.b" => disabled`) {
		t.Error(out)
	}
	launchctl("kickstart", "-k", "system/org.a")
	m.awaits("a")
	if code, out := m.in("rouse", "launchctl", "start", "org.none"); code != 3 || out != "launchctl start error: No such process\n" {
		t.Errorf("start of what is not there: %d, %s", code, out)
	}
	if code, out := m.in("rouse", "launchctl", "load", "/etc/launchd/org.a.plist"); code != 1 || !strings.Contains(out, "org.a: Already loaded") {
		t.Errorf("load of what is loaded: %d, %s", code, out)
	}
}

// TestLaunchdSecureSocket: the socket of SecureSocketWithKey is in the directory
// of this manager, which needs no rights, and is gone with it.
func TestLaunchdSecureSocket(t *testing.T) {
	p := up(t, map[string]string{"a.plist": agent("org.test.secure", "echo at $KEY; exec cat", "<key>inetdCompatibility</key><dict><key>Wait</key><false/></dict>"+
		"<key>Sockets</key><dict><key>x</key><dict><key>SecureSocketWithKey</key><string>KEY</string></dict></dict>")})
	path, _, _ := strings.Cut(p.property("org.test.secure.socket", "Listen"), " ")
	if !strings.HasSuffix(path, fmt.Sprintf("/up-%d/launchd-sockets/org.test.secure/KEY", p.cmd.Process.Pid)) {
		t.Errorf("it is %q", path)
	}
	if got, err := ask("unix", path, "hello"); !strings.HasPrefix(got, "at "+path) {
		t.Errorf("%q, %v", got, err)
	}
	p.stop()
	if _, err := os.Lstat(path); err == nil {
		t.Error("it outlives its manager")
	}
}
