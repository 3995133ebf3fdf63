// SPDX-License-Identifier: Apache-2.0

package test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// bridge makes a socket with X-Handover=bridge: and a service that listens on
// the other address.
func bridge(t *testing.T, front, backend, more string) map[string]string {
	t.Helper()
	listen, part := "ListenStream=", "bind"
	if rest, ok := strings.CutPrefix(front, "udp:"); ok {
		listen, part, front = "ListenDatagram=", "udp", rest
	}
	return map[string]string{
		"web.socket":  "[Socket]\n" + listen + front + "\nX-Handover=bridge:" + backend + "\n" + more + "[Install]\nWantedBy=sockets.target\n",
		"web.service": "[Service]\nExecStartPre=/bin/sleep 0.1\nExecStart=" + self(t, part, backend) + "\n",
	}
}

const webBridge = "rouse-bridge@web.service"

// One key makes the bridge: the first client starts it and the daemon, both
// sleep when nobody is connected, and the next one wakes them, as often as it
// happens. All ways between TCP and unix sockets, and UDP.
func TestBridgeKey(t *testing.T) {
	tcp := func() string { return fmt.Sprintf("127.0.0.1:%d", freePort(t)) }
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	for name, c := range map[string]struct{ network, front, backend string }{
		"tcp-tcp":   {"tcp", tcp(), tcp()},
		"tcp-unix":  {"tcp", tcp(), path("b1")},
		"unix-tcp":  {"unix", path("f2"), tcp()},
		"unix-unix": {"unix", path("f3"), path("b3")},
	} {
		t.Run(name, func(t *testing.T) {
			p := up(t, bridge(t, c.front, c.backend, "X-IdleSec=100ms\n"))
			p.await(webBridge, "ActiveState", "inactive")
			p.await("web.service", "ActiveState", "inactive")
			for range 7 { // more often than StartLimitBurst=
				answer, err := ask(c.network, c.front, "hello")
				if err != nil || !strings.HasSuffix(answer, " hello") {
					t.Fatalf("%q, %v: %s", answer, err, p.output())
				}
				p.await("web.service", "ActiveState", "inactive")
				p.await(webBridge, "ActiveState", "inactive")
			}
			p.await("web.socket", "SubState", "listening")
			if r := p.sleeping()["web.service"]; r.Tier != "stopped" || !slices.Contains(r.WokenBy, c.front) {
				t.Errorf("list-sleeping says of the daemon: %+v", r)
			}
			if got := p.property("web.service", "Result"); got != "success" {
				t.Errorf("the daemon's last result is %s", got)
			}
		})
	}
	t.Run("udp", func(t *testing.T) {
		front := tcp()
		p := up(t, bridge(t, "udp:"+front, tcp(), ""))
		c, err := net.Dial("udp", front)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(patience))
		b := make([]byte, 100)
		if _, err := io.WriteString(c, "hello"); err != nil {
			t.Fatal(err)
		}
		if n, err := c.Read(b); err != nil || string(b[:n]) != "hello" {
			t.Fatalf("%q, %v: %s", b[:n], err, p.output())
		}
	})
}

// echoDatagrams answers each datagram with itself.
func echoDatagrams(address string) int {
	c, err := net.ListenPacket("udp", address)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	b := make([]byte, 2048)
	for {
		n, from, err := c.ReadFrom(b)
		if err != nil {
			return 0
		}
		_, _ = c.WriteTo(b[:n], from)
	}
}

// converse keeps a connection open.
func converse(t *testing.T, address string) (net.Conn, func(line string) string) {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(time.Now().Add(patience))
	r := bufio.NewReader(c)
	return c, func(line string) string {
		if _, err := fmt.Fprintln(c, line); err != nil {
			return ""
		}
		answer, _ := r.ReadString('\n')
		return strings.TrimSpace(answer)
	}
}

// The daemon and the bridge come and go together, and the socket stays.
func TestBridgeBinding(t *testing.T) {
	front, backend := fmt.Sprintf("127.0.0.1:%d", freePort(t)), fmt.Sprintf("127.0.0.1:%d", freePort(t))
	units := bridge(t, front, backend, "")
	units["web.service"] += "Restart=on-failure\n"
	p := up(t, units)
	must := func(args ...string) {
		t.Helper()
		if code, out := p.ctl(args...); code != 0 {
			t.Fatalf("%v: status %d: %s", args, code, out)
		}
	}
	// A start of the daemon by hand brings the bridge; a stop of either stops both.
	must("start", "web.service")
	p.await(webBridge, "ActiveState", "active")
	must("stop", "web.service")
	p.await(webBridge, "ActiveState", "inactive")
	must("start", webBridge)
	p.await("web.service", "ActiveState", "active")
	must("stop", webBridge)
	p.await("web.service", "ActiveState", "inactive")
	p.await("web.socket", "SubState", "listening")

	// The daemon dies: its client sees the end, Restart= holds, and the next
	// client is served by the new one.
	_, say := converse(t, front)
	first := say("hello")
	if first == "" {
		t.Fatal(p.output())
	}
	if got := say("die"); got != "" {
		t.Fatalf("who died says %q", got)
	}
	p.await("web.service", "NRestarts", "1")
	answer, err := ask("tcp", front, "again")
	if err != nil || strings.Fields(answer)[0] == strings.Fields(first)[0] {
		t.Fatalf("%q, %v: %s", answer, err, p.output())
	}

	// The bridge dies: the daemon is the same as before.
	p.await(webBridge, "ActiveState", "active")
	pid := p.property("web.service", "MainPID")
	must("kill", "-s", "KILL", webBridge)
	p.await(webBridge, "NRestarts", "1")
	p.await(webBridge, "ActiveState", "active")
	if again, err := ask("tcp", front, "again"); err != nil || strings.Fields(again)[0] != pid {
		t.Fatalf("%q, %v, not of %s: %s", again, err, pid, p.output())
	}
}

// From bridge to native and back: one key, a reload, and no client is lost.
func TestBridgeSwitched(t *testing.T) {
	front, backend := fmt.Sprintf("127.0.0.1:%d", freePort(t)), fmt.Sprintf("127.0.0.1:%d", freePort(t))
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	with := func(handover string) {
		write("web.socket", "[Socket]\nListenStream="+front+"\nX-Handover="+handover+"\n[Install]\nWantedBy=sockets.target\n")
	}
	with("bridge:" + backend)
	write("web.service", "[Service]\nExecStart="+self(t, "either", backend)+"\n")
	p := start(t, "up", dir)
	p.awaitLine("rouse: ready")
	for _, c := range []struct{ handover, active string }{
		{"bridge:" + backend, "active"}, {"pass", "inactive"}, {"bridge:" + backend, "active"}, {"pass", "inactive"},
	} {
		with(c.handover)
		if code, out := p.ctl("daemon-reload"); code != 0 {
			t.Fatalf("daemon-reload: status %d: %s", code, out)
		}
		// The first ones may still be served in the old way.
		for deadline := time.Now().Add(patience); ; {
			if answer, err := ask("tcp", front, "hello"); err != nil || !strings.HasSuffix(answer, " hello") {
				t.Fatalf("with %s: %q, %v: %s", c.handover, answer, err, p.output())
			}
			if p.property(webBridge, "ActiveState") == c.active {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("with %s the bridge is not %s", c.handover, c.active)
			}
		}
	}
}

// With X-IdleAction=freeze both stay in memory while they sleep.
func TestBridgeFreeze(t *testing.T) {
	front, backend := fmt.Sprintf("127.0.0.1:%d", freePort(t)), fmt.Sprintf("127.0.0.1:%d", freePort(t))
	p := up(t, bridge(t, front, backend, "X-IdleSec=200ms\nX-IdleAction=freeze\n"))
	_, say := converse(t, front)
	first := say("hello")
	if first == "" {
		t.Fatal(p.output())
	}
	for range 3 {
		p.await(webBridge, "FreezerState", "frozen")
		p.await("web.service", "FreezerState", "frozen")
		// A byte on the open connection thaws both, and so does a new client.
		if got := say("hello"); got != first {
			t.Fatalf("%q, not %q: %s", got, first, p.output())
		}
		p.await(webBridge, "FreezerState", "frozen")
		p.await("web.service", "FreezerState", "frozen")
		if got, err := ask("tcp", front, "hello"); err != nil || got != first {
			t.Fatalf("%q, %v, not %q: %s", got, err, first, p.output())
		}
	}
}
