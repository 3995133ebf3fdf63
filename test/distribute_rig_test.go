// SPDX-License-Identifier: Apache-2.0

package test

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// member plays an instance behind a socket of Distribute=: "member I" answers
// each line with "I N line", N being LISTEN_FDS. With "once" it is as the mail
// that asked for Distribute= has it: it accepts what it finds, and ends when it
// has found nothing for a while. With "datagram" it answers datagrams.
func member(args []string) int {
	fds := os.Getenv("LISTEN_FDS")
	var st syscall.Stat_t
	if syscall.Fstat(4, &st) == nil && st.Mode&syscall.S_IFMT == syscall.S_IFSOCK {
		fds = "more than " + fds
	}
	answer := args[0] + " " + fds + " "
	if args[1] == "datagram" {
		c, err := net.FilePacketConn(os.NewFile(3, "socket"))
		if err != nil {
			return 1
		}
		var buf [512]byte
		for {
			n, from, err := c.ReadFrom(buf[:])
			if err != nil {
				return 1
			}
			if _, err := c.WriteTo(append([]byte(answer), buf[:n]...), from); err != nil {
				return 1
			}
		}
	}
	l, err := net.FileListener(os.NewFile(3, "socket"))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	for {
		if args[1] == "once" {
			_ = l.(*net.TCPListener).SetDeadline(time.Now().Add(300 * time.Millisecond))
		}
		c, err := l.Accept()
		if err != nil {
			return 0
		}
		serve := func() {
			defer c.Close()
			in := bufio.NewScanner(c)
			for in.Scan() {
				fmt.Fprintln(c, answer+in.Text())
			}
		}
		if args[1] == "once" {
			serve() // one thread, one after the other
		} else {
			go serve()
		}
	}
}

// distribution is NAME.socket with members, and what has come to them.
type distribution struct {
	*process
	dir    string
	port   int
	listen string // "ListenStream"
}

const gate = "gate" // while this file is there, instances wait before they start

// distribute runs n sockets at one address; more are lines for [Socket].
func distribute(t *testing.T, n int, kind string, more ...string) *distribution {
	t.Helper()
	d := &distribution{dir: t.TempDir(), port: freePort(t), listen: "ListenStream"}
	if kind == "datagram" {
		d.listen = "ListenDatagram"
	}
	d.write(t, n, more...)
	service := "[Service]\nExecStartPre=/bin/sh -c 'while [ -e " + filepath.Join(d.dir, gate) + " ]; do sleep 0.02; done'\n" +
		"KillSignal=SIGKILL\nExecStart=" + self(t, "member", "%i", kind) + "\n"
	if err := os.WriteFile(filepath.Join(d.dir, "web@.service"), []byte(service), 0o644); err != nil {
		t.Fatal(err)
	}
	d.process = start(t, "up", d.dir)
	d.awaitLine("rouse: ready")
	return d
}

func (d *distribution) write(t *testing.T, n int, more ...string) {
	t.Helper()
	text := fmt.Sprintf("[Socket]\n%s=127.0.0.1:%d\nDistribute=%d\n%s\n", d.listen, d.port, n, strings.Join(more, "\n"))
	if err := os.WriteFile(filepath.Join(d.dir, "web.socket"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// resize changes Distribute= and has it read.
func (d *distribution) resize(t *testing.T, n int, more ...string) {
	t.Helper()
	d.write(t, n, more...)
	if code, out := d.ctl("daemon-reload"); code != 0 {
		t.Fatalf("daemon-reload: status %d: %s", code, out)
	}
}

func (d *distribution) closeGate(t *testing.T) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(d.dir, gate), nil, 0o644); err != nil {
		t.Fatal(err)
	}
}

func (d *distribution) openGate(t *testing.T) {
	t.Helper()
	if err := os.Remove(filepath.Join(d.dir, gate)); err != nil {
		t.Fatal(err)
	}
}

// awaitStatus waits until status says something of a unit.
func (d *distribution) awaitStatus(unit, want string) {
	d.t.Helper()
	for end := time.Now().Add(patience); ; {
		_, out := d.ctl("status", unit)
		if strings.Contains(out, want) {
			return
		}
		if time.Now().After(end) {
			d.t.Fatalf("status does not say %q:\n%s", want, out)
		}
	}
}

// ask returns the instance that answered.
func (d *distribution) ask(line string) (string, error) {
	answer, err := ask("tcp", "127.0.0.1:"+strconv.Itoa(d.port), line)
	who, rest, _ := strings.Cut(answer, " ")
	if err == nil && rest != "1 "+line {
		err = fmt.Errorf("answer %q", answer)
	}
	return who, err
}

// queue connects n times and asks, without waiting for answers: wait does.
func (d *distribution) queue(t *testing.T, n int) (wait func() map[string]int) {
	t.Helper()
	conns := make([]net.Conn, n)
	for i := range conns {
		c, err := net.DialTimeout("tcp", "127.0.0.1:"+strconv.Itoa(d.port), patience)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		if _, err := fmt.Fprintln(c, i); err != nil {
			t.Fatal(err)
		}
		conns[i] = c
	}
	return func() map[string]int {
		t.Helper()
		served := map[string]int{}
		for i, c := range conns {
			_ = c.SetReadDeadline(time.Now().Add(patience))
			answer, err := bufio.NewReader(c).ReadString('\n')
			if err != nil || !strings.HasSuffix(answer, " "+strconv.Itoa(i)+"\n") {
				t.Errorf("connection %d: %q, %v", i, answer, err)
			}
			who, _, _ := strings.Cut(answer, " ")
			served[who]++
			c.Close()
		}
		return served
	}
}

// started are the instances that run, "0 2" for two of them.
func (d *distribution) started(n int) string {
	var out []string
	for i := range n {
		if d.property(fmt.Sprintf("web@%d.service", i), "ActiveState") == "active" {
			out = append(out, strconv.Itoa(i))
		}
	}
	return strings.Join(out, " ")
}

// talk keeps one connection busy until end is called, which tells its longest
// silence; it returns the instance that answers.
func (d *distribution) talk(t *testing.T) (who string, end func() time.Duration) {
	t.Helper()
	c, err := net.Dial("tcp", "127.0.0.1:"+strconv.Itoa(d.port))
	if err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(c)
	say := func() string {
		if _, err := fmt.Fprintln(c, "on"); err != nil {
			t.Error(err)
		}
		answer, err := in.ReadString('\n')
		if err != nil {
			t.Error(err)
		}
		return answer
	}
	who, _, _ = strings.Cut(say(), " ")
	stop, silence := make(chan struct{}), make(chan time.Duration)
	go func() {
		defer c.Close()
		longest := time.Duration(0)
		for last := time.Now(); ; {
			select {
			case <-stop:
				silence <- longest
				return
			case <-time.After(10 * time.Millisecond):
			}
			say()
			longest = max(longest, time.Since(last))
			last = time.Now()
		}
	}()
	return who, func() time.Duration { close(stop); return <-silence }
}
