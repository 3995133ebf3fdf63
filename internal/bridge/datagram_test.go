// SPDX-License-Identifier: Apache-2.0

package bridge

import (
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// answering answers each datagram with its sender's address and itself.
func answering(t testing.TB, network, addr string) string {
	t.Helper()
	if network == "unixgram" && addr == "" {
		addr = filepath.Join(t.TempDir(), "s")
	} else if addr == "" {
		addr = "127.0.0.1:0"
	}
	c, err := net.ListenPacket(network, addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	go func() {
		b := make([]byte, maxDatagram)
		for {
			n, from, err := c.ReadFrom(b)
			if err != nil {
				return
			}
			_, _ = c.WriteTo(fmt.Appendf(nil, "%v %s", from, b[:n]), from)
		}
	}()
	return network + ":" + c.LocalAddr().String()
}

func dialUDP(t testing.TB, addr string) net.Conn {
	t.Helper()
	c, err := net.Dial("udp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(time.Now().Add(patience))
	return c
}

// asks sends and returns who the backend thinks it was, and the rest.
func asks(t testing.TB, c net.Conn, word string) (who, rest string) {
	t.Helper()
	write(t, c, word)
	b := make([]byte, maxDatagram)
	n, err := c.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	who, rest, _ = strings.Cut(string(b[:n]), " ")
	return who, rest
}

// Each peer is somebody to the backend, and stays it.
func TestDatagrams(t *testing.T) {
	for _, to := range []string{"udp", "unixgram"} {
		backend := answering(t, to, "")
		b := bridging(t, Config{Listen: []string{"udp:127.0.0.1:0"}, To: []string{backend}})
		seen := map[string]bool{}
		for i := range 20 {
			c := dialUDP(t, b.Addrs()[0])
			who, rest := asks(t, c, "hello")
			again, _ := asks(t, c, strings.Repeat("x", 1400))
			if rest != "hello" || who != again || seen[who] {
				t.Fatalf("%s: peer %d is %s, then %s, and got %q", to, i, who, again, rest)
			}
			seen[who] = true
		}
		if b.Open() != 20 {
			t.Errorf("%d peers", b.Open())
		}
	}
}

func TestUnixDatagrams(t *testing.T) {
	backend := answering(t, "udp", "")
	dir := t.TempDir()
	b := bridging(t, Config{Listen: []string{"unixgram:" + dir + "/l"}, To: []string{backend}})
	c, err := net.DialUnix("unixgram", &net.UnixAddr{Name: dir + "/c", Net: "unixgram"}, &net.UnixAddr{Name: b.Addrs()[0][len("unixgram:"):], Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	if _, rest := asks(t, c, "hello"); rest != "hello" {
		t.Errorf("got %q", rest)
	}
}

// On a socket for all addresses an answer comes from the address that was
// asked, or a connected client would not see it.
func TestDatagramsToAnyAddress(t *testing.T) {
	backend := answering(t, "udp", "")
	for _, listen := range []string{"udp:0.0.0.0:0", "udp:0"} {
		b := bridging(t, Config{Listen: []string{listen}, To: []string{backend}})
		_, port, err := net.SplitHostPort(b.Addrs()[0])
		if err != nil {
			t.Fatal(err)
		}
		if _, rest := asks(t, dialUDP(t, "127.0.0.9:"+port), "hello"); rest != "hello" {
			t.Errorf("%s: got %q", listen, rest)
		}
	}
}

func TestDatagramsBeforeTheBackend(t *testing.T) {
	for _, to := range []string{"udp", "unixgram"} {
		addr := filepath.Join(t.TempDir(), "late")
		if to == "udp" {
			c, err := net.ListenPacket("udp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			addr = c.LocalAddr().String()
			c.Close()
		}
		b := bridging(t, Config{Listen: []string{"udp:127.0.0.1:0"}, To: []string{to + ":" + addr}})
		c := dialUDP(t, b.Addrs()[0])
		for i := range 10 {
			write(t, c, fmt.Sprint("number ", i))
		}
		_, _ = unix.Poll(nil, 300)
		answering(t, to, addr)
		for i := range 10 {
			buf := make([]byte, 1000)
			n, err := c.Read(buf)
			if want := fmt.Sprint("number ", i); err != nil || !strings.HasSuffix(string(buf[:n]), want) {
				t.Fatalf("%s: got %q, %v, want %q", to, buf[:n], err, want)
			}
		}
	}
}

func TestPeersAreForgotten(t *testing.T) {
	b := bridging(t, Config{Listen: []string{"udp:127.0.0.1:0"}, To: []string{answering(t, "udp", "")}, UDPTimeout: 100 * time.Millisecond})
	c := dialUDP(t, b.Addrs()[0])
	who, _ := asks(t, c, "x")
	eventually(t, "the end of a silent peer", func() bool { return b.Open() == 0 })
	if again, _ := asks(t, c, "x"); again == who {
		t.Errorf("it still is %s", who)
	}
}
