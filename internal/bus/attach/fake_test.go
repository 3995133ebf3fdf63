// SPDX-License-Identifier: Apache-2.0

package attach

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rouse-init/rouse/internal/bus/wire"
	"github.com/rouse-init/rouse/internal/linux/poll"
)

// wild is a bus that does what no bus does, on the test's own goroutine.
type wild struct {
	t        testing.TB
	bus      *Bus
	loop     *poll.Loop
	listener int
	conn     int
	now      time.Duration
	seen     []string
}

func newWild(t testing.TB) *wild {
	t.Helper()
	dir, err := os.MkdirTemp("", "attach") //nolint:usetesting // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	w := &wild{t: t, conn: -1, now: time.Hour}
	path := filepath.Join(dir, "bus")
	if w.loop, err = poll.New(); err != nil {
		t.Fatal(err)
	}
	w.listener = listen(t, path)
	srv := serve(t, w.loop, filepath.Join(dir, "private"), &objects{})
	say := func(s string) { w.seen = append(w.seen, s) }
	w.bus, err = New(Config{
		Loop: w.loop, Address: "tcp:host=localhost;unix:path=" + path, Server: srv, Now: func() time.Duration { return w.now },
		Events: Events{Up: func() { say("up") }, Down: func(why string) { say("down " + why) }, Trouble: say},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		w.bus.Close()
		_ = unix.Close(w.conn)
		_ = os.RemoveAll(dir)
	})
	return w
}

// meet has the Bus connect.
func (w *wild) meet() {
	w.t.Helper()
	w.bus.Tick(w.now)
	_ = unix.Close(w.conn)
	var err error
	if w.conn, _, err = unix.Accept4(w.listener, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC); err != nil {
		w.t.Fatal(err)
	}
}

// say sends text to the Bus, which deals with it.
func (w *wild) say(text string) {
	for text != "" && w.bus.link != nil {
		n, err := unix.Write(w.conn, []byte(text))
		if err == nil {
			text = text[n:]
		}
		w.turn()
	}
	w.turn()
}

func (w *wild) turn() {
	if err := w.loop.Wait(0); err != nil {
		w.t.Fatal(err)
	}
	w.bus.Flush()
}

const welcome = "OK 1234\r\nAGREE_UNIX_FD\r\n"

func TestWhatIsNoBus(t *testing.T) {
	for name, text := range map[string]string{
		"refuses":      "REJECTED EXTERNAL\r\n",
		"http":         "HTTP/1.1 400 Bad Request\r\n",
		"endless line": strings.Repeat("x", 2*maxAuth),
		"no message":   welcome + strings.Repeat("x", 64),
		"version 2":    welcome + "l\x02\x01\x02" + strings.Repeat("\x00", 64),
		"huge body":    welcome + "l\x02\x01\x01\xff\xff\xff\xff" + strings.Repeat("\x00", 64),
	} {
		t.Run(name, func(t *testing.T) {
			w := newWild(t)
			w.meet()
			w.say(text)
			if w.bus.link != nil || len(w.seen) != 1 || !strings.Contains(w.seen[0], "cannot connect") {
				t.Errorf("connected: %v; told %q", w.bus.link != nil, w.seen)
			}
			next, ok := w.bus.Tick(w.now)
			if !ok || next <= w.now || next > w.now+firstDelay {
				t.Errorf("next attempt at %v of %v", next, w.now)
			}
		})
	}
}

func TestSilentBus(t *testing.T) {
	w := newWild(t)
	var last time.Duration
	for range 12 {
		w.meet()
		next, ok := w.bus.Tick(w.now)
		if !ok || next != w.now+loginTime {
			t.Fatalf("wants to be called at %v, %v", next-w.now, ok)
		}
		w.now = next
		next, ok = w.bus.Tick(w.now)
		if last = next - w.now; !ok || last <= 0 || last > lastDelay {
			t.Fatalf("next attempt in %v, %v", last, ok)
		}
		w.now = next
	}
	if last < blindDelay || len(w.seen) != 1 {
		t.Errorf("the last pause was %v; told %q", last, w.seen)
	}
}

// FuzzMessages: nothing that comes through a bus makes us fall over.
func FuzzMessages(f *testing.F) {
	var e wire.Encoder
	e.String("a.b")
	for _, m := range []wire.Message{
		{Type: wire.MethodReturn, Sender: driver, ReplySerial: 1, Signature: "s"},
		{Type: wire.Error, Sender: driver, ReplySerial: 2, ErrorName: "a.b", Signature: "s"},
		{Type: wire.Signal, Sender: driver, Path: "/a", Interface: activator, Member: "ActivationRequest", Signature: "s"},
		{Type: wire.Signal, Sender: ":1.2", Path: "/a", Interface: "a.b", Member: "M", Signature: "s"},
		{Type: wire.MethodCall, Sender: ":1.2", Path: "/a", Interface: "a.b", Member: "M", Signature: "s"},
	} {
		m.Serial, m.Body = 1, e.Data()
		f.Add(string(wire.Append(nil, &m)))
	}
	f.Fuzz(func(t *testing.T, data string) {
		w := newWild(t)
		w.meet()
		w.say(welcome + data)
	})
}
