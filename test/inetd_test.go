// SPDX-License-Identifier: Apache-2.0

package test

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// me is the user that the servers run as, so that the stories need no root.
func me(t *testing.T) string {
	t.Helper()
	u, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	return u.Username
}

// from asks over a connection that comes from a given local address.
func from(local, network, address, line string, wait time.Duration) (string, error) {
	d := net.Dialer{Timeout: wait}
	if network == "tcp" {
		d.LocalAddr = &net.TCPAddr{IP: net.ParseIP(local)}
	} else {
		d.LocalAddr = &net.UDPAddr{IP: net.ParseIP(local)}
	}
	c, err := d.Dial(network, address)
	if err != nil {
		return "", err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(wait)); err != nil {
		return "", err
	}
	if _, err := fmt.Fprintln(c, line); err != nil {
		return "", err
	}
	buf := make([]byte, 1024)
	n, err := c.Read(buf)
	return strings.TrimSpace(string(buf[:n])), err
}

// TestInetdConf: a line of each form serves, and the servers of lines that
// are to wait start again when they have ended.
func TestInetdConf(t *testing.T) {
	nowait, wait, dgram, off := freePort(t), freePort(t), freePort(t), freePort(t)
	unixPath := filepath.Join(t.TempDir(), "u")
	who := me(t)
	p := up(t, map[string]string{"inetd.conf": fmt.Sprintf(`# every form
127.0.0.1:%d stream tcp,sndbuf=64k nowait %s /bin/cat cat
127.0.0.1:
%d	stream	tcp	wait	%s	%s
	rouse inetd-builtin echo --idle 200ms
%d dgram udp wait.100 %s %s rouse inetd-builtin echo --idle 200ms
*:
%s stream unix nowait %s /bin/cat
#<off># %d stream tcp nowait %s /bin/cat cat
`, nowait, who, wait, who, rouse, dgram, who, rouse, unixPath, who, off, who)})
	for round := range 2 {
		for _, c := range []struct{ network, address string }{
			{"tcp", "127.0.0.1:" + strconv.Itoa(nowait)}, {"tcp", "127.0.0.1:" + strconv.Itoa(wait)},
			{"udp", "127.0.0.1:" + strconv.Itoa(dgram)}, {"unix", unixPath},
		} {
			if got, err := ask(c.network, c.address, "hello"); got != "hello" {
				t.Errorf("round %d: %s %s: %q, %v", round, c.network, c.address, got, err)
			}
		}
		p.await(fmt.Sprintf("%d-tcp-127.0.0.1.service", wait), "ActiveState", "inactive")
		p.await(fmt.Sprintf("%d-udp-127.0.0.1.service", dgram), "ActiveState", "inactive")
	}
	if c, err := net.Dial("tcp", "127.0.0.1:"+strconv.Itoa(off)); err == nil {
		c.Close()
		t.Error("a line that is off is served")
	}
	if code, out := p.ctl("start", fmt.Sprintf("%d-tcp.socket", off)); code != 0 {
		t.Errorf("it cannot be started by its name: %s", out)
	}
	if got, err := ask("tcp", "127.0.0.1:"+strconv.Itoa(off), "on"); got != "on" {
		t.Errorf("started by its name: %q, %v", got, err)
	}
}

// TestInetdLimit: a service that is asked for too often pauses and goes on,
// where inetd would refuse everybody for ten minutes.
func TestInetdLimit(t *testing.T) {
	port := freePort(t)
	p := up(t, map[string]string{"inetd.conf": fmt.Sprintf("127.0.0.1:%d stream tcp nowait.3 %s /bin/cat\n", port, me(t))})
	for i := range 8 {
		if got, err := ask("tcp", "127.0.0.1:"+strconv.Itoa(port), "x"); got != "x" {
			t.Fatalf("client %d: %q, %v", i, got, err)
		}
	}
	p.awaitLine("triggered too often")
}

// TestInetdHangup: under its own name inetd follows its file at SIGHUP, and
// whoever is connected stays so.
func TestInetdHangup(t *testing.T) {
	dir := t.TempDir()
	a, b := freePort(t), freePort(t)
	conf := filepath.Join(dir, "inetd.conf")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(conf, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	line := func(port int) string {
		return fmt.Sprintf("%d stream tcp4 nowait %s /bin/cat\n", port, me(t))
	}
	write(line(a))
	name := filepath.Join(dir, "inetd")
	if err := os.Symlink(rouse, name); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	cmd := exec.Command(name, "-i", conf)
	cmd.Env = append(os.Environ(), "ROUSE_SOCKET="+filepath.Join(dir, "s"), "XDG_RUNTIME_DIR="+dir)
	cmd.Stderr = &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
		if t.Failed() {
			t.Log(out.String())
		}
	}()
	awaitDial(t, a, true)
	old, err := net.Dial("tcp", "127.0.0.1:"+strconv.Itoa(a))
	if err != nil {
		t.Fatal(err)
	}
	defer old.Close()
	fmt.Fprintln(old, "before")
	expectLine(t, old, "before")
	write("# " + line(a) + line(b))
	if err := cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	awaitDial(t, b, true)
	awaitDial(t, a, false)
	fmt.Fprintln(old, "after")
	expectLine(t, old, "after")
}

// awaitDial waits until a port is served, or no longer.
func awaitDial(t *testing.T, port int, want bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		c, err := net.Dial("tcp", "127.0.0.1:"+strconv.Itoa(port))
		if err == nil {
			c.Close()
		}
		if (err == nil) == want {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("port %d: %v", port, err)
		}
	}
}

func expectLine(t *testing.T, c net.Conn, want string) {
	t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 100)
	n, err := c.Read(buf)
	if got := strings.TrimSpace(string(buf[:n])); got != want {
		t.Errorf("read %q, %v; want %q", got, err, want)
	}
}

// TestXinetd: entries of a directory with the defaults of its file: internal
// services, limits, and clients that are kept out of sockets whose server
// reads by itself.
func TestXinetd(t *testing.T) {
	stream, echo, dgram, wait := freePort(t), freePort(t), freePort(t), freePort(t)
	who := me(t)
	dir := t.TempDir()
	head := func(port int, kind, wait string) string {
		return fmt.Sprintf("\ttype = UNLISTED\n\tport = %d\n\tsocket_type = %s\n\twait = %s\n\tuser = %s\n\tbind = 127.0.0.1\n", port, kind, wait, who)
	}
	p := up(t, map[string]string{
		"xinetd.conf": "defaults\n{\n\tinstances = 2\n\tcps = 100 10\n}\nincludedir " + dir + "\n",
		"xinetd.d/stream": "service stream\n{\n" + head(stream, "stream", "no") + "\tserver = /bin/cat\n\tenv = A=B\n}\n" +
			"service off\n{\n" + head(1, "stream", "no") + "\tserver = /bin/cat\n\tdisable = yes\n}\n",
		"xinetd.d/echo": "service echo\n{\n" + strings.Replace(head(echo, "stream", "no"), "UNLISTED", "UNLISTED INTERNAL", 1) + "}\n",
		"xinetd.d/dgram": "service echo\n{\n\tonly_from = 127.0.0.2\n" + strings.Replace(head(dgram, "dgram", "yes"), "UNLISTED", "UNLISTED INTERNAL", 1) + "}\n" +
			"service wait\n{\n\tno_access = 127.0.0.1\n" + head(wait, "stream", "yes") + "\tserver = " + rouse + "\n\tserver_args = inetd-builtin echo\n}\n",
	})
	at := func(port int) string { return "127.0.0.1:" + strconv.Itoa(port) }
	if got, err := ask("tcp", at(echo), "internal"); got != "internal" {
		t.Errorf("internal echo: %q, %v", got, err)
	}
	var open []net.Conn
	for range 2 {
		c, err := net.Dial("tcp", at(stream))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		fmt.Fprintln(c, "open")
		expectLine(t, c, "open")
		open = append(open, c)
	}
	if got, err := ask("tcp", at(stream), "third"); err == nil {
		t.Errorf("a third client is served with instances = 2: %q", got)
	}
	open[0].Close()
	p.await("stream-tcp.socket", "NConnections", "1")
	if got, err := ask("tcp", at(stream), "third"); got != "third" {
		t.Errorf("once one has left: %q, %v", got, err)
	}
	const short = 200 * time.Millisecond
	for _, c := range []struct {
		network  string
		port     int
		in, kept string
	}{{"udp", dgram, "127.0.0.2", "127.0.0.1"}, {"tcp", wait, "127.0.0.3", "127.0.0.1"}} {
		if c.network == "tcp" && os.Getuid() != 0 {
			// The kernel takes a filter on a TCP socket of root only: it must not open without.
			p.await("wait-tcp.socket", "ActiveState", "failed")
			continue
		}
		if got, err := from(c.kept, c.network, at(c.port), "x", short); err == nil {
			t.Errorf("%s from %s, which is kept out: %q", c.network, c.kept, got)
		}
		if got, err := from(c.in, c.network, at(c.port), "x", patience); got != "x" {
			t.Errorf("%s from %s: %q, %v", c.network, c.in, got, err)
		}
	}
}

// TestInetdUnderItsSocket: the option that stands before every verb of rouse
// stands before its other names, too.
func TestInetdUnderItsSocket(t *testing.T) {
	conf := filepath.Join(t.TempDir(), "inetd.conf")
	port := freePort(t)
	if err := os.WriteFile(conf, fmt.Appendf(nil, "127.0.0.1:%d stream tcp4 nowait %s /bin/cat cat\n", port, me(t)), 0o644); err != nil {
		t.Fatal(err)
	}
	p := start(t, "inetd", "-d", conf)
	p.awaitLine("ready")
	p.await(fmt.Sprintf("%d-tcp4-127.0.0.1.socket", port), "SubState", "listening")
	if answer, err := ask("tcp", fmt.Sprintf("127.0.0.1:%d", port), "hello"); err != nil || answer != "hello" {
		t.Errorf("%q, %v", answer, err)
	}
}
