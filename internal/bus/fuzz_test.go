// SPDX-License-Identifier: Apache-2.0

package bus

import (
	"testing"

	"golang.org/x/sys/unix"

	"github.com/rouse-init/rouse/internal/bus/wire"
	"github.com/rouse-init/rouse/internal/linux/poll"
)

// FuzzConnection feeds an authenticated connection with any bytes, in two
// pieces. It must not panic, answer a call twice or keep the connection of
// one who talks nonsense busy for ever.
func FuzzConnection(f *testing.F) {
	f.Add(call(1, "Echo", "s", text("x")), 10)
	f.Add(append(call(1, "Write", "", nil), call(2, "Big", "u", func(e *wire.Encoder) { e.Uint32(3) })...), 90)
	f.Add(wire.Append(nil, &wire.Message{Type: wire.MethodCall, Serial: 1, Path: "/o", Interface: ifaceProps, Member: "GetAll", Signature: "s", Body: []byte{0, 0, 0, 0, 0}}), 1)
	f.Add(wire.Append(nil, &wire.Message{Type: wire.MethodCall, Serial: 1, Path: "/", Interface: ifaceIntrospect, Member: "Introspect"}), 1)
	loop, err := poll.New()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte, cut int) {
		s := &Server{cfg: Config{Loop: loop, Parts: []Part{{Name: "t.Name", Tree: &echo{}}}}, conns: map[*conn]struct{}{}}
		s.standard, s.driver = standardMethods(), driverMethods()
		pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(pair[1])
		c := &conn{srv: s, fd: pair[0], trusted: true, events: poll.In}
		c.auth.done, c.auth.step = true, authOK
		s.conns[c] = struct{}{}
		if err := loop.Add(pair[0], poll.In, c.ready); err != nil {
			t.Fatal(err)
		}
		cut = min(max(cut, 0), len(data))
		for _, part := range [][]byte{data[:cut], data[cut:]} {
			if len(part) > 0 && c.fd >= 0 {
				_, _ = unix.Write(pair[1], part)
				if err := loop.Wait(0); err != nil {
					t.Fatal(err)
				}
			}
		}
		s.Flush()
		c.close()
		if len(s.conns) != 0 {
			t.Fatal("connection was not forgotten")
		}
	})
}
