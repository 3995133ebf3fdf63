// SPDX-License-Identifier: Apache-2.0

package test

import (
	"encoding/json"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// socketLine is a line of `list-sockets --no-legend`, by address.
type socketLine struct {
	kind, unit, activates, state, pending, open, file string
}

// listing asks for the one listing of all sockets.
func (p *process) listing() (lines map[string]socketLine, order []string) {
	p.t.Helper()
	code, out := p.ctl("list-sockets", "--no-legend", "--full")
	if code != 0 {
		p.t.Fatal(out)
	}
	lines = map[string]socketLine{}
	for line := range strings.Lines(out) {
		f := strings.Fields(line)
		if len(f) < 10 {
			p.t.Fatalf("a line of %d words: %s", len(f), line)
		}
		last := len(f) - 1
		lines[f[0]] = socketLine{f[1], f[2], f[3], f[4], f[5], f[6], f[last-1] + " " + filepath.Base(f[last])}
		order = append(order, f[0])
	}
	return lines, order
}

// TestListing: what every format listens at stands in one listing, with its
// file, its state, what waits and what is connected (S31).
func TestListing(t *testing.T) {
	who := me(t)
	ports := map[string]int{}
	for _, name := range []string{"nowait", "wait", "dgram", "x", "web", "slow", "plist", "job"} {
		for taken := true; taken; {
			ports[name] = freePort(t)
			taken = slices.Contains(withoutKey(ports, name), ports[name])
		}
	}
	path := filepath.Join(t.TempDir(), "u")
	p := up(t, map[string]string{
		"inetd.conf": fmt.Sprintf("127.0.0.1:%d stream tcp4 nowait %s /bin/cat\n127.0.0.1:%d stream tcp4 wait %s %s rouse inetd-builtin echo --idle 60s\n"+
			"127.0.0.1:%d dgram udp4 wait %s /bin/sleep sleep 1000\n%s stream unix nowait %s /bin/cat\n", ports["nowait"], who, ports["wait"], who, rouse, ports["dgram"], who, path, who),
		"xinetd.d/x":  fmt.Sprintf("service x\n{\n\ttype = UNLISTED\n\tprotocol = tcp\n\tsocket_type = stream\n\tbind = 127.0.0.1\n\tport = %d\n\twait = no\n\tuser = %s\n\tserver = /bin/cat\n}\n", ports["x"], who),
		"web.socket":  fmt.Sprintf("[Socket]\nListenStream=127.0.0.1:%d\nX-IdleSec=100ms\nX-IdleAction=freeze\n[Install]\nWantedBy=sockets.target\n", ports["web"]),
		"web.service": "[Service]\nExecStart=" + self(t, "fd") + "\n",
		// It never says that it is ready.
		"slow.socket":  fmt.Sprintf("[Socket]\nListenStream=127.0.0.1:%d\n[Install]\nWantedBy=sockets.target\n", ports["slow"]),
		"slow.service": "[Service]\nType=notify\nExecStart=/bin/sleep 1000\n",
		"p.plist": agent("org.p", "exec cat", fmt.Sprintf("<key>inetdCompatibility</key><dict><key>Wait</key><false/></dict><key>Sockets</key><dict><key>s</key>"+
			"<dict><key>SockNodeName</key><string>127.0.0.1</string><key>SockServiceName</key><integer>%d</integer></dict></dict>", ports["plist"])),
		"j.conf": fmt.Sprintf("start on socket PROTO=inet PORT=%d ADDR=127.0.0.1\nexec sleep 1000\n", ports["job"]),
	})
	at := func(name string) string { return "127.0.0.1:" + strconv.Itoa(ports[name]) }
	unitOf := func(name, proto string) string { return fmt.Sprintf("%d-%s-127.0.0.1", ports[name], proto) }
	want := map[string]socketLine{
		at("nowait"): {"Stream", unitOf("nowait", "tcp4") + ".socket", unitOf("nowait", "tcp4") + "@.service", "listening", "0", "0", "inetd inetd.conf:1"},
		at("wait"):   {"Stream", unitOf("wait", "tcp4") + ".socket", unitOf("wait", "tcp4") + ".service", "listening", "0", "0", "inetd inetd.conf:2"},
		at("dgram"):  {"Datagram", unitOf("dgram", "udp4") + ".socket", unitOf("dgram", "udp4") + ".service", "listening", "0", "-", "inetd inetd.conf:3"},
		at("x"):      {"Stream", "x-tcp.socket", "x-tcp@.service", "listening", "0", "0", "xinetd x:6"},
		at("web"):    {"Stream", "web.socket", "web.service", "listening", "0", "0", "systemd web.socket:2"},
		at("slow"):   {"Stream", "slow.socket", "slow.service", "listening", "0", "0", "systemd slow.socket:2"},
		at("plist"):  {"Stream", "org.p.socket", "org.p@.service", "listening", "0", "0", "launchd p.plist:13"},
		at("job"):    {"Stream", "-", "j.service", "listening", "0", "0", "upstart j.conf:1"},
	}
	got, order := p.listing()
	if len(order) != len(want)+1 || order[len(order)-1] != path {
		t.Errorf("the order is %v", order)
	}
	if !slices.IsSortedFunc(order[:len(order)-1], func(a, b string) int {
		x, _ := strconv.Atoi(strings.TrimPrefix(a, "127.0.0.1:"))
		y, _ := strconv.Atoi(strings.TrimPrefix(b, "127.0.0.1:"))
		return x - y
	}) {
		t.Errorf("not by port: %v", order)
	}
	for address, w := range want {
		if got[address] != w {
			t.Errorf("%s: %+v, want %+v", address, got[address], w)
		}
	}
	if l := got[path]; l.state != "listening" || l.file != "inetd inetd.conf:4" {
		t.Errorf("%s: %+v", path, l)
	}

	// Somebody is at each of them.
	for _, name := range []string{"nowait", "wait", "x", "web", "plist"} {
		c, err := net.Dial("tcp", at(name))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := fmt.Fprintln(c, "hello"); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Read(make([]byte, 64)); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	for _, name := range []string{"slow", "job", "slow"} {
		c, err := net.Dial("tcp", at(name))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	u, err := net.Dial("udp", at("dgram"))
	if err != nil {
		t.Fatal(err)
	}
	defer u.Close()
	if _, err := fmt.Fprint(u, "x"); err != nil {
		t.Fatal(err)
	}
	for address, state := range map[string][3]string{
		at("nowait"): {"running", "0", "1"}, at("wait"): {"running", "0", "1"}, at("x"): {"running", "0", "1"}, at("plist"): {"running", "0", "1"},
		at("web"): {"frozen", "0", "1"}, at("slow"): {"starting", "2", "0"}, at("job"): {"running", "1", "0"}, at("dgram"): {"running", "1", "-"},
	} {
		p.awaitListed(address, state)
	}

	var list []struct {
		Socket  string
		Listens []struct {
			Address  string
			Activity int64 `json:"last_activity_usec"`
		}
	}
	_, out := p.ctl("list-sockets", "--output=json")
	if err := json.Unmarshal([]byte(out), &list); err != nil {
		t.Fatal(err)
	}
	active := 0
	for _, s := range list {
		for _, l := range s.Listens {
			if when := time.UnixMicro(l.Activity); l.Address != path && (when.After(time.Now()) || time.Since(when) > time.Hour) {
				t.Errorf("%s was active last at %v", l.Address, when)
			} else {
				active++
			}
		}
	}
	if active != len(want)+1 {
		t.Errorf("%d of %d are in the JSON", active, len(want)+1)
	}
}

// awaitListed asks until state, pending and open are as wanted.
func (p *process) awaitListed(address string, want [3]string) {
	p.t.Helper()
	for deadline := time.Now().Add(patience); ; {
		lines, _ := p.listing()
		l := lines[address]
		if got := [3]string{l.state, l.pending, l.open}; got == want {
			return
		} else if time.Now().After(deadline) {
			p.t.Errorf("%s: state, pending and open are %v, not %v", address, got, want)
			return
		}
	}
}

// withoutKey are the values of all other keys.
func withoutKey(m map[string]int, key string) (out []int) {
	for k, v := range m {
		if k != key {
			out = append(out, v)
		}
	}
	return out
}
