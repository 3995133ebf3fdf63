// SPDX-License-Identifier: Apache-2.0

package source

import (
	"fmt"
	"net"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// freePort is a port of the loopback that nobody has now.
func freePort(t *testing.T, addr string) int {
	t.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort(addr, "0"))
	if err != nil {
		t.Skipf("no address %s here: %v", addr, err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func dial(t *testing.T, network, addr string) net.Conn {
	t.Helper()
	c, err := net.Dial(network, addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// take accepts what waits at the source, as the job would.
func (r *rig) take(key string) {
	r.t.Helper()
	fds := r.set.FDs(key)
	if len(fds) != 1 {
		r.t.Fatalf("%s has the descriptors %v", key, fds)
	}
	conn, _, err := unix.Accept4(fds[0], unix.SOCK_CLOEXEC)
	if err != nil {
		r.t.Fatal(err)
	}
	unix.Close(conn)
}

func TestSocketFamilies(t *testing.T) {
	four, six := freePort(t, "127.0.0.1"), freePort(t, "::1")
	r := newRig(t)
	path := r.dir + "/sock"
	abstract := fmt.Sprintf("@rouse-test-%d", os.Getpid())
	for _, c := range []struct{ term, network, addr, want string }{
		{
			fmt.Sprintf("socket PROTO=inet PORT=%d ADDR=127.0.0.1", four), "tcp", fmt.Sprintf("127.0.0.1:%d", four),
			fmt.Sprintf("socket PROTO=inet PORT=%d ADDR=127.0.0.1", four),
		},
		{
			fmt.Sprintf("socket PROTO=inet PORT=%d", four), "tcp", fmt.Sprintf("127.0.0.1:%d", four),
			fmt.Sprintf("socket PROTO=inet PORT=%d ADDR=0.0.0.0", four),
		},
		{
			fmt.Sprintf("socket inet6 %d ::1", six), "tcp", fmt.Sprintf("[::1]:%d", six),
			fmt.Sprintf("socket PROTO=inet6 PORT=%d ADDR=::1", six),
		},
		{"socket PROTO=unix SOCKET_PATH=" + path, "unix", path, "socket PROTO=unix SOCKET_PATH=" + path},
		{"socket PROTO=unix PATH=" + path, "unix", path, "socket PROTO=unix PATH=" + path},
		{"socket unix " + abstract, "unix", abstract, "socket PROTO=unix SOCKET_PATH=" + abstract},
	} {
		key := ""
		r.onTold = func(_, k string) { key = k }
		r.set.Want([]Wanted{term(c.term)})
		dial(t, c.network, c.addr)
		r.expect(c.want)
		dial(t, c.network, c.addr)
		r.expect() // one event until it is armed
		r.take(key)
		r.set.Arm(key)
		r.expect(c.want)
		r.take(key)
		r.set.Arm(key)
		r.expect()
		r.set.Want(nil)
		if conn, err := net.Dial(c.network, c.addr); err == nil {
			conn.Close()
			t.Errorf("%s is still open", c.addr)
		}
	}
	if _, err := os.Lstat(path); err == nil {
		t.Error("the node of the socket is left")
	}
	if len(r.store) != 0 {
		t.Errorf("the guardian still has %v", r.store)
	}
}

// TestListening is what people are shown of the addresses.
func TestListening(t *testing.T) {
	r := newRig(t)
	port := freePort(t, "127.0.0.1")
	address := fmt.Sprintf("127.0.0.1:%d", port)
	want := fmt.Sprintf("socket PROTO=inet PORT=%d ADDR=127.0.0.1", port)
	r.set.Want([]Wanted{termOf("one.service", want), termOf("two.service", fmt.Sprintf("socket inet %d 127.0.0.1", port))})
	check := func(armed, knocked bool) {
		t.Helper()
		list := r.set.Listening()
		if len(list) != 2 || list[0].Unit != "one.service" || list[1].Unit != "two.service" {
			t.Fatalf("%+v", list)
		}
		for _, l := range list {
			if l.Listen.Address != address || l.FD < 0 || l.Armed != armed || (l.Knocked != 0) != knocked {
				t.Errorf("armed %v, knocked %v: %+v", armed, knocked, l)
			}
		}
	}
	check(true, false)
	dial(t, "tcp", address)
	r.expect(want)
	check(false, true)
}

func TestSocketOutlivesTheManager(t *testing.T) {
	r := newRig(t)
	path := r.dir + "/sock"
	want := term("socket PROTO=unix SOCKET_PATH=" + path)
	r.set.Want([]Wanted{want})
	ino := inode(t, path)
	dial(t, "unix", path)
	r.die(want)
	r.expect("socket PROTO=unix SOCKET_PATH=" + path)
	if inode(t, path) != ino {
		t.Error("the socket was made anew")
	}
	r.die() // the job is gone with the next life
	if _, err := net.Dial("unix", path); err == nil {
		t.Error("the socket is still listened at")
	}
}

// TestShutDownSocket: the guardian's copy of a dead socket must not keep the
// name from the next one.
func TestShutDownSocket(t *testing.T) {
	name := fmt.Sprintf("@rouse-test-%d-dead", os.Getpid())
	want := term("socket PROTO=unix SOCKET_PATH=" + name)
	key := "socket:unix " + name
	// dead is a source whose job shut the socket down.
	dead := func(t *testing.T) *rig {
		r := newRig(t)
		r.set.Want([]Wanted{want})
		dial(t, "unix", name)
		r.expect("socket PROTO=unix SOCKET_PATH=" + name)
		r.take(key)
		if err := unix.Shutdown(r.set.FDs(key)[0], unix.SHUT_RDWR); err != nil {
			t.Fatal(err)
		}
		return r
	}
	t.Run("armed", func(t *testing.T) {
		r := dead(t)
		r.set.Arm(key)
		dial(t, "unix", name)
		r.expect("socket PROTO=unix SOCKET_PATH=" + name)
	})
	t.Run("adopted", func(t *testing.T) {
		r := dead(t)
		r.die(want)
		dial(t, "unix", name)
		r.expect("socket PROTO=unix SOCKET_PATH=" + name)
	})
}

func inode(t *testing.T, path string) uint64 {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		t.Fatal(err)
	}
	return st.Ino
}

// TestPortInUse: it is said with the line of the job, once, and tried again.
func TestPortInUse(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	r := newRig(t)
	line := fmt.Sprintf("socket PROTO=inet PORT=%d ADDR=127.0.0.1", port)
	r.set.Want([]Wanted{term(line)})
	if !r.saidLike("/etc/init/job.conf:3:10: job.service: warning: cannot listen on 127.0.0.1:") || !r.saidLike("in use") {
		t.Fatalf("said: %q", r.said)
	}
	for range 3 {
		r.ahead += retryMost
		r.turn(0)
	}
	if len(r.said) != 1 {
		t.Errorf("said: %q", r.said)
	}
	l.Close()
	r.ahead += retryMost
	r.turn(0)
	dial(t, "tcp", l.Addr().String())
	r.expect(line)
}

// TestNobodyTakesConnections: a job that dies at once does not make the
// manager spin.
func TestNobodyTakesConnections(t *testing.T) {
	r := newRig(t)
	path := r.dir + "/sock"
	r.onTold = func(_, key string) { r.set.Arm(key) }
	r.set.Want([]Wanted{term("socket PROTO=unix SOCKET_PATH=" + path)})
	dial(t, "unix", path)
	for range 3 * burst {
		r.turn(0)
	}
	if len(r.told) != burst || !r.saidLike("that nobody takes") {
		t.Fatalf("told %d times, said %q", len(r.told), r.said)
	}
	for i := range 3 {
		r.ahead += retryFirst << i
		for range burst {
			r.turn(0)
		}
		if len(r.told) != burst+1+i {
			t.Errorf("told %d times after pause %d", len(r.told), i+1)
		}
	}
}

func TestSocketsThatCannotBe(t *testing.T) {
	r := newRig(t)
	for text, want := range map[string]string{
		"socket":                                                     "expected PROTO=",
		"socket PROTO=tcp PORT=80":                                   "expected PROTO=",
		"socket PROTO=inet":                                          "expected PORT=",
		"socket PROTO=inet PORT=0":                                   "expected PORT=",
		"socket PROTO=inet PORT=http":                                "expected PORT=",
		"socket PROTO=inet PORT=80 ADDR=localhost":                   "expected ADDR=",
		"socket PROTO=inet PORT=80 ADDR=::1":                         "expected ADDR=",
		"socket PROTO=inet6 PORT=80 ADDR=::ffff:1.2.3.4":             "expected ADDR=",
		"socket PROTO=unix SOCKET_PATH=relative":                     "expected SOCKET_PATH=",
		"socket PROTO=unix SOCKET_PATH=/run/$INSTANCE":               "has a variable",
		"socket PROTO=unix SOCKET_PATH=/" + strings.Repeat("x", 200): "at most 107 bytes",
		"socket inet 80 0.0.0.0 more":                                "at most 3 values",
	} {
		r.said = nil
		r.set.Want([]Wanted{term(text)})
		if !r.saidLike(want) {
			t.Errorf("%s: said %q", text, r.said)
		}
	}
	if len(r.set.sockets) != 0 {
		t.Errorf("open: %v", r.set.sockets)
	}
}
