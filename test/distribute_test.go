// SPDX-License-Identifier: Apache-2.0

package test

import (
	"bufio"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/rouse-init/rouse/internal/linux/socket"
)

// TestDistribute: an instance starts when its own socket is knocked on, gets that
// and nothing else, and all get about as much.
func TestDistribute(t *testing.T) {
	d := distribute(t, 4, "stream")
	if got := d.started(4); got != "" {
		t.Errorf("instances %s run, and nobody has come", got)
	}
	who, err := d.ask("first")
	if err != nil {
		t.Fatal(err)
	}
	if got := d.started(4); got != who {
		t.Errorf("instances %q run, and %s was asked", got, who)
	}
	const n = 1000
	count := map[string]int{}
	for i := range n {
		who, err := d.ask(strconv.Itoa(i))
		if err != nil {
			t.Fatal(err)
		}
		count[who]++
	}
	t.Log(count)
	for i := range 4 {
		if c := count[strconv.Itoa(i)]; c < n/4*3/4 || c > n/4*5/4 {
			t.Errorf("instance %d served %d of %d", i, c, n)
		}
	}
	if code, out := d.ctl("stop", "web.socket"); code != 0 {
		t.Errorf("stop: %s", out)
	}
	for i := range 4 {
		d.await(fmt.Sprintf("web@%d.socket", i), "ActiveState", "inactive")
	}
}

// TestDistributeSleep: an instance sleeps when it is idle itself, whatever the
// others do, and stays awake while it has a connection.
func TestDistributeSleep(t *testing.T) {
	for _, action := range []string{"stop", "freeze"} {
		t.Run(action, func(t *testing.T) {
			const idle = 300 * time.Millisecond
			d := distribute(t, 3, "stream", "X-IdleSec="+idle.String(), "X-IdleAction="+action)
			for i := 0; d.started(3) != "0 1 2"; i++ {
				if _, err := d.ask(strconv.Itoa(i)); err != nil {
					t.Fatal(err)
				}
			}
			busy, end := d.talk(t)
			asleep := map[string]bool{}
			for deadline := time.Now().Add(patience); len(asleep) < 2; {
				if time.Now().After(deadline) {
					t.Fatalf("asleep: %v, busy: %s", asleep, busy)
				}
				for i := range 3 {
					name := fmt.Sprintf("web@%d.service", i)
					if d.property(name, "ActiveState") == "inactive" || d.property(name, "FreezerState") == "frozen" {
						asleep[strconv.Itoa(i)] = true
					}
				}
			}
			if silent := end(); asleep[busy] && silent < idle/2 {
				t.Errorf("instance %s slept with a connection that was never silent for longer than %v", busy, silent)
			}
			if _, err := d.ask("again"); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestDistributeUnderLoad: sleeps of all instances under load lose nothing.
func TestDistributeUnderLoad(t *testing.T) {
	d := distribute(t, 4, "stream", "X-IdleSec=20ms")
	asked, failed := load(t, d.port, 8, long(3*time.Second))
	sum := 0
	for i := range 4 {
		_, status := d.ctl("status", fmt.Sprintf("web@%d.service", i))
		sum += sleeps(status)
	}
	t.Logf("%d requests, %d failed, %d sleeps", asked, failed, sum)
	if failed > 0 || asked == 0 || sum == 0 {
		t.Errorf("%d of %d requests failed, %d sleeps", failed, asked, sum)
	}
}

// TestDistributeStaysAwake: requests that are shorter than the time between two
// looks, and take hardly any processor time, keep an instance awake.
func TestDistributeStaysAwake(t *testing.T) {
	const idle = time.Second
	d := distribute(t, 2, "stream", "X-IdleSec="+idle.String())
	for i := 0; d.started(2) != "0 1"; i++ {
		if _, err := d.ask(strconv.Itoa(i)); err != nil {
			t.Fatal(err)
		}
	}
	address := "127.0.0.1:" + strconv.Itoa(d.port)
	last, stalled := time.Now(), false
	for end := last.Add(4 * idle); time.Now().Before(end); {
		// A client that takes port after port meets both; this one stays with one.
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		from := netip.MustParseAddrPort(c.LocalAddr().String())
		if socket.Rank(from, uint16(d.port), 2) == 1 {
			c.Close()
			continue
		}
		fmt.Fprintln(c, "x")
		if answer, err := bufio.NewReader(c).ReadString('\n'); err != nil || answer != "0 1 x\n" {
			t.Fatalf("%q, %v", answer, err)
		}
		c.Close()
		stalled = stalled || time.Since(last) > idle/2
		last = time.Now()
		time.Sleep(idle / 20)
	}
	_, status := d.ctl("status", "web@0.service")
	if n := sleeps(status); n > 0 && !stalled {
		t.Errorf("the instance that was asked slept %d times", n)
	}
}

// TestDistributeKeeps: sockets and what waits in them outlive a reload, another
// build, and the death of the manager.
func TestDistributeKeeps(t *testing.T) {
	d := distribute(t, 4, "stream")
	d.closeGate(t)
	wait := d.queue(t, 40)
	d.resize(t, 4, "Backlog=100")
	manager := d.managerPid()
	if code, out := d.ctl("daemon-reexec"); code != 0 {
		t.Fatalf("daemon-reexec: status %d: %s", code, out)
	}
	for end := time.Now().Add(patience); d.managerPid() == manager; {
		if time.Now().After(end) {
			t.Fatal("the manager is the same")
		}
	}
	for range 3 {
		if err := syscall.Kill(d.managerPid(), syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}
	d.managerPid()
	d.openGate(t)
	if served := wait(); len(served) != 4 {
		t.Errorf("served: %v", served)
	}
}

// TestDistributeResize: fewer and more sockets under load; nothing is lost.
func TestDistributeResize(t *testing.T) {
	d := distribute(t, 4, "stream")
	end := time.Now().Add(long(4 * time.Second))
	var asked, failed atomic.Int64
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for n := 0; time.Now().Before(end); n++ {
				asked.Add(1)
				if who, err := d.ask(fmt.Sprintf("request %d of client %d", n, i)); err != nil {
					failed.Add(1)
					t.Logf("%d of %d: %q, %v", n, i, who, err)
				}
			}
		})
	}
	changes := 0
	for time.Now().Before(end) {
		d.resize(t, 2)
		if changes%3 == 0 {
			d.await("web@3.socket", "ActiveState", "inactive")
			d.await("web@2.socket", "ActiveState", "inactive")
		}
		if changes%3 == 1 {
			if err := syscall.Kill(d.managerPid(), syscall.SIGKILL); err != nil {
				t.Error(err)
			}
			d.managerPid()
		}
		d.resize(t, 4)
		d.await("web@3.socket", "ActiveState", "active")
		changes++
	}
	wg.Wait()
	t.Logf("%d requests, %d failed, %d changes", asked.Load(), failed.Load(), changes)
	if failed.Load() > 0 || asked.Load() == 0 {
		t.Errorf("%d of %d requests failed", failed.Load(), asked.Load())
	}
}

// TestDistributeDrains: what waits in a socket that goes is served first, and
// an instance with a connection keeps it for as long as that lasts.
func TestDistributeDrains(t *testing.T) {
	d := distribute(t, 4, "stream")
	d.closeGate(t)
	wait := d.queue(t, 40)
	d.resize(t, 1)
	for range 20 { // all go to the one that stays, at once
		if c, err := net.DialTimeout("tcp", "127.0.0.1:"+strconv.Itoa(d.port), patience); err != nil {
			t.Error(err)
		} else {
			c.Close()
		}
	}
	if got := d.property("web@3.socket", "ActiveState"); got != "active" {
		t.Errorf("web@3.socket is %s, and connections wait in it", got)
	}
	d.awaitStatus("web@3.socket", "takes no new connections")
	if err := syscall.Kill(d.managerPid(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	d.managerPid()
	if code, out := d.ctl("daemon-reload"); code != 0 {
		t.Fatalf("daemon-reload: status %d: %s", code, out)
	}
	d.openGate(t)
	if served := wait(); len(served) != 4 {
		t.Errorf("served: %v", served)
	}
	for i := 1; i < 4; i++ {
		d.await(fmt.Sprintf("web@%d.socket", i), "ActiveState", "inactive")
		d.await(fmt.Sprintf("web@%d.service", i), "ActiveState", "inactive")
	}
	if who, err := d.ask("left"); err != nil || who != "0" {
		t.Errorf("%s answers, %v", who, err)
	}
}

// TestDistributeKeepsConnection: a long connection to an instance whose socket
// goes is not cut.
func TestDistributeKeepsConnection(t *testing.T) {
	d := distribute(t, 2, "stream")
	var c net.Conn
	var in *bufio.Reader
	for who := ""; who != "1"; {
		var err error
		if c, err = net.Dial("tcp", "127.0.0.1:"+strconv.Itoa(d.port)); err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		fmt.Fprintln(c, "hello")
		in = bufio.NewReader(c)
		answer, err := in.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		who, _, _ = strings.Cut(answer, " ")
	}
	d.resize(t, 1)
	d.awaitStatus("web@1.socket", "takes no new connections")
	for range 20 {
		if who, err := d.ask("x"); err != nil || who != "0" {
			t.Errorf("%s answers, %v", who, err)
		}
		fmt.Fprintln(c, "still")
		if answer, err := in.ReadString('\n'); err != nil || answer != "1 1 still\n" {
			t.Fatalf("%q, %v", answer, err)
		}
	}
	c.Close()
	d.await("web@1.socket", "ActiveState", "inactive")
}

// TestDistributeStop: the stop of an instance resets nobody who waits.
func TestDistributeStop(t *testing.T) {
	d := distribute(t, 2, "stream")
	d.closeGate(t)
	wait := d.queue(t, 20)
	for i := range 2 {
		if code, out := d.ctl("stop", fmt.Sprintf("web@%d.service", i)); code != 0 {
			t.Errorf("stop: %s", out)
		}
	}
	d.openGate(t)
	if served := wait(); len(served) != 2 {
		t.Errorf("served: %v", served)
	}
}

// TestDistributeOnce: servers that end by themselves are started by their own
// sockets again.
func TestDistributeOnce(t *testing.T) {
	d := distribute(t, 2, "once")
	for range 2 {
		for i := 0; d.started(2) != "0 1"; i++ {
			if _, err := d.ask(strconv.Itoa(i)); err != nil {
				t.Fatal(err)
			}
		}
		d.await("web@0.service", "ActiveState", "inactive")
		d.await("web@1.service", "ActiveState", "inactive")
		who, err := d.ask("one")
		if err != nil {
			t.Fatal(err)
		}
		if got := d.started(2); got != who {
			t.Errorf("instances %q run, and %s was asked", got, who)
		}
		d.await("web@"+who+".service", "ActiveState", "inactive")
	}
}

// TestDistributeDatagrams: each peer has its instance, and datagrams that wait
// in a socket that goes are answered first.
func TestDistributeDatagrams(t *testing.T) {
	d := distribute(t, 4, "datagram")
	d.closeGate(t)
	peers := make([]net.Conn, 40)
	for i := range peers {
		c, err := net.Dial("udp", "127.0.0.1:"+strconv.Itoa(d.port))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		peers[i] = c
		fmt.Fprint(c, i)
	}
	answer := func(i int) string {
		t.Helper()
		var buf [512]byte
		_ = peers[i].SetReadDeadline(time.Now().Add(patience))
		n, err := peers[i].Read(buf[:])
		who, rest, _ := strings.Cut(string(buf[:n]), " ")
		if err != nil || rest != fmt.Sprint("1 ", i) {
			t.Fatalf("peer %d: %q, %v", i, buf[:n], err)
		}
		return who
	}
	d.resize(t, 2)
	d.openGate(t)
	first := map[string]int{}
	for i := range peers {
		first[answer(i)]++
	}
	if len(first) != 4 {
		t.Errorf("served: %v", first)
	}
	for i := 2; i < 4; i++ {
		d.await(fmt.Sprintf("web@%d.socket", i), "ActiveState", "inactive")
	}
	for i := range peers {
		fmt.Fprint(peers[i], i)
		who := answer(i)
		fmt.Fprint(peers[i], i)
		if again := answer(i); again != who || who > "1" {
			t.Errorf("peer %d is answered by %s and by %s", i, who, again)
		}
	}
}

// TestDistributeListed: the listing has the members, each with what is its own.
func TestDistributeListed(t *testing.T) {
	port := freePort(t)
	address := "127.0.0.1:" + strconv.Itoa(port)
	p := up(t, map[string]string{
		"web.socket":   fmt.Sprintf("[Socket]\nListenStream=%s\nDistribute=3\n[Install]\nWantedBy=sockets.target\n", address),
		"web@.service": "[Service]\nExecStart=" + self(t, "member", "%i", "on") + "\n",
	})
	const n = 12
	for range n {
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := fmt.Fprintln(c, "hello"); err != nil {
			t.Fatal(err)
		}
		if _, err := bufio.NewReader(c).ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
	code, out := p.ctl("list-sockets", "--no-legend")
	if code != 0 || strings.Count(out, "\n") != 3 {
		t.Fatalf("%d: %s", code, out)
	}
	open := 0
	for line := range strings.Lines(out) {
		f := strings.Fields(line)
		k, err := strconv.Atoi(f[6])
		if err != nil || f[0] != address || f[5] != "0" || (k > 0) != (f[4] == "running") {
			t.Errorf("unexpected: %s", line)
		}
		open += k
	}
	if open != n {
		t.Errorf("%d connections are open, not %d:\n%s", open, n, out)
	}
}
