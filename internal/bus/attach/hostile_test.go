// SPDX-License-Identifier: Apache-2.0

package attach

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/godbus/dbus/v5"
	"golang.org/x/sys/unix"

	"github.com/rouse-init/rouse/internal/bus/wire"
)

func errorName(err error) string {
	var e dbus.Error
	if errors.As(err, &e) {
		return e.Name
	}
	return ""
}

func TestLargeMessagesAreRefused(t *testing.T) {
	r := newRig(t, nil)
	r.boot()
	r.saw("up")
	c := r.dial()
	o := c.Object(manager, "/org/freedesktop/systemd1")
	large := strings.Repeat("x", wire.MaxMessage)
	for range 3 {
		err := r.try(func() error { return o.Call("t.Echo.Echo", 0, large).Err })
		if errorName(err) != "org.freedesktop.DBus.Error.LimitsExceeded" {
			t.Errorf("large message: %.100v", err)
		}
		r.await(func() error { return o.Call("t.Echo.Write", 0).Err })
	}
	if len(r.seen) > 0 {
		t.Errorf("told %q", r.seen)
	}
}

// TestManyDescriptors: more than a client of ours may pass, and more than one
// caller may have us hold before it is known.
func TestManyDescriptors(t *testing.T) {
	r := newRig(t, nil)
	r.boot()
	r.saw("up")
	c := r.dial()
	o := c.Object(manager, "/org/freedesktop/systemd1")
	before := openFiles(t)
	for range 3 {
		fds := make([]dbus.UnixFD, wire.MaxFDs+6)
		if err := r.try(func() error { return o.Call("t.Echo.Echo", 0, fds).Err }); errorName(err) == "" {
			t.Errorf("%d descriptors: %v", len(fds), err)
		}
		r.await(func() error { return o.Call("t.Echo.Count", 0, dbus.UnixFD(0)).Err })
	}
	if after := openFiles(t); after != before {
		t.Errorf("%d descriptors are open, %d were", after, before)
	}
}

func openFiles(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

func TestOthersMayOnlyLook(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root, to be somebody else")
	}
	if _, err := exec.LookPath("dbus-send"); err != nil {
		t.Skip("needs dbus-send, which is not installed")
	}
	r := newRig(t, nil)
	if err := os.Chmod(r.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	r.boot()
	r.saw("up")
	send := func(method string, args ...string) (out string, err error) {
		cmd := exec.Command("dbus-send", append([]string{
			"--bus=unix:path=" + r.socket(), "--print-reply", "--dest=" + manager,
			"/org/freedesktop/systemd1", method,
		}, args...)...)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		err = r.try(func() error {
			data, err := cmd.CombinedOutput()
			out = string(data)
			return err
		})
		return out, err
	}
	if out, err := send("t.Echo.Echo", "string:hallo"); err != nil || !strings.Contains(out, "hallo") || r.tree.uid != 65534 {
		t.Errorf("looking: %v, %s; uid %d", err, out, r.tree.uid)
	}
	if out, err := send("t.Echo.Write"); err == nil || !strings.Contains(out, "org.freedesktop.DBus.Error.AccessDenied") {
		t.Errorf("writing: %v, %s", err, out)
	}
}

// TestPolicyFile is our file for the system bus, on a bus that forbids
// everything else.
func TestPolicyFile(t *testing.T) {
	policy, err := filepath.Abs("../../../contrib/dbus-1/system.d/dev.rouse.conf")
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t, nil)
	before, after, _ := strings.Cut(config, ` <policy context="default">`)
	_, after, _ = strings.Cut(after, "</policy>\n")
	r.config = before + `<policy context="default"><allow user="*"/><deny own="*"/><deny send_type="method_call"/>
 <allow send_destination="org.freedesktop.DBus"/><allow send_destination="t.Fake"/><deny send_interface="` + activator + `"/>
 <allow send_type="signal"/><allow send_requested_reply="true" send_type="method_return"/><allow send_requested_reply="true" send_type="error"/>
 <allow receive_type="method_call"/><allow receive_type="method_return"/><allow receive_type="error"/><allow receive_type="signal"/>
 </policy><include>` + policy + "</include>\n" + after
	r.offer(map[string]string{"t.Fake": "fake.service"})
	r.boot()
	r.until("the bus", r.bus.Up)
	if os.Getuid() != 0 {
		if s := strings.Join(r.seen, "\n"); !strings.Contains(s, "cannot own the name "+manager) {
			t.Errorf("told %q", s)
		}
		return
	}
	c := r.dial()
	r.await(func() error { return c.Object(manager, "/com/ubuntu/Upstart").Call("t.Echo.Write", 0).Err })
	answers := r.ask(1, "t.Fake")
	r.saw("activate fake.service")
	r.bus.ActivationFailed("fake.service", "t.Error.No", "no")
	if err := r.try(func() error { return <-answers }); errorName(err) != "t.Error.No" {
		t.Errorf("sender got %v", err)
	}
}

// TestFloodOfCallers: callers that are not needed any more are forgotten.
func TestFloodOfCallers(t *testing.T) {
	r := newRig(t, nil)
	r.boot()
	r.saw("up")
	first := r.dial()
	object := func(c *dbus.Conn) dbus.BusObject { return c.Object(manager, "/org/freedesktop/systemd1") }
	r.await(func() error { return object(first).Call("t.Echo.Write", 0).Err })
	for i := range maxPeers + 10 {
		r.bus.peers.byName[":9."+string(rune('0'+i%10))+strings.Repeat("1", i/10)] = &peer{remote: r.srv.NewRemote(r.bus, "x", 1, 1)}
	}
	r.await(func() error { return object(first).Call("t.Echo.Write", 0).Err })
	r.await(func() error { return object(r.dial()).Call("t.Echo.Write", 0).Err })
}

// TestBusThatDoesNotRead: what it is sent is limited, and then it is left.
func TestBusThatDoesNotRead(t *testing.T) {
	r := newRig(t, nil)
	r.boot()
	r.saw("up")
	if err := r.daemon.Process.Signal(unix.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	body := make([]byte, 1<<20)
	var e wire.Encoder
	e.Bytes(body)
	for range dropQueue>>20 + 2 {
		r.bus.Send(&wire.Message{Type: wire.Signal, Path: "/", Interface: "t.I", Member: "M", Signature: "ay", Body: e.Data()}, nil)
		r.bus.Flush()
	}
	r.saw("down")
	if r.bus.link != nil {
		t.Error("still connected")
	}
}
