// SPDX-License-Identifier: Apache-2.0

package test

import (
	"fmt"
	"net"
	"strings"
	"testing"
)

// A port that somebody else has: the sockets of all formats say who, wait, and
// listen when it becomes free. A person who starts a socket that nothing wants
// is told at once, and that is all.
func TestSocketWaitsForItsPort(t *testing.T) {
	var taken [4]net.Listener
	var port [4]int
	for i := range taken {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		taken[i], port[i] = l, l.Addr().(*net.TCPAddr).Port
	}
	p := up(t, map[string]string{
		"unit.socket":  fmt.Sprintf("[Socket]\nListenStream=127.0.0.1:%d\n[Install]\nWantedBy=sockets.target\n", port[0]),
		"unit.service": "[Service]\nExecStart=" + self(t, "fd") + "\n",
		"inetd.conf":   fmt.Sprintf("127.0.0.1:%d stream tcp4 nowait %s /bin/cat cat\n", port[1], me(t)),
		"job.plist": agent("job", "exec cat", fmt.Sprintf("<key>Sockets</key><dict><key>s</key><dict><key>SockNodeName</key><string>127.0.0.1</string>"+
			"<key>SockServiceName</key><integer>%d</integer></dict></dict>", port[2])),
		"hand.socket":  fmt.Sprintf("[Socket]\nListenStream=127.0.0.1:%d\n", port[3]),
		"hand.service": "[Service]\nExecStart=" + self(t, "fd") + "\n",
	})
	_, list := p.ctl("list-units", "--all", "--plain", "--no-legend", "*.socket")
	var names []string
	for line := range strings.Lines(list) {
		if name := strings.Fields(line)[0]; name != "hand.socket" {
			names = append(names, name)
		}
	}
	if len(names) != 3 {
		t.Fatal(list)
	}
	for _, name := range names {
		p.await(name, "ActiveState", "failed")
		if _, out := p.ctl("status", name); !strings.Contains(out, "address already in use") || !strings.Contains(out, "waits to bind again in") {
			t.Errorf("status of %s: %s", name, out)
		}
	}
	if code, out := p.ctl("start", "hand.socket"); code != 1 {
		t.Errorf("start of hand.socket: status %d: %s", code, out)
	}
	if _, out := p.ctl("status", "hand.socket"); strings.Contains(out, "waits to bind") {
		t.Error(out)
	}
	for _, l := range taken {
		l.Close()
	}
	for _, name := range names {
		p.await(name, "SubState", "listening")
	}
	p.await("hand.socket", "ActiveState", "failed")
	if answer, err := ask("tcp", fmt.Sprintf("127.0.0.1:%d", port[0]), "hello"); err != nil || !strings.HasSuffix(answer, " hello") {
		t.Errorf("%q, %v", answer, err)
	}
}

// Two files want one port: the one that comes later names both.
func TestPortWantedTwice(t *testing.T) {
	port := freePort(t)
	p := up(t, map[string]string{
		"web.socket":   fmt.Sprintf("[Socket]\nListenStream=127.0.0.1:%d\nAccept=yes\n[Install]\nWantedBy=sockets.target\n", port),
		"web@.service": "[Service]\nExecStart=/bin/cat\nStandardInput=socket\n",
		"inetd.conf":   fmt.Sprintf("127.0.0.1:%d stream tcp4 nowait %s /bin/cat cat\n", port, me(t)),
	})
	p.awaitLine("address already in use")
	if out := p.output(); !strings.Contains(out, "web.socket:2:14") || !strings.Contains(out, "inetd.conf:1:1") || !strings.Contains(out, "give one of them another address") {
		t.Error(out)
	}
}
