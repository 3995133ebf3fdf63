// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

var samples = []Msg{
	{Kind: Stored, Key: "socket/web.socket"},
	{Kind: Exited, Seq: 1 << 40, Exit: Exit{Pid: 1 << 22, Uid: 1000, Code: 3, Status: 11, UserUS: 1, SystemUS: 2, MaxRSS: 3}},
	{Kind: Go, Start: Start{
		Restarts: 3, Fast: 2, Death: "was killed by signal 9 (SIGKILL)", Crashed: true, Notice: "n", Base: "/sys/fs/cgroup/x",
		Terminate: true, Force: true, Sig: 15, Pid1: true, Guardian: 1,
	}},
	{Kind: Terminate, Force: true, Sig: 2},
	{Kind: Signal, Sig: 38},
	{Kind: Refused, Key: "k", Text: "why"},
	{Kind: Lost, Count: 7},
	{Kind: Stopped, Pid: 1 << 22, Sig: 19},
	{Kind: Trap, Pid: 77},
	{Kind: Store, Key: strings.Repeat("k", MaxKey)},
	{Kind: Drop, Key: "gone"},
	{Kind: Ack, Seq: 1<<64 - 1},
	{Kind: Ready},
	{Kind: Base, Text: "/sys/fs/cgroup/unified/rouse"},
	{Kind: Bye, End: End{Code: 130, Kind: EndReboot, Arg: "bootloader"}},
	{Kind: Reexec, Text: "/usr/bin/rouse", Reexec: Upgrade{Self: true, ReadyMS: 1500}},
}

func TestRoundTrip(t *testing.T) {
	var packet []byte
	for i := range samples {
		at := len(packet)
		packet = Append(packet, &samples[i])
		if n := len(packet) - at; n > Size(&samples[i]) {
			t.Errorf("kind %d takes %d bytes, Size says %d", samples[i].Kind, n, Size(&samples[i]))
		}
	}
	for i := range samples {
		var m Msg
		var err error
		if packet, err = decode(packet, &m); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(samples[i], m); d != "" {
			t.Error(d)
		}
	}
	if len(packet) > 0 {
		t.Errorf("%d bytes left", len(packet))
	}
}

// A newer peer says more, or something else.
func TestNewerPeer(t *testing.T) {
	b := Append(nil, &Msg{Kind: Signal, Sig: 1})
	b[1] += 2
	b = append(b, 9, 9)
	b = append(b, 200, 1, 0, 5) // kind 200
	b = Append(b, &Msg{Kind: Ack, Seq: 5})
	b = append(b, byte(Ack), 3, 0, 1, 2, 3) // shorter than ours
	var got []string
	for len(b) > 0 {
		var m Msg
		var err error
		if b, err = decode(b, &m); err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprint(m.Kind, m.Sig, m.Seq))
	}
	if s := strings.Join(got, ", "); s != "5 1 0, 200 0 0, 66 0 5, 66 0 0" {
		t.Error(s)
	}
}

func pair(t testing.TB) (guardian int, c *Conn) {
	t.Helper()
	g, m, err := Pair()
	if err != nil {
		t.Fatal(err)
	}
	if c, err = Open(m); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(g); _ = c.Close() })
	return g, c
}

func memfd(t testing.TB, name string) int {
	t.Helper()
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	return fd
}

func inode(t testing.TB, fd int) uint64 {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		t.Fatal(err)
	}
	return st.Ino
}

func TestDescriptorsKeepTheirOrder(t *testing.T) {
	g, c := pair(t)
	a, b, d := memfd(t, "a"), memfd(t, "b"), memfd(t, "d")
	if err := c.Store("two", a, b); err != nil {
		t.Fatal(err)
	}
	if err := c.Reexec(Upgrade{}, d, ""); err != nil {
		t.Fatal(err)
	}
	var r Receiver
	for _, want := range [][]int{{a, b}, {d}} {
		if err := r.Fill(g); err != nil {
			t.Fatal(err)
		}
		var m Msg
		if ok, err := r.Next(&m); !ok || err != nil || len(m.FDs) != len(want) {
			t.Fatalf("%v %v %+v", ok, err, m)
		}
		for i, fd := range m.FDs {
			if inode(t, fd) != inode(t, want[i]) {
				t.Errorf("descriptor %d is another one", i)
			}
			if flags, _ := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); flags&unix.FD_CLOEXEC == 0 {
				t.Errorf("descriptor %d would be inherited", i)
			}
			_ = unix.Close(fd)
		}
	}
}

func TestStoreMany(t *testing.T) {
	g, c := pair(t)
	fd := memfd(t, "x")
	many := make([]int, MaxFDs)
	for i := range many {
		many[i] = fd
	}
	if err := c.Store("many", many...); err != nil {
		t.Fatal(err)
	}
	var r Receiver
	var m Msg
	if err := r.Fill(g); err != nil {
		t.Fatal(err)
	}
	if ok, err := r.Next(&m); !ok || err != nil || len(m.FDs) != MaxFDs {
		t.Fatal(ok, err, len(m.FDs))
	}
	for _, fd := range m.FDs {
		_ = unix.Close(fd)
	}
	for _, err := range []error{
		c.Store("many", append(many, fd)...), c.Store("none"), c.Store("", fd), c.Store(strings.Repeat("k", 256), fd),
		c.Base(strings.Repeat("p", MaxText+1)), c.Reexec(Upgrade{}, -1, strings.Repeat("p", MaxText+1)),
	} {
		if err == nil {
			t.Error("too much or too little was sent")
		}
	}
}

func TestEnds(t *testing.T) {
	g, c := pair(t)
	var m Msg
	if ok, err := c.Read(&m); ok || err != nil {
		t.Fatal(ok, err)
	}
	packet := Append(Append([]byte{Version}, &Msg{Kind: Signal, Sig: 1}), &Msg{Kind: Signal, Sig: 2})
	for _, p := range [][]byte{packet, append(packet[:len(packet):len(packet)], 1), {Version + 1, 0, 0, 0}, {Version}} {
		if err := Send(g, p, nil); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	for len(got) < 20 {
		ok, err := c.Read(&m)
		if errors.Is(err, ErrMalformed) {
			got = append(got, "malformed")
			continue
		}
		if !ok {
			break
		}
		got = append(got, fmt.Sprint(m.Sig))
	}
	if s := strings.Join(got, " "); s != "1 2 1 2 malformed malformed" {
		t.Error(s)
	}
	_ = unix.Shutdown(g, unix.SHUT_RDWR)
	if ok, err := c.Read(&m); ok || !errors.Is(err, io.EOF) {
		t.Errorf("after the guardian's end: %v %v", ok, err)
	}
	if err := c.Ready(); !errors.Is(err, io.EOF) {
		t.Errorf("Ready to nobody: %v", err)
	}
}

// Descriptors that no message claims must not stay open.
func TestStrayDescriptors(t *testing.T) {
	g, c := pair(t)
	fd := memfd(t, "stray")
	if err := Send(g, Append([]byte{Version}, &Msg{Kind: Ready}), []int{fd, fd}); err != nil {
		t.Fatal(err)
	}
	next, err := unix.Dup(fd)
	if err != nil {
		t.Fatal(err)
	}
	_ = unix.Close(next)
	var m Msg
	if ok, err := c.Read(&m); !ok || err != nil || m.FDs != nil {
		t.Fatal(ok, err, m)
	}
	if ok, err := c.Read(&m); ok || err != nil {
		t.Fatal(ok, err)
	}
	if again, _ := unix.Dup(fd); again != next {
		t.Errorf("the next free descriptor is %d, was %d", again, next)
	} else {
		_ = unix.Close(again)
	}
}

func TestSteadyStateDoesNotAllocate(t *testing.T) {
	g, c := pair(t)
	m := Msg{Kind: Exited, Seq: 1, Exit: Exit{Pid: 5}}
	packet := make([]byte, 0, 512)
	var in Msg
	n := testing.AllocsPerRun(100, func() {
		packet = Append(append(packet[:0], Version), &m)
		if err := Send(g, packet, nil); err != nil {
			t.Fatal(err)
		}
		if ok, err := c.Read(&in); !ok || err != nil {
			t.Fatal(ok, err)
		}
		if err := c.Ack(in.Seq); err != nil {
			t.Fatal(err)
		}
	})
	if n > 0 {
		t.Errorf("%v allocations for an exit and its acknowledgement", n)
	}
}

func FuzzReceive(f *testing.F) {
	for i := range samples {
		f.Add(Append([]byte{Version}, &samples[i]))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var r Receiver
		if len(b) == 0 || b[0] != Version {
			return
		}
		r.rest = b[1:]
		var m, again Msg
		for {
			ok, err := r.Next(&m)
			if !ok || err != nil {
				return
			}
			m.FDs, m.Key = nil, m.Key[:min(len(m.Key), MaxKey)]
			if len(m.Text) > MaxText || Size(&m) > MaxPacket {
				continue
			}
			m.Count = 0
			if m.Kind == Lost {
				m.Count = 5
			}
			if _, err := decode(Append(nil, &m), &again); err != nil {
				t.Fatal(err)
			}
			if known(m.Kind) && longest(&m) <= MaxText && cmp.Diff(m, again) != "" {
				t.Fatalf("%+v came back as %+v", m, again)
			}
		}
	})
}

func known(k Kind) bool { return k >= Stored && k <= Lost || k >= Store && k <= Reexec }

func longest(m *Msg) int {
	return max(len(m.Start.Death), len(m.Start.Notice), len(m.Start.Base), len(m.End.Arg))
}
