// SPDX-License-Identifier: Apache-2.0

package guardian

import (
	"testing"

	"golang.org/x/sys/unix"

	"github.com/rouse-init/rouse/internal/guardian/wire"
)

// half is a guardian without processes, and the manager's end of its socket.
func half(t testing.TB) (*guardian, *wire.Conn) {
	t.Helper()
	ours, theirs, err := wire.Pair()
	if err != nil {
		t.Fatal(err)
	}
	conn, err := wire.Open(theirs)
	if err != nil {
		t.Fatal(err)
	}
	ep, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(); closeAll([]int{ours, ep}) })
	g := &guardian{sock: ours, ep: ep, exits: exits{first: 1}, gone: make(chan struct{}, 1)}
	g.told = progress{exit: 1, started: true}
	if err := g.watch(); err != nil {
		t.Fatal(err)
	}
	return g, conn
}

// roundTrip is one exit, from the reaper to the acknowledgement.
func roundTrip(t testing.TB, g *guardian, conn *wire.Conn, m *wire.Msg) {
	g.mu.Lock()
	g.reaped(wire.Exit{Pid: 1 << 30, Code: cldExited})
	g.mu.Unlock()
	if ok, err := conn.Read(m); !ok || err != nil {
		t.Fatal(ok, err)
	}
	if err := conn.Ack(m.Seq); err != nil {
		t.Fatal(err)
	}
	if open, _ := g.event(unix.EPOLLIN); !open {
		t.Fatal("the socket is closed")
	}
	if g.exits.len() != 0 {
		t.Fatal("the acknowledged exit is still held")
	}
}

func TestExitDoesNotAllocate(t *testing.T) {
	g, conn := half(t)
	var m wire.Msg
	roundTrip(t, g, conn, &m) // makes the buffers
	if n := testing.AllocsPerRun(200, func() { roundTrip(t, g, conn, &m) }); n > 0 {
		t.Errorf("%v allocations for an exit", n)
	}
}

func BenchmarkExit(b *testing.B) {
	g, conn := half(b)
	var m wire.Msg
	b.ReportAllocs()
	for b.Loop() {
		roundTrip(b, g, conn, &m)
	}
}

func TestExitsQueue(t *testing.T) {
	x := exits{first: 1}
	for i := range maxHeld + 5 {
		x.push(&wire.Exit{Pid: int32(i + 1)})
	}
	if x.len() != maxHeld || x.lost != 5 || x.next() != maxHeld+1 {
		t.Fatalf("len %d, lost %d, next %d", x.len(), x.lost, x.next())
	}
	for seq := uint64(0); x.len() > 0; seq += 7 {
		x.ack(seq)
		x.ack(seq / 2) // old news
		if x.len() > 0 && (x.first != seq+1 || x.at(x.first).Pid != int32(x.first)) {
			t.Fatalf("after ack(%d): first %d, pid %d", seq, x.first, x.at(x.first).Pid)
		}
	}
	x.ack(1 << 60)
	if x.first != maxHeld+1 || cap(x.queue) > 1024 {
		t.Errorf("first %d, room for %d is kept", x.first, cap(x.queue))
	}
}

func TestStoreCompacts(t *testing.T) {
	var s store
	key := func(i int) string { return string(rune('a'+i%26)) + string(rune('0'+i/26)) }
	for i := range 200 {
		s.put(key(i), nil) // no descriptors: close has nothing to do
		s.entries[len(s.entries)-1].fds = []int32{-1}
	}
	for i := 0; i < 200; i += 2 {
		s.drop(key(i))
		s.compact()
	}
	if len(s.index) != 100 || len(s.entries) >= 200 {
		t.Errorf("%d keys in %d entries", len(s.index), len(s.entries))
	}
	last := -1
	for _, e := range s.entries {
		if len(e.fds) == 0 {
			continue
		}
		i := int(e.key[0]-'a') + 26*int(e.key[1]-'0')
		if i <= last || i%2 == 0 || s.entries[s.index[e.key]].key != e.key {
			t.Errorf("key %d after %d", i, last)
		}
		last = i
	}
}

// A manager out of its mind must not take the guardian along.
func FuzzHandle(f *testing.F) {
	for _, m := range []wire.Msg{
		{Kind: wire.Store, Key: "k"},
		{Kind: wire.Drop, Key: "k"},
		{Kind: wire.Ack, Seq: 2},
		{Kind: wire.Ack, Seq: 1 << 63},
		{Kind: wire.Ready},
		{Kind: wire.Base, Text: "/base"},
		{Kind: wire.Bye, End: wire.End{Code: 3}},
		{Kind: wire.Reexec, Text: "/bin/false"},
	} {
		f.Add(wire.Append([]byte{wire.Version}, &m))
	}
	f.Fuzz(func(t *testing.T, packet []byte) {
		if len(packet) == 0 || len(packet) > wire.MaxPacket {
			return
		}
		g, conn := half(t)
		for pid := range int32(3) {
			g.reaped(wire.Exit{Pid: pid + 1})
		}
		if err := wire.Send(conn.FD(), packet, []int{0, 1}); err != nil {
			t.Fatal(err)
		}
		g.event(unix.EPOLLIN)
		g.reaped(wire.Exit{Pid: 9})
		if g.told.exit < g.exits.first || g.told.exit > g.exits.next() {
			t.Fatalf("told up to %d, held from %d to %d", g.told.exit, g.exits.first, g.exits.next())
		}
		g.told = progress{exit: g.exits.first}
		g.flush()
		for i := range g.store.entries {
			g.store.entries[i].close()
		}
		g.dropUpgrade()
	})
}
