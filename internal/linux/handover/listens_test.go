// SPDX-License-Identifier: Apache-2.0

package handover

import (
	"net"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// The first listen() that succeeds is told, once; the kernel performs all.
func TestListens(t *testing.T) {
	name := "@" + t.Name() + openDir(t)
	out, events := asked(t, start{listens: true},
		"udp4", "listen", "unix", "listen", "tcp4", "bind 127.0.0.1:0", "listen", "listen", "unix", "bind "+name, "listen")
	check(t, "output", out, "listen ENOTSUP\nlisten EINVAL\nbind ok\nlisten ok\nlisten ok\nbind ok\nlisten ok")
	check(t, "events", events, "listen -1")
}

// A client that connects when it is told finds the daemon, and not us, at the
// other end.
func TestListensOnUnixSocket(t *testing.T) {
	name := "@" + t.Name() + openDir(t)
	d := start{listens: true, args: []string{self(t), "role", "ask", "unix", "bind " + name, "listen", "accept"}}.run(t)
	<-d.listened
	c, err := net.Dial("unix", name)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	raw, err := c.(*net.UnixConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var peer *unix.Ucred
	if cerr := raw.Control(func(fd uintptr) {
		peer, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	}); cerr != nil || err != nil {
		t.Fatal(cerr, err)
	}
	if int(peer.Pid) != d.cmd.Process.Pid {
		t.Errorf("the peer is process %d, want %d", peer.Pid, d.cmd.Process.Pid)
	}
	d.wait()
	check(t, "output", strings.TrimSpace(d.out.String()), "bind ok\nlisten ok\naccept ok")
}

// Nothing was asked for: nothing is told.
func TestUntoldListen(t *testing.T) {
	fd, _ := listenTCP(t, loopback)
	_, events := asked(t, start{held: []Held{{FD: fd}}}, "tcp4", "bind 127.0.0.1:0", "listen")
	check(t, "events", events, "")
}
