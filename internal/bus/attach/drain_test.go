// SPDX-License-Identifier: Apache-2.0

package attach

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/rouse-init/rouse/internal/bus/wire"
	"github.com/rouse-init/rouse/internal/linux/poll"
)

// request is an ActivationRequest as the bus sends it.
func request(unitName, sender string) []byte {
	var e wire.Encoder
	e.String(unitName)
	return wire.Append(nil, &wire.Message{
		Type: wire.Signal, Flags: wire.NoReply, Serial: 7, Path: driverPath, Interface: activator, Member: "ActivationRequest",
		Sender: sender, Destination: manager, Signature: "s", Body: e.Data(),
	})
}

// What a bus wanted of a manager that is dead is found among all that it sent.
func TestDrain(t *testing.T) {
	whole := slices.Concat(
		request("a.service", driver), request("forged.service", ":1.7"), request("no/name", driver), request("b.service", driver))
	for _, c := range []struct {
		name string
		data []byte
		want []string
	}{
		{"nothing", nil, nil},
		{"whole", whole, []string{"a.service", "b.service"}},
		{"cut off", whole[:len(whole)-3], []string{"a.service"}},
		{"login", []byte("OK 0123456789abcdef\r\nAGREE_UNIX_FD\r\n"), nil},
		{"the end of a message", append([]byte("tail"), whole...), nil},
		{"huge", []byte("l\x04\x01\x01\xff\xff\xff\xff\x01\x00\x00\x00\x00\x00\x00\x00"), nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			loop, err := poll.New()
			if err != nil {
				t.Fatal(err)
			}
			defer loop.Close()
			fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			done := false
			if err := Drain(loop, fds[0], func(u string) { got = append(got, u) }, func() { done = true }); err != nil {
				t.Fatal(err)
			}
			for i := range c.data { // one by one, and the end
				if _, err := unix.Write(fds[1], c.data[i:i+1]); err != nil && !done {
					t.Fatal(err)
				}
				if err := loop.Wait(0); err != nil {
					t.Fatal(err)
				}
			}
			if n, err := unix.Read(fds[1], make([]byte, 1)); n != 0 || err != nil && !done {
				t.Errorf("the bus does not see an end: %d, %v", n, err)
			}
			_ = unix.Close(fds[1])
			for deadline := now() + start; !done && now() < deadline; {
				_ = loop.Wait(deadline - now())
			}
			if !done || !slices.Equal(got, c.want) {
				t.Errorf("done %v, started %q, want %q", done, got, c.want)
			}
		})
	}
}

// A request stays in the socket until it has had its effect, and is dealt with
// once.
func TestRequestStaysForTheNext(t *testing.T) {
	var left int // the socket
	unread := func() string {
		var buf [64 << 10]byte
		n, _, _ := unix.Recvfrom(left, buf[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
		return string(buf[:max(0, n)])
	}
	r := newRig(t, func(c *Config) {
		c.Keep = func(fd int) { left = fd }
		c.Forget = func() { left = -1 }
		told := c.Events.Activation
		c.Events.Activation = func(unitName string) {
			told(unitName)
			if !strings.Contains(unread(), unitName) {
				t.Errorf("%s is read before it has had its effect", unitName)
			}
		}
	})
	r.boot()
	r.saw("up")
	c := r.dial()
	for i := range 20 {
		name := "org.example.N" + strconv.Itoa(i)
		text := "[D-BUS Service]\nName=" + name + "\nExec=/bin/false\nUser=root\nSystemdService=n" + strconv.Itoa(i) + ".service\n"
		if err := os.WriteFile(filepath.Join(r.dir, "services", name+".service"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	r.await(func() error { return c.BusObject().Call("org.freedesktop.DBus.ReloadConfig", 0).Err })
	for i := range 20 {
		c.BusObject().Go("org.freedesktop.DBus.StartServiceByName", 0, nil, "org.example.N"+strconv.Itoa(i), uint32(0))
	}
	count := func() (n int) {
		for _, s := range r.seen {
			if strings.HasPrefix(s, "activate ") {
				n++
			}
		}
		return n
	}
	r.until("all requests", func() bool { return count() >= 20 && !strings.Contains(unread(), "ActivationRequest") })
	r.settle()
	if n := count(); n != 20 {
		t.Errorf("%d requests for 20 units: %q", n, r.seen)
	}
	r.kill()
	r.saw("down")
	if left != -1 {
		t.Error("the socket is kept when it is closed")
	}
}
