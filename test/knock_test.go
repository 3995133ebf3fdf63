// SPDX-License-Identifier: Apache-2.0

package test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// connectAndSay has a client say a line, and returns what awaits its answer.
func connectAndSay(t *testing.T, network, address, line string) (answer func() string) {
	t.Helper()
	c, err := net.DialTimeout(network, address, patience)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if _, err := fmt.Fprintln(c, line); err != nil {
		t.Fatal(err)
	}
	return func() string {
		_ = c.SetDeadline(time.Now().Add(patience))
		b := make([]byte, 1<<10)
		n, err := c.Read(b)
		if err != nil {
			return err.Error()
		}
		return strings.TrimSpace(string(b[:n]))
	}
}

// TestTemplateOfSockets: the image of port N runs when somebody connects to
// port N, and each of the two units is stopped by itself.
func TestTemplateOfSockets(t *testing.T) {
	port := freePort(t)
	address := "127.0.0.1:" + strconv.Itoa(port)
	socket, service := fmt.Sprintf("image@%d.socket", port), fmt.Sprintf("image@%d.service", port)
	p := up(t, map[string]string{
		"image@.socket":  "[Socket]\nListenStream=127.0.0.1:%i\n",
		"image@.service": "[Service]\nExecStart=" + self(t, "fd") + "\n",
	})
	if code, out := p.ctl("start", socket); code != 0 {
		t.Fatal(out)
	}
	if pid := p.property(service, "MainPID"); pid != "0" {
		t.Errorf("the start of the socket started process %s", pid)
	}
	who := func() string {
		answer, err := ask("tcp", address, "who")
		if err != nil {
			t.Fatal(err)
		}
		pid, _, _ := strings.Cut(answer, " ")
		return pid
	}
	first := who()
	if pid := p.property(service, "MainPID"); pid != first {
		t.Errorf("process %s answers, not %s", first, pid)
	}
	if code, out := p.ctl("stop", service); code != 0 {
		t.Fatal(out)
	}
	if got := p.property(socket, "SubState"); got != "listening" {
		t.Errorf("without its service the socket is %s", got)
	}
	if who() == first {
		t.Error("the service was not stopped")
	}
	if code, out := p.ctl("stop", service, socket); code != 0 {
		t.Fatal(out)
	}
	if _, err := net.Dial("tcp", address); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("port of a stopped socket: %v", err)
	}
}

// TestWhatASocketPasses: descriptor 3 and nothing more, IPv4 if the address is,
// and the environment that belongs to it.
func TestWhatASocketPasses(t *testing.T) {
	port := strconv.Itoa(freePort(t))
	up(t, map[string]string{
		"s.socket":  "[Socket]\nListenStream=0.0.0.0:" + port + "\nFileDescriptorName=web\n[Install]\nWantedBy=sockets.target\n",
		"s.service": "[Service]\nExecStart=" + self(t, "tell") + "\n",
	})
	answer, err := ask("tcp", "127.0.0.1:"+port, "hello")
	if want := "fds=1 pid=mine names=web family=2 next=closed"; err != nil || answer != want {
		t.Errorf("%q, %v; want %q", answer, err, want)
	}
}

// TestClientsOfASlowStart: who connects while the service starts is answered,
// and nobody else waits for it.
func TestClientsOfASlowStart(t *testing.T) {
	dir := t.TempDir()
	slow, fast := strconv.Itoa(freePort(t)), strconv.Itoa(freePort(t))
	on := "\n[Install]\nWantedBy=sockets.target\n"
	p := up(t, map[string]string{
		"slow.socket":  "[Socket]\nListenStream=127.0.0.1:" + slow + on,
		"slow.service": "[Service]\nExecStart=/bin/sh -c '" + hold(dir+"/go") + "; exec " + self(t, "fd") + "'\n",
		"fast.socket":  "[Socket]\nListenStream=127.0.0.1:" + fast + on,
		"fast.service": "[Service]\nExecStart=" + self(t, "fd") + "\n",
	})
	var answers []func() string
	for i := range 100 {
		answers = append(answers, connectAndSay(t, "tcp", "127.0.0.1:"+slow, fmt.Sprintf("client %d", i)))
	}
	p.await("slow.service", "SubState", "running")
	if _, err := ask("tcp", "127.0.0.1:"+fast, "hello"); err != nil {
		t.Errorf("who has nothing to do with it waits: %v", err)
	}
	release(t, dir+"/go")
	for i, answer := range answers {
		if got, want := answer(), fmt.Sprintf(" client %d", i); !strings.HasSuffix(got, want) {
			t.Errorf("client %d: %q", i, got)
		}
	}
}

// TestVandal: what a service does to the socket that it shares with the manager
// is mended before the next one gets it.
func TestVandal(t *testing.T) {
	for _, deed := range []string{"backlog", "block", "shutdown"} {
		t.Run(deed, func(t *testing.T) {
			port := freePort(t)
			address := "127.0.0.1:" + strconv.Itoa(port)
			p := up(t, map[string]string{
				"v.socket":  "[Socket]\nListenStream=" + address + "\n[Install]\nWantedBy=sockets.target\n",
				"v.service": "[Service]\nExecStart=" + self(t, "vandal", deed) + "\n",
			})
			for i := range 3 {
				if _, err := ask("tcp", address, "hello"); err != nil {
					t.Fatalf("client %d: %v", i, err)
				}
				p.await("v.service", "SubState", "dead")
			}
			if deed == "backlog" && backlogOf(t, port) < 128 {
				t.Errorf("room for %d in the queue", backlogOf(t, port))
			}
		})
	}
}

// TestVandalOfUnixListener: one that was shut down does not come back to life, so
// another takes its address.
func TestVandalOfUnixListener(t *testing.T) {
	for _, address := range []string{filepath.Join(t.TempDir(), "v"), fmt.Sprintf("@rouse-test-%d-vandal", os.Getpid())} {
		p := up(t, map[string]string{
			"v.socket":  "[Socket]\nListenStream=" + address + "\n[Install]\nWantedBy=sockets.target\n",
			"v.service": "[Service]\nExecStart=" + self(t, "vandal", "shutdown") + "\n",
		})
		for i := range 3 {
			if _, err := ask("unix", address, "hello"); err != nil {
				t.Fatalf("%s: client %d: %v", address, i, err)
			}
			p.await("v.service", "SubState", "dead")
		}
	}
}

// TestBlockingServer: sockets block, as descriptor 3 and as standard input, and
// go on doing so when their service was asleep.
func TestBlockingServer(t *testing.T) {
	for fd, lines := range map[string]string{"3": "", "0": "StandardInput=socket\n"} {
		t.Run("descriptor "+fd, func(t *testing.T) {
			address := "127.0.0.1:" + strconv.Itoa(freePort(t))
			p := up(t, map[string]string{
				"b.socket":  "[Socket]\nListenStream=" + address + "\nX-IdleSec=20ms\nX-IdleAction=freeze\n[Install]\nWantedBy=sockets.target\n",
				"b.service": "[Service]\n" + lines + "ExecStart=" + self(t, "blocking", fd) + "\n",
			})
			first := ""
			for i := range 6 { // two at each wake
				answer, err := ask("tcp", address, "hello")
				if err != nil {
					t.Fatalf("client %d: %v\n%s", i, err, p.output())
				}
				pid, _, _ := strings.Cut(answer, " ")
				if first == "" {
					first = pid
				}
				if pid != first {
					t.Errorf("client %d: process %s answers, before it was %s", i, pid, first)
				}
				if i%2 == 1 {
					p.await("b.service", "FreezerState", "frozen")
				}
			}
		})
	}
}

// TestSocketRestarts: a port that is given up can be had again at once.
func TestSocketRestarts(t *testing.T) {
	tcp, abstract := "127.0.0.1:"+strconv.Itoa(freePort(t)), fmt.Sprintf("@rouse-test-%d-again", os.Getpid())
	p := up(t, map[string]string{
		"r.socket":  "[Unit]\nStartLimitIntervalSec=0\n[Socket]\nListenStream=" + tcp + "\nListenStream=" + abstract + "\n[Install]\nWantedBy=sockets.target\n",
		"r.service": "[Service]\nExecStart=/bin/true\n",
	})
	for i := range 20 {
		if code, out := p.ctl("restart", "r.socket"); code != 0 {
			t.Fatalf("restart %d: %s", i, out)
		}
	}
}

// TestSocketsFirst: the first program that runs finds all sockets there, and of
// services that nobody asks for none runs.
func TestSocketsFirst(t *testing.T) {
	const n = 50
	units := map[string]string{}
	var addresses []string
	for i, port := range freePorts(t, n) {
		addresses = append(addresses, "127.0.0.1:"+strconv.Itoa(port))
		units[fmt.Sprintf("z%d.socket", i)] = "[Socket]\nListenStream=" + addresses[i] + "\n[Install]\nWantedBy=sockets.target\n"
		units[fmt.Sprintf("z%d.service", i)] = "[Service]\nExecStart=" + self(t, "fd") + "\n"
	}
	units["a.service"] = "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=" + self(t, append([]string{"dial"}, addresses[n/2:]...)...) + "\n[Install]\nWantedBy=default.target\n"
	p := up(t, units)
	if got := p.property("a.service", "Result"); got != "success" {
		t.Errorf("a.service: %s\n%s", got, p.output())
	}
	_, out := p.ctl("list-units", "--state=active", "--no-legend", "--plain", "z*.service")
	if ran := strings.Count(out, "\n"); ran > n/2 {
		t.Errorf("%d services run, %d were asked for:\n%s", ran, n/2, out)
	}
	for i := range n / 2 {
		if pid := p.property(fmt.Sprintf("z%d.service", i), "MainPID"); pid != "0" {
			t.Errorf("z%d.service runs", i)
		}
	}
}

// TestDatagramsBeforeTheirReader: they wait in their order; a full queue stops
// its own writers only.
func TestDatagramsBeforeTheirReader(t *testing.T) {
	dir := t.TempDir()
	log, full := filepath.Join(dir, "log"), filepath.Join(dir, "full")
	unitsOf := func(path string) (string, string) {
		return "[Socket]\nListenDatagram=" + path + "\n[Install]\nWantedBy=sockets.target\n",
			"[Service]\nExecStart=/bin/sh -c '" + hold(path+".go") + "; exec " + self(t, "datagrams", path+".got") + "'\n"
	}
	units := map[string]string{}
	units["log.socket"], units["log.service"] = unitsOf(log)
	units["full.socket"], units["full.service"] = unitsOf(full)
	p := up(t, units)
	var want [2][]string
	blocked := false
	for i := 0; !blocked; i++ {
		blocked = !send(t, full, fmt.Sprintf("message %d", i))
		if !blocked {
			want[0] = append(want[0], fmt.Sprintf("message %d", i))
		}
		if i < 5 {
			want[1] = append(want[1], fmt.Sprintf("line %d", i))
			if !send(t, log, want[1][i]) {
				t.Errorf("line %d waits", i)
			}
		}
	}
	want[1] = append(want[1], "one more")
	if !send(t, log, "one more") {
		t.Error("the writer of a queue with room waits for that of another")
	}
	p.await("full.service", "SubState", "running")
	release(t, full+".go")
	release(t, log+".go")
	awaitText(t, full+".got", want[0]...)
	awaitText(t, log+".got", want[1]...)
}

// send writes a datagram, and tells whether there was room for it.
func send(t *testing.T, path, text string) bool {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_DGRAM|syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(fd)
	err = syscall.Sendto(fd, []byte(text), 0, &syscall.SockaddrUnix{Name: path})
	if err != nil && !errors.Is(err, syscall.EAGAIN) {
		t.Fatal(err)
	}
	return err == nil
}

// TestKilledServer: a server that dies again and again under load is there
// again; its port is never closed, and who was not accepted yet loses nothing.
func TestKilledServer(t *testing.T) {
	address := "127.0.0.1:" + strconv.Itoa(freePort(t))
	p := up(t, map[string]string{
		"web.socket":  "[Socket]\nListenStream=" + address + "\nTriggerLimitIntervalSec=0\n[Install]\nWantedBy=sockets.target\n",
		"web.service": "[Unit]\nStartLimitIntervalSec=0\n[Service]\nExecStart=" + self(t, "fd") + "\n",
	})
	var answered, lost atomic.Int64
	end := time.Now().Add(long(3 * time.Second))
	var clients sync.WaitGroup
	for range 4 {
		clients.Go(func() {
			for time.Now().Before(end) {
				c, err := net.Dial("tcp", address)
				if err != nil {
					t.Errorf("the port was closed: %v", err)
					return
				}
				b := make([]byte, 64)
				_ = c.SetDeadline(time.Now().Add(patience))
				fmt.Fprintln(c, "hello")
				switch n, err := c.Read(b); {
				case n > 0:
					answered.Add(1)
				case errors.Is(err, syscall.ETIMEDOUT):
					t.Errorf("nobody answered: %v", err)
				default: // it had been accepted
					lost.Add(1)
				}
				_ = c.Close()
			}
		})
	}
	kills := int64(0)
	for time.Now().Before(end) {
		pid, _ := strconv.Atoi(p.property("web.service", "MainPID"))
		if pid > 1 && syscall.Kill(pid, syscall.SIGKILL) == nil {
			kills++
		}
	}
	clients.Wait()
	t.Logf("%d kills, %d answered, %d lost with their server", kills, answered.Load(), lost.Load())
	if kills < 3 || answered.Load() == 0 || lost.Load() > 4*kills {
		t.Errorf("%d kills cost %d of %d requests", kills, lost.Load(), answered.Load()+lost.Load())
	}
}
