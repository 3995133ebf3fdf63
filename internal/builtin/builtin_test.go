// SPDX-License-Identifier: Apache-2.0

package builtin

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// TestMain plays the process, too: Serve ends with it.
func TestMain(m *testing.M) {
	if name := os.Getenv("BUILTIN_TEST"); name != "" {
		idle, err := time.ParseDuration(os.Getenv("BUILTIN_IDLE"))
		if err == nil {
			err = Serve(name, idle)
		}
		if err != nil {
			os.Stderr.WriteString(err.Error())
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// run serves name on the files in a process of its own.
func run(t *testing.T, name, idle string, stdin bool, files ...*os.File) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(exe)
	c.Env = append(os.Environ(), "BUILTIN_TEST="+name, "BUILTIN_IDLE="+idle, "LISTEN_FDS=")
	if stdin {
		c.Stdin = files[0]
	} else {
		c.ExtraFiles = files
		c.Env = append(c.Env, "LISTEN_FDS="+string(rune('0'+len(files))))
	}
	c.Stderr = os.Stderr
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Process.Kill()
		_ = c.Wait()
	})
	return c
}

type filer interface{ File() (*os.File, error) }

func fileOf(t *testing.T, s filer) *os.File {
	t.Helper()
	f, err := s.File()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func listen(t *testing.T) *net.TCPListener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l.(*net.TCPListener)
}

func dial(t *testing.T, network, address string) net.Conn {
	t.Helper()
	c, err := net.Dial(network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return c
}

// TestStreams: what each service says to one client.
func TestStreams(t *testing.T) {
	for name, right := range map[string]func(got string) bool{
		"echo":    func(got string) bool { return got == "hello\n" },
		"discard": func(got string) bool { return got == "" },
		"daytime": func(got string) bool {
			_, err := time.Parse("Mon Jan _2 15:04:05 2006\r\n", got)
			return err == nil
		},
		"time": func(got string) bool {
			return len(got) == 4 && time.Since(time.Unix(int64(binary.BigEndian.Uint32([]byte(got)))-since1900, 0)).Abs() < time.Minute
		},
	} {
		l := listen(t)
		run(t, name, "1m", false, fileOf(t, l))
		c := dial(t, "tcp", l.Addr().String())
		if _, err := io.WriteString(c, "hello\n"); err != nil {
			t.Fatal(err)
		}
		if err := c.(*net.TCPConn).CloseWrite(); err != nil && name != "daytime" && name != "time" { // those end at once
			t.Fatal(err)
		}
		got, _ := io.ReadAll(c) // a reset ends the answer of who does not read
		if !right(string(got)) {
			t.Errorf("%s says %q", name, got)
		}
	}
}

func TestChargen(t *testing.T) {
	l := listen(t)
	run(t, "chargen", "1m", false, fileOf(t, l))
	c := dial(t, "tcp", l.Addr().String())
	buf := make([]byte, 96*lineLength)
	if _, err := io.ReadFull(c, buf); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(buf), "\r\n")
	if len(lines[0]) != 72 || lines[0][0] != ' ' || lines[1][0] != '!' || lines[95] != lines[0] {
		t.Errorf("the pattern is wrong: %q", lines[:3])
	}
}

// TestDatagrams: an answer is never longer than its question.
func TestDatagrams(t *testing.T) {
	for _, c := range []struct{ name, question, answer string }{
		{"echo", "hello", "hello"}, {"chargen", "12345", ` !"#$`},
	} {
		l, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		run(t, c.name, "1m", false, fileOf(t, l))
		conn := dial(t, "udp", l.LocalAddr().String())
		if _, err := io.WriteString(conn, c.question); err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 100)
		n, err := conn.Read(buf)
		if err != nil || string(buf[:n]) != c.answer {
			t.Errorf("%s answers %q, %v", c.name, buf[:n], err)
		}
	}
}

// TestIdle: it ends when it has nothing to do, not while a client is there,
// and the listener goes on without it.
func TestIdle(t *testing.T) {
	l := listen(t)
	p := run(t, "echo", "150ms", false, fileOf(t, l), fileOf(t, listen(t)))
	c := dial(t, "tcp", l.Addr().String())
	for range 5 { // together longer than it would wait for somebody
		if _, err := io.WriteString(c, "x"); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
			t.Fatal("it ended with a client:", err)
		}
		silence(t, c, 80*time.Millisecond)
	}
	c.Close()
	if err := p.Wait(); err != nil {
		t.Error(err)
	}
	late := dial(t, "tcp", l.Addr().String())
	if _, err := io.WriteString(late, "queued"); err != nil {
		t.Fatal(err)
	}
	run(t, "echo", "1m", false, fileOf(t, l))
	if _, err := io.ReadFull(late, make([]byte, 6)); err != nil {
		t.Error("who waited was not served:", err)
	}
}

// silence makes sure that nothing comes for a while.
func silence(t *testing.T, c net.Conn, d time.Duration) {
	t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(d)); err != nil {
		t.Fatal(err)
	}
	if n, err := c.Read(make([]byte, 1)); n > 0 || errors.Is(err, io.EOF) {
		t.Fatalf("read %d, %v", n, err)
	}
	if err := c.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
}

// TestConnection: one connection, as standard input (nowait) or descriptor 3.
func TestConnection(t *testing.T) {
	for _, stdin := range []bool{true, false} {
		l := listen(t)
		c := dial(t, "tcp", l.Addr().String())
		got, err := l.AcceptTCP()
		if err != nil {
			t.Fatal(err)
		}
		p := run(t, "echo", "1m", stdin, fileOf(t, got))
		got.Close()
		if _, err := io.WriteString(c, "one"); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(c, make([]byte, 3)); err != nil {
			t.Error(err)
		}
		c.Close()
		if err := p.Wait(); err != nil {
			t.Error("it does not end with its connection:", err)
		}
	}
}

// TestAnswerable: two services must not be made to talk to each other.
func TestAnswerable(t *testing.T) {
	for addr, want := range map[string]bool{
		"192.0.2.1:40000": true, "[2001:db8::1]:40000": true, "192.0.2.1:7": false, "192.0.2.1:1023": false, "192.0.2.1:2049": false,
		"224.0.0.1:40000": false, "0.0.0.0:40000": false, "[ff02::1]:40000": false,
	} {
		u, err := net.ResolveUDPAddr("udp", addr)
		if err != nil {
			t.Fatal(err)
		}
		if answerable(u) != want {
			t.Errorf("%s: %v", addr, !want)
		}
	}
}
