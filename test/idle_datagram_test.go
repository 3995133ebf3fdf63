// SPDX-License-Identifier: Apache-2.0

package test

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// datagramService answers each datagram of descriptor 3 with the pid and what
// it says; after "peer" from a socket of its own for that peer, until the peer
// says "bye".
func datagramService(args []string) int {
	l, err := net.FilePacketConn(os.NewFile(3, "socket"))
	if err != nil {
		return 1
	}
	buf := make([]byte, 100)
	for {
		n, from, err := l.ReadFrom(buf)
		if err != nil {
			return 1
		}
		if len(args) > 0 && args[0] == "peer" {
			c, err := net.DialUDP("udp", nil, from.(*net.UDPAddr))
			if err != nil {
				return 1
			}
			go talk(c, string(buf[:n]))
			continue
		}
		_, _ = fmt.Fprintf(packetWriter{l, from}, "%d %s", os.Getpid(), buf[:n])
	}
}

type packetWriter struct {
	net.PacketConn
	to net.Addr
}

func (w packetWriter) Write(b []byte) (int, error) { return w.WriteTo(b, w.to) }

func talk(c net.Conn, said string) {
	defer c.Close()
	buf := make([]byte, 100)
	for said != "bye" {
		fmt.Fprintf(c, "%d %s", os.Getpid(), said)
		n, err := c.Read(buf)
		if err != nil {
			return
		}
		said = string(buf[:n])
	}
}

// TestDatagramsUnderLoad: clients of a datagram service pause now and then; it
// sleeps in the pauses, and answers every datagram.
func TestDatagramsUnderLoad(t *testing.T) {
	for _, c := range []struct{ network, action, signal string }{
		{"udp", "freeze", "SIGTERM"}, {"udp", "stop", "SIGKILL"}, {"udp", "stop", "SIGTERM"},
		{"unixgram", "freeze", "SIGTERM"}, {"unixgram", "stop", "SIGKILL"},
	} {
		t.Run(c.network+"-"+c.action+"-"+c.signal, func(t *testing.T) {
			dir := t.TempDir()
			address := filepath.Join(dir, "s")
			if c.network == "udp" {
				address = fmt.Sprintf("127.0.0.1:%d", freePort(t))
			}
			p := up(t, map[string]string{
				"echo.socket": "[Socket]\nListenDatagram=" + address + "\n[Install]\nWantedBy=sockets.target\n",
				"echo.service": "[Service]\nX-IdleSec=20ms\nX-IdleAction=" + c.action + "\nKillSignal=" + c.signal +
					"\nExecStart=" + self(t, "datagram") + "\n",
			})
			var asked, failed atomic.Int64
			var wg sync.WaitGroup
			end := time.Now().Add(long(3 * time.Second))
			for i := range 4 {
				wg.Go(func() {
					r := rand.New(rand.NewPCG(1, uint64(i)))
					conn := dialDatagram(t, c.network, address, filepath.Join(dir, fmt.Sprint("c", i)))
					defer conn.Close()
					for n := 0; time.Now().Before(end); n++ {
						line := fmt.Sprintf("%d of %d", n, i)
						asked.Add(1)
						if answer, err := tell(conn, line); err != nil || !strings.HasSuffix(answer, " "+line) {
							failed.Add(1)
							t.Logf("%s: %q, %v", line, answer, err)
						}
						time.Sleep(time.Duration(r.Int64N(int64(300 * time.Millisecond))))
					}
				})
			}
			wg.Wait()
			_, status := p.ctl("status", "echo.service")
			t.Logf("%d datagrams, %d without an answer\n%s", asked.Load(), failed.Load(), status)
			if failed.Load() > 0 || sleeps(status) == 0 {
				t.Errorf("%d lost, %d sleeps", failed.Load(), sleeps(status))
			}
		})
	}
}

// dialDatagram connects; a unix client has a name of its own to be answered at.
func dialDatagram(t *testing.T, network, address, own string) net.Conn {
	t.Helper()
	if network == "udp" {
		c, err := net.Dial(network, address)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	c, err := net.DialUnix(network, &net.UnixAddr{Name: own, Net: network}, &net.UnixAddr{Name: address, Net: network})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func tell(c net.Conn, line string) (string, error) {
	if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return "", err
	}
	if _, err := fmt.Fprint(c, line); err != nil {
		return "", err
	}
	buf := make([]byte, 100)
	n, err := c.Read(buf)
	return string(buf[:n]), err
}

// TestDatagramPeers: a service that talks to each peer over a socket of its own
// (as tftpd does) is awake as long as there is one, however silent.
func TestDatagramPeers(t *testing.T) {
	port := freePort(t)
	p := up(t, map[string]string{
		"echo.socket":  fmt.Sprintf("[Socket]\nListenDatagram=127.0.0.1:%d\nX-IdleSec=20ms\nX-IdleAction=freeze\n[Install]\nWantedBy=sockets.target\n", port),
		"echo.service": "[Service]\nExecStart=" + self(t, "datagram", "peer") + "\n",
		// It sleeps and wakes the whole time, which tells how much has passed.
		"clock.socket":  fmt.Sprintf("[Socket]\nListenDatagram=127.0.0.1:%d\nX-IdleSec=20ms\nX-IdleAction=freeze\n[Install]\nWantedBy=sockets.target\n", freePort(t)),
		"clock.service": "[Service]\nExecStart=" + self(t, "datagram") + "\n",
	})
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	to := net.Addr(&net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port})
	buf := make([]byte, 100)
	for i := range 5 {
		if _, err := c.WriteTo(fmt.Append(nil, "line ", i), to); err != nil {
			t.Fatal(err)
		}
		n, from, err := c.ReadFrom(buf)
		if err != nil || !strings.HasSuffix(string(buf[:n]), fmt.Sprint("line ", i)) {
			t.Fatalf("%q, %v", buf[:n], err)
		}
		to = from // its own socket
		if code, out := p.ctl("restart", "clock.service"); code != 0 {
			t.Fatal(out)
		}
		p.await("clock.service", "FreezerState", "frozen")
		if p.property("echo.service", "FreezerState") != "running" {
			t.Fatal("it sleeps in the middle of a talk")
		}
	}
	if _, err := c.WriteTo([]byte("bye"), to); err != nil {
		t.Fatal(err)
	}
	p.await("echo.service", "FreezerState", "frozen")
}
