// SPDX-License-Identifier: Apache-2.0

package bridge

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestOwnRefused: what leads to the bridge's own listeners, in whatever way it is
// written, is refused at the start.
func TestOwnRefused(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "a"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("s", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
	l.Close()
	abstract := "@rouse-own-" + strconv.Itoa(os.Getpid())
	for _, c := range []struct {
		listen, to string
		own        bool
	}{
		{"127.0.0.1:" + port, port, true},
		{"127.0.0.1:" + port, "localhost:" + port, true},
		{"127.0.0.1:" + port, "0.0.0.0:" + port, true},
		{"127.0.0.1:" + port, "127.0.0.2:" + port, false},
		{port, "127.0.0.2:" + port, true},
		{"0.0.0.0:" + port, "127.0.0.1:" + port, true},
		{"[::1]:" + port, "127.0.0.1:" + port, false},
		{"udp:127.0.0.1:" + port, "udp:localhost:" + port, true},
		{dir + "/s", dir + "/s", true},
		{dir + "/s", dir + "/a/../s", true},
		{dir + "/s", dir + "/link", true},
		{dir + "/s", dir + "/other", false},
		{"unixgram:" + dir + "/s", "unixgram:" + dir + "/a/../s", true},
		{abstract, abstract, true},
		{abstract, abstract + "x", false},
	} {
		b, err := New(Config{Listen: []string{c.listen}, To: []string{c.to}, Log: func(line string) { t.Log(line) }})
		own := err != nil && strings.Contains(err.Error(), "the bridge listens there itself") && strings.Contains(err.Error(), "fix: ")
		if own != c.own || err != nil && !own && !strings.Contains(err.Error(), "cannot assign") && !strings.Contains(err.Error(), "not supported") {
			t.Errorf("%s to %s: %v", c.listen, c.to, err)
		}
		if b != nil {
			b.closeAll()
		}
	}
}

// TestOwnLater: a path that leads to the bridge only once it runs costs its
// client the time of its patience, and no descriptors.
func TestOwnLater(t *testing.T) {
	dir := t.TempDir()
	said := make(chan string, 64)
	b := bridging(t, Config{
		Listen: []string{dir + "/s"}, To: []string{dir + "/link"}, Timeout: patience / 100,
		Log: func(line string) {
			select {
			case said <- line:
			default:
			}
		},
	})
	if err := os.Symlink("s", dir+"/link"); err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial("unix", dir+"/s")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if n, err := c.Read(make([]byte, 1)); err == nil {
		t.Errorf("it read %d bytes", n)
	}
	if line := <-said; !strings.Contains(line, dir+"/link: the bridge listens there itself") {
		t.Errorf("it says %q", line)
	}
	eventually(t, "the end of the connection", func() bool { return b.Open() == 0 })
}

// TestUnixName: the names of addresses.
func TestUnixName(t *testing.T) {
	for _, name := range []string{"/a", "/" + strings.Repeat("x", maxPath-1), "@a", "@" + strings.Repeat("x", maxPath-1)} {
		if s := unixAddr(name); s.unixName() != name {
			t.Errorf("%s: %s", name, s.unixName())
		}
	}
	if s := (sockaddr{size: unixHead}); s.unixName() != "" || s.family() == unix.AF_UNIX {
		t.Error("an empty address has a name")
	}
}
