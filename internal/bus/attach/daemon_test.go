// SPDX-License-Identifier: Apache-2.0

package attach

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
	"golang.org/x/sys/unix"

	"github.com/rouse-init/rouse/internal/bus"
	"github.com/rouse-init/rouse/internal/bus/wire"
	"github.com/rouse-init/rouse/internal/linux/poll"
)

// rig is a Bus whose loop the test turns, and a place for a real dbus-daemon.
type rig struct {
	t      *testing.T
	dir    string // of the socket, the configuration and the .service files
	config string
	daemon *exec.Cmd
	loop   *poll.Loop
	srv    *bus.Server
	tree   *objects
	bus    *Bus
	seen   []string // what Events told, in words
	flush  func()   // of what is served
	// clients are the connections of dial.
	clients []*dbus.Conn
}

const start = 10 * time.Second

// newRig makes a Bus without a daemon.
func newRig(t *testing.T, change func(*Config)) *rig {
	t.Helper()
	if _, err := exec.LookPath("dbus-daemon"); err != nil {
		t.Skip("needs dbus-daemon, which is not installed")
	}
	dir, err := os.MkdirTemp("", "attach") //nolint:usetesting // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, dir: dir, config: config, tree: &objects{}}
	if r.loop, err = poll.New(); err != nil {
		t.Fatal(err)
	}
	r.srv = serve(t, r.loop, filepath.Join(dir, "private"), r.tree)
	r.flush = r.srv.Flush
	uid := uint32(os.Getuid())
	cfg := Config{
		Loop: r.loop, Address: "unix:path=" + r.socket(), Names: []string{"org.freedesktop.systemd1", "com.ubuntu.Upstart"},
		Server: r.srv, UID: uid, Now: now, Events: r.events(),
	}
	if change != nil {
		change(&cfg)
	}
	if r.bus, err = New(cfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		r.bus.Close()
		r.kill()
		_ = os.RemoveAll(dir)
	})
	return r
}

// listen listens at path until the test ends.
func listen(t testing.TB, path string) int {
	t.Helper()
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err == nil {
		err = errors.Join(unix.Bind(fd, &unix.SockaddrUnix{Name: path}), unix.Listen(fd, 8))
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	return fd
}

// serve makes the server whose objects are on the bus, too.
func serve(t testing.TB, loop *poll.Loop, path string, tree bus.Tree) *bus.Server {
	t.Helper()
	srv, err := bus.New(bus.Config{
		Loop: loop, Listener: listen(t, path), UID: uint32(os.Getuid()), Parts: []bus.Part{{Name: manager, Tree: tree}}, Now: now,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		srv.Close()
		_ = loop.Close()
	})
	return srv
}

func now() time.Duration {
	var ts unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts)
	return time.Duration(ts.Nano())
}

func (r *rig) socket() string { return filepath.Join(r.dir, "run", "bus") }

func (r *rig) events() Events {
	say := func(format string, args ...any) { r.seen = append(r.seen, fmt.Sprintf(format, args...)) }
	return Events{
		Up:         func() { say("up") },
		Down:       func(string) { say("down") },
		Name:       func(name string, owned bool, pid int32) { say("name %s %v %d", name, owned, pid) },
		Activation: func(unit string) { say("activate %s", unit) },
		Event:      func(env []string) { say("event %s", strings.Join(env, " ")) },
		Trouble:    func(msg string) { say("trouble %s", msg) },
	}
}

const config = `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
 <type>session</type>
 <listen>unix:path=%s</listen>
 <auth>EXTERNAL</auth>
 <servicedir>%s</servicedir>
 <policy context="default">
  <allow user="*"/><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/>
 </policy>
 <limit name="max_incoming_unix_fds">1000</limit>
 <limit name="max_outgoing_unix_fds">1000</limit>
 <limit name="max_message_unix_fds">200</limit>
 <limit name="service_start_timeout">20000</limit>
</busconfig>
`

// boot starts a daemon.
func (r *rig) boot() {
	r.t.Helper()
	for _, d := range []string{"run", "services"} {
		if err := os.MkdirAll(filepath.Join(r.dir, d), 0o755); err != nil {
			r.t.Fatal(err)
		}
	}
	file := filepath.Join(r.dir, "bus.conf")
	if err := os.WriteFile(file, fmt.Appendf(nil, r.config, r.socket(), filepath.Join(r.dir, "services")), 0o644); err != nil {
		r.t.Fatal(err)
	}
	r.daemon = exec.Command("dbus-daemon", "--config-file="+file, "--nofork", "--nopidfile", "--systemd-activation")
	r.daemon.Stderr = r.t.Output()
	if err := r.daemon.Start(); err != nil {
		r.t.Fatal(err)
	}
}

// kill ends the daemon.
func (r *rig) kill() {
	if r.daemon == nil {
		return
	}
	_ = r.daemon.Process.Kill()
	_ = r.daemon.Wait()
	r.daemon = nil
	_ = os.Remove(r.socket())
}

// until turns the loop until what is waited for is so.
func (r *rig) until(what string, so func() bool) {
	r.t.Helper()
	for deadline := now() + start; !so(); {
		if now() > deadline {
			r.t.Fatalf("waited in vain for %s; seen %q", what, r.seen)
		}
		r.turn()
	}
}

func (r *rig) turn() {
	timeout := time.Millisecond // tests wait for other goroutines, too
	if next, ok := r.bus.Tick(now()); ok {
		timeout = min(timeout, max(0, next-now()))
	}
	if err := r.loop.Wait(timeout); err != nil {
		r.t.Fatal(err)
	}
	r.flush()
	r.bus.Flush()
}

// saw waits for something to be told, and forgets all up to it.
func (r *rig) saw(what string) {
	r.t.Helper()
	r.until(what, func() bool { return slices.Contains(r.seen, what) })
	r.seen = r.seen[slices.Index(r.seen, what)+1:]
}

// settle waits until the daemon has done all that it was asked for.
func (r *rig) settle() {
	r.t.Helper()
	done := false
	r.bus.call("GetId", "", nil, func(*wire.Message, error) { done = true })
	r.until("the daemon", func() bool { return done })
}

// dial connects a client of the test.
func (r *rig) dial() *dbus.Conn {
	r.t.Helper()
	var c *dbus.Conn
	r.until("a daemon that listens", func() (ok bool) {
		var err error
		c, err = dbus.Connect("unix:path=" + r.socket())
		return err == nil
	})
	r.t.Cleanup(func() { _ = c.Close() })
	r.clients = append(r.clients, c)
	return c
}

// await does what blocks while the loop turns.
func (r *rig) await(fn func() error) {
	r.t.Helper()
	if err := r.try(fn); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) try(fn func() error) error {
	r.t.Helper()
	end := make(chan error, 1)
	go func() { end <- fn() }()
	var err error
	r.until("an answer", func() bool {
		select {
		case err = <-end:
			return true
		default:
			return false
		}
	})
	return err
}

// objects is what the server of the tests serves.
type objects struct {
	uid, pid int64
	later    []*bus.Call
}

func (o *objects) Lookup(path string) (bus.Node, bool) {
	return bus.Node{Interfaces: []*bus.Interface{{
		Name: "t.Echo",
		Methods: []bus.Method{
			{Name: "Echo", In: "s", Out: "s", Open: true, Call: func(s any, c *bus.Call) {
				o := s.(*objects)
				o.uid, o.pid = int64(c.UID()), int64(c.PID())
				text := c.Args.String()
				c.Body().String(text)
				c.Return()
			}},
			{Name: "Write", Call: func(_ any, c *bus.Call) { c.Return() }},
			{Name: "Later", Open: true, Call: func(s any, c *bus.Call) { s.(*objects).later = append(s.(*objects).later, c) }},
			{Name: "Count", In: "h", Out: "u", Open: true, Call: func(_ any, c *bus.Call) {
				c.Body().Uint32(uint32(len(c.FDs)))
				c.Return()
			}},
		},
	}, {
		Name: "org.freedesktop.systemd1.Manager",
		Methods: []bus.Method{
			{Name: "Subscribe", Open: true, Call: func(_ any, c *bus.Call) { c.Return() }},
			{Name: "Unsubscribe", Open: true, Call: func(_ any, c *bus.Call) { c.Return() }},
		},
		Props: []bus.Prop{{Name: "P", Sig: "s", Get: func(_ any, e *wire.Encoder) { e.String("v") }}},
	}}, Subject: o}, path == "/org/freedesktop/systemd1" || path == "/com/ubuntu/Upstart"
}

func (o *objects) Children(string) []string { return nil }
