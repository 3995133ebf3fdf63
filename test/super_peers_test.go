// SPDX-License-Identifier: Apache-2.0

package test

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// inetdLine runs one line of an inetd.conf; PORT stands for its port.
func inetdLine(t *testing.T, line string) (p *process, port string) {
	t.Helper()
	port = strconv.Itoa(freePort(t))
	return up(t, map[string]string{"inetd.conf": strings.ReplaceAll(line, "PORT", port) + "\n"}), port
}

// openDir is a directory that every user may read, with a file in it.
func openDir(t *testing.T, name, text string) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "rp") //nolint:usetesting // servers of other users read it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

// runClient runs a client program.
func runClient(t *testing.T, name string, args ...string) string {
	t.Helper()
	c := exec.Command(name, args...)
	c.Env = append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0")
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
	return string(out)
}

func needRoot(t *testing.T, why string) {
	t.Helper()
	need(t, "root", os.Getuid() == 0, why)
}

// TestInetdTFTP: in.tftpd waits on the datagram socket, is started again when
// it has ended, and answers from a port of its own.
func TestInetdTFTP(t *testing.T) {
	tftpd := needProgram(t, "tftpd", "in.tftpd")
	curl := needProgram(t, "curl", "curl")
	needRoot(t, "in.tftpd changes its root")
	dir := openDir(t, "boot.img", strings.Repeat("0123456789abcdef", 1000)) // of many blocks
	p, port := inetdLine(t, "127.0.0.1:PORT dgram udp4 wait root "+tftpd+" in.tftpd -s -t 1 "+dir)
	service := port + "-udp-127.0.0.1.service"
	_, units := p.ctl("list-sockets", "--no-legend")
	if f := strings.Fields(units); len(f) > 3 {
		service = f[3]
	}
	for range 2 {
		if got := runClient(t, curl, "-s", "--max-time", "20", "tftp://127.0.0.1:"+port+"/boot.img"); len(got) != 16000 {
			t.Errorf("%d bytes came", len(got))
		}
		p.await(service, "ActiveState", "inactive")
	}
}

// TestInetdRsync: a daemon for each connection.
func TestInetdRsync(t *testing.T) {
	rsync := needProgram(t, "rsync", "rsync")
	dir := openDir(t, "a", "from rsync")
	conf := openDir(t, "rsyncd.conf", "use chroot = no\n[pub]\npath = "+dir+"\n")
	_, port := inetdLine(t, "127.0.0.1:PORT stream tcp4 nowait "+me(t)+" "+rsync+" rsync --daemon --config="+conf+"/rsyncd.conf")
	for range 2 {
		to := t.TempDir()
		runClient(t, rsync, "-a", "--timeout=20", "rsync://127.0.0.1:"+port+"/pub/", to)
		if got, err := os.ReadFile(filepath.Join(to, "a")); string(got) != "from rsync" {
			t.Errorf("%q, %v", got, err)
		}
	}
}

// TestInetdGit clones from git daemon --inetd.
func TestInetdGit(t *testing.T) {
	git := needProgram(t, "git", "git")
	_, err := os.Stat(strings.TrimSpace(runClient(t, git, "--exec-path")) + "/git-daemon")
	need(t, "git", err == nil, "git has no daemon here")
	base := t.TempDir()
	repo := filepath.Join(base, "repo")
	runClient(t, git, "init", "-q", repo)
	runClient(t, git, "-C", repo, "-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "-q", "--allow-empty", "-m", "first words")
	_, port := inetdLine(t, "127.0.0.1:PORT stream tcp4 nowait "+me(t)+" "+git+" git daemon --inetd --export-all --base-path="+base)
	to := filepath.Join(t.TempDir(), "clone")
	runClient(t, git, "clone", "-q", "git://127.0.0.1:"+port+"/repo", to)
	if got := runClient(t, git, "-C", to, "log", "--format=%s"); got != "first words\n" {
		t.Errorf("the log is %q", got)
	}
}

// TestInetdFinger is the line that Debian's fingerd writes, with tcpd in front
// of the server, as another user.
func TestInetdFinger(t *testing.T) {
	fingerd := needProgram(t, "fingerd", "in.fingerd")
	tcpd := needProgram(t, "fingerd", "tcpd")
	needRoot(t, "the server runs as nobody")
	_, port := inetdLine(t, "127.0.0.1:PORT\tstream\ttcp4\tnowait\tnobody\t"+tcpd+"\t"+fingerd)
	got, err := ask("tcp", "127.0.0.1:"+port, "root\r")
	if err != nil || !strings.Contains(got, "Login: root") {
		t.Errorf("%q, %v", got, err)
	}
}

// TestInetdTelnet: telnetd opens a terminal and negotiates before login asks.
func TestInetdTelnet(t *testing.T) {
	telnetd := needProgram(t, "telnetd", "telnetd")
	needRoot(t, "telnetd logs in")
	_, port := inetdLine(t, "127.0.0.1:PORT stream tcp4 nowait root "+telnetd+" telnetd")
	c, err := net.Dial("tcp", "127.0.0.1:"+port)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	const iac = 0xff // "interpret as command", RFC 854
	if b, err := bufio.NewReader(c).ReadByte(); b != iac {
		t.Errorf("it says %#x first, %v", b, err)
	}
}

// brew is a property list as `brew services` writes it, with paths of here.
func brew(name, program, args, more string) string {
	return `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
	<key>KeepAlive</key>
	<true/>
	<key>Label</key>
	<string>homebrew.mxcl.` + name + `</string>
	<key>LimitLoadToSessionType</key>
	<array>
		<string>Aqua</string>
		<string>Background</string>
		<string>LoginWindow</string>
		<string>StandardIO</string>
		<string>System</string>
	</array>
	<key>ProgramArguments</key>
	<array>
		<string>` + program + `</string>
` + args + `	</array>
	<key>RunAtLoad</key>
	<true/>
` + more + `</dict>
</plist>
`
}

// TestHomebrewRedis: a service of Homebrew runs as it stands, is kept alive,
// and writes where it says.
func TestHomebrewRedis(t *testing.T) {
	t.Parallel() // ThrottleInterval is ten seconds
	redis := needProgram(t, "redis", "redis-server")
	port := strconv.Itoa(freePort(t))
	dir := openDir(t, "redis.conf", "bind 127.0.0.1\nport "+port+"\nsave \"\"\n")
	p := up(t, map[string]string{"homebrew.mxcl.redis.plist": brew("redis", redis, "\t\t<string>"+dir+"/redis.conf</string>\n",
		fmt.Sprintf("\t<key>StandardErrorPath</key>\n\t<string>%[1]s/redis.log</string>\n\t<key>StandardOutPath</key>\n\t<string>%[1]s/redis.log</string>\n"+
			"\t<key>WorkingDirectory</key>\n\t<string>%[1]s</string>\n", dir))})
	ready := func(times int) {
		t.Helper()
		log := filepath.Join(dir, "redis.log")
		eventually(t, func() bool { return strings.Count(text(log), "Ready to accept connections") == times }, func() string { return text(log) })
	}
	ready(1)
	first := p.property("homebrew.mxcl.redis.service", "MainPID")
	if got, err := ask("tcp", "127.0.0.1:"+port, "SHUTDOWN NOSAVE\r"); err == nil {
		t.Fatalf("it answers %q", got)
	}
	// KeepAlive, and ThrottleInterval: ten seconds after its start.
	ready(2)
	if again := p.property("homebrew.mxcl.redis.service", "MainPID"); again == first || again == "0" {
		t.Errorf("process %s became %s", first, again)
	}
	if got, err := ask("tcp", "127.0.0.1:"+port, "PING\r"); got != "+PONG" {
		t.Errorf("%q, %v", got, err)
	}
}

// TestHomebrewNginx is the other one that everybody has.
func TestHomebrewNginx(t *testing.T) {
	nginx := needProgram(t, "nginx", "nginx")
	port, dir := strconv.Itoa(freePort(t)), t.TempDir()
	conf := filepath.Join(dir, "nginx.conf")
	text := fmt.Sprintf("pid %[1]s/pid; error_log stderr; events {} http { access_log off; client_body_temp_path %[1]s/a; proxy_temp_path %[1]s/b; fastcgi_temp_path %[1]s/c; uwsgi_temp_path %[1]s/d; scgi_temp_path %[1]s/e; server { listen 127.0.0.1:%[2]s; return 200 'from nginx'; } }", dir, port)
	if err := os.WriteFile(conf, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	list := brew("nginx", nginx, "\t\t<string>-g</string>\n\t\t<string>daemon off;</string>\n\t\t<string>-c</string>\n\t\t<string>"+conf+"</string>\n",
		"\t<key>WorkingDirectory</key>\n\t<string>"+dir+"</string>\n")
	p := up(t, map[string]string{"homebrew.mxcl.nginx.plist": strings.Replace(list, "<key>KeepAlive</key>\n\t<true/>", "<key>KeepAlive</key>\n\t<false/>", 1)})
	var err error
	eventually(t, func() bool {
		err = get("http://127.0.0.1:"+port+"/", "from nginx")()
		return err == nil
	}, func() string { return err.Error() })
	if code, out := p.ctl("launchctl", "stop", "homebrew.mxcl.nginx"); code != 0 {
		t.Error(out)
	}
	p.await("homebrew.mxcl.nginx.service", "ActiveState", "inactive")
}
