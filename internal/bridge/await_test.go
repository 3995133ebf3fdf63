// SPDX-License-Identifier: Apache-2.0

package bridge

import (
	"io"
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// READY=1 comes once the daemon is there, wherever it listens, and a client from
// before has been held.
func TestAwait(t *testing.T) {
	for _, to := range []string{"tcp", "unix"} {
		t.Run(to, func(t *testing.T) {
			dir := t.TempDir()
			told := notified(t, dir)
			l, file := managed(t, dir)
			early := dialAddr(t, l.Addr().String())
			write(t, early, "hello")
			addr := freeAddr(t, to)
			process(t, file, "NOTIFY_SOCKET="+dir+"/notify", "BRIDGE_TO="+addr, "BRIDGE_AWAIT=1")
			told("STATUS=waiting for " + addr)
			serving(t, to, addr, echo)
			told("READY=1\n")
			expect(t, early, "hello")
		})
	}
}

// Who is stopped before that ends at once, whoever waits.
func TestAwaitInVain(t *testing.T) {
	dir := t.TempDir()
	told := notified(t, dir)
	l, file := managed(t, dir)
	_ = dialAddr(t, l.Addr().String())
	cmd := process(t, file, "NOTIFY_SOCKET="+dir+"/notify", "BRIDGE_TO="+freeAddr(t, "tcp"), "BRIDGE_AWAIT=1")
	told("STATUS=waiting")
	if err := cmd.Process.Signal(unix.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

// After a stop, a session to which the daemon has said its last word ends,
// though its client does not; one in which something may still move goes on.
func TestDrainEndsTheDead(t *testing.T) {
	conns := make(chan net.Conn, 2)
	b := bridging(t, Config{Listen: []string{"127.0.0.1:0"}, Drain: time.Minute, To: []string{serving(t, "tcp", "", func(c net.Conn) {
		conns <- c
		_, _ = io.Copy(io.Discard, c)
	})}})
	dead, alive := dial(t, b), dial(t, b)
	write(t, dead, "x")
	write(t, alive, "x")
	first := <-conns
	<-conns
	if err := first.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the stop", func() bool { return b.Open() == 2 })
	b.Stop()
	eventually(t, "the end of the dead", func() bool { return b.Open() == 1 })
	for _, c := range []net.Conn{dead, alive} {
		c.Close()
	}
	eventually(t, "the end of the other", func() bool { return b.Open() == 0 })
}
