// SPDX-License-Identifier: Apache-2.0

package handover

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// serveHTTP is the static Go program.
func serveHTTP(args []string) {
	l, err := net.Listen(args[0], args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	_ = http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "hello from "+r.RemoteAddr)
	}))
}

// listenTCP is a held socket; v4 or v6, on a port of the kernel's choice.
func listenTCP(t testing.TB, sa unix.Sockaddr) (int, int) {
	t.Helper()
	family := unix.AF_INET
	if _, ok := sa.(*unix.SockaddrInet6); ok {
		family = unix.AF_INET6
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Skipf("no such sockets here: %v", err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
		t.Fatal(err)
	}
	if err := unix.Bind(fd, sa); err != nil {
		t.Skipf("no such address here: %v", err)
	}
	if err := unix.Listen(fd, 128); err != nil {
		t.Fatal(err)
	}
	got, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	switch a := got.(type) {
	case *unix.SockaddrInet4:
		return fd, a.Port
	case *unix.SockaddrInet6:
		return fd, a.Port
	}
	t.Fatal("not an IP socket")
	return -1, 0
}

var loopback = &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}

// TestRealDaemons runs unmodified programs: each is connected to before it
// starts, and must answer that client.
func TestRealDaemons(t *testing.T) {
	for _, c := range []struct {
		name, program string
		request, want string
		args          func(t *testing.T, port int, dir string) []string
		held          unix.Sockaddr
	}{
		{"go", "", "GET / HTTP/1.0\r\n\r\n", "hello from 127.0.0.1:", func(t *testing.T, port int, dir string) []string {
			return []string{self(t), "role", "http", "tcp", fmt.Sprintf(":%d", port)}
		}, loopback},
		{"python", "python3", "GET /page HTTP/1.0\r\n\r\n", "the page", func(t *testing.T, port int, dir string) []string {
			return []string{"-m", "http.server", fmt.Sprint(port), "--bind", "127.0.0.1"}
		}, loopback},
		{"python all addresses", "python3", "GET /page HTTP/1.0\r\n\r\n", "the page", func(t *testing.T, port int, dir string) []string {
			return []string{"-m", "http.server", fmt.Sprint(port)}
		}, loopback},
		{"node", "node", "GET / HTTP/1.0\r\n\r\n", "from node", func(t *testing.T, port int, dir string) []string {
			return []string{"-e", fmt.Sprintf(`require("http").createServer((q,r)=>r.end("from node")).listen(%d)`, port)}
		}, loopback},
		{"redis", "redis-server", "PING\r\n", "+PONG", func(t *testing.T, port int, dir string) []string {
			return []string{"--port", fmt.Sprint(port), "--save", "", "--appendonly", "no", "--dir", dir}
		}, loopback},
		{"nginx", "nginx", "GET /page HTTP/1.0\r\n\r\n", "the page", func(t *testing.T, port int, dir string) []string {
			return nginx(t, dir, fmt.Sprintf("listen %d;", port))
		}, loopback},
		{"nginx for both families", "nginx", "GET /page HTTP/1.0\r\n\r\n", "the page", func(t *testing.T, port int, dir string) []string {
			return nginx(t, dir, fmt.Sprintf("listen %[1]d reuseport; listen [::]:%[1]d;", port))
		}, &unix.SockaddrInet6{}},
		{"java", "java", "GET / HTTP/1.0\r\n\r\n", "from java", func(t *testing.T, port int, dir string) []string {
			if testing.Short() {
				t.Skip("takes two seconds, most of them for the compiler")
			}
			write(t, filepath.Join(dir, "Web.java"), fmt.Sprintf(`import com.sun.net.httpserver.*; import java.net.*;
				public class Web { public static void main(String[] a) throws Exception {
					HttpServer s = HttpServer.create(new InetSocketAddress(%d), 0);
					s.createContext("/", x -> { byte[] b = "from java".getBytes();
						x.sendResponseHeaders(200, b.length); x.getResponseBody().write(b); x.close(); });
					s.start(); } }`, port))
			return []string{filepath.Join(dir, "Web.java")}
		}, loopback},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			program := ""
			if c.program != "" {
				var err error
				if program, err = exec.LookPath(c.program); err != nil {
					t.Skipf("%s is not installed", c.program)
				}
			}
			dir := openDir(t)
			write(t, filepath.Join(dir, "page"), "the page")
			fd, port := listenTCP(t, c.held)
			client, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			args := c.args(t, port, dir)
			if program != "" {
				args = append([]string{program}, args...)
			}
			d := start{held: []Held{{FD: fd}}, args: args, dir: dir}.run(t)
			if got := exchange(t, client, c.request, c.want); !strings.Contains(got, c.want) {
				t.Errorf("the client that came first got %q\nevents:\n%s", got, d.seen())
			}
			<-d.listened
			if !strings.Contains(d.seen(), "bound 0\nlisten 0") {
				t.Errorf("events:\n%s", d.seen())
			}
		})
	}
}

func nginx(t *testing.T, dir, listen string) []string {
	t.Helper()
	conf := fmt.Sprintf("daemon off; pid %[1]s/pid; error_log stderr; worker_processes 2; events {}\n"+
		"http { access_log off; client_body_temp_path %[1]s/b; proxy_temp_path %[1]s/p; fastcgi_temp_path %[1]s/f;"+
		"uwsgi_temp_path %[1]s/u; scgi_temp_path %[1]s/s; server { %[2]s root %[1]s; } }\n", dir, listen)
	write(t, filepath.Join(dir, "nginx.conf"), conf)
	return []string{"-p", dir, "-e", "stderr", "-c", filepath.Join(dir, "nginx.conf")}
}

// exchange sends and reads until want has come, or the end.
func exchange(t *testing.T, c net.Conn, request, want string) string {
	t.Helper()
	if err := c.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(c, request); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	buf := make([]byte, 4096)
	for !strings.Contains(b.String(), want) {
		n, err := c.Read(buf)
		b.Write(buf[:n])
		if err != nil {
			break
		}
	}
	return b.String()
}

// openDir is a directory that daemons may use after giving up root.
func openDir(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	for d := dir; d != os.TempDir() && d != "/"; d = filepath.Dir(d) {
		if err := os.Chmod(d, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
