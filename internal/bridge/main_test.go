// SPDX-License-Identifier: Apache-2.0

package bridge

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestMain makes the test binary a bridge where BRIDGE_TEST says so.
func TestMain(m *testing.M) {
	if os.Getenv("BRIDGE_TEST") == "" {
		os.Exit(m.Run())
	}
	cfg := Defaults()
	cfg.Listen = strings.Fields(os.Getenv("BRIDGE_LISTEN"))
	cfg.To = strings.Fields(os.Getenv("BRIDGE_TO"))
	cfg.Idle, _ = time.ParseDuration(os.Getenv("BRIDGE_IDLE"))
	cfg.Await = os.Getenv("BRIDGE_AWAIT") != ""
	if err := Serve(cfg); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// patience is how long anything may take on a machine that is busy.
const patience = 20 * time.Second

// bridging runs a bridge until the test ends, which must find no connection
// left in it.
func bridging(t testing.TB, cfg Config) *Bridge {
	t.Helper()
	if cfg.Timeout == 0 {
		cfg.Timeout = patience
	}
	if cfg.Loops == 0 {
		cfg.Loops = 2
	}
	if cfg.Log == nil {
		cfg.Log = func(line string) { t.Log(line) }
	}
	b, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- b.Run() }()
	t.Cleanup(func() {
		b.Stop()
		b.Stop()
		select {
		case err := <-done:
			if err != nil && !errors.Is(err, ErrDrain) {
				t.Error(err)
			}
		case <-time.After(patience):
			t.Error("the bridge does not stop")
		}
		if n := b.Open(); n != 0 {
			t.Errorf("%d connections are left", n)
		}
	})
	return b
}

// eventually waits until ok, asking again and again.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); {
		if time.Now().After(end) {
			t.Fatalf("%s did not come", what)
		}
		_, _ = unix.Poll(nil, 1)
	}
}

// serving answers each connection with serve in a goroutine of its own.
func serving(t testing.TB, network, addr string, serve func(net.Conn)) string {
	t.Helper()
	if network == "unix" && addr == "" {
		addr = filepath.Join(t.TempDir(), "s")
	} else if addr == "" {
		addr = "127.0.0.1:0"
	}
	l, err := net.Listen(network, addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				serve(c)
			}()
		}
	}()
	return l.Addr().String()
}

func echo(c net.Conn) { _, _ = io.Copy(c, c) }

// dial connects to the bridge's first listener.
func dial(t testing.TB, b *Bridge) net.Conn {
	t.Helper()
	return dialAddr(t, b.Addrs()[0])
}

func dialAddr(t testing.TB, addr string) net.Conn {
	t.Helper()
	network := "tcp"
	if strings.HasPrefix(addr, "/") || strings.HasPrefix(addr, "@") {
		network = "unix"
	}
	c, err := net.Dial(network, addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(time.Now().Add(patience))
	return c
}

func write(t testing.TB, c net.Conn, s string) {
	t.Helper()
	if _, err := io.WriteString(c, s); err != nil {
		t.Fatal(err)
	}
}

func expect(t testing.TB, c io.Reader, want string) {
	t.Helper()
	got := make([]byte, len(want))
	if n, err := io.ReadFull(c, got); err != nil || string(got) != want {
		t.Fatalf("got %q, %v, want %q", got[:n], err, want)
	}
}

func isReset(err error) bool { return errors.Is(err, unix.ECONNRESET) || errors.Is(err, unix.EPIPE) }

// freeAddr is an address that nobody listens on.
func freeAddr(t testing.TB, network string) string {
	t.Helper()
	if network == "unix" {
		return filepath.Join(t.TempDir(), "free")
	}
	l, err := net.Listen(network, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func listenText(t testing.TB, network string) string {
	if network == "unix" {
		return filepath.Join(t.TempDir(), "l")
	}
	return "127.0.0.1:0"
}
