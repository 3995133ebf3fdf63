// SPDX-License-Identifier: Apache-2.0

package bus

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rouse-init/rouse/internal/bus/wire"
	"github.com/rouse-init/rouse/internal/linux/poll"
)

// echo is a tree with one object that has a method of each kind.
type echo struct {
	pending []*Call
	fds     int
}

func (e *echo) Lookup(path string) (Node, bool) {
	return Node{Interfaces: []*Interface{{
		Name: "t.Echo",
		Methods: []Method{
			{Name: "Echo", In: "s", Out: "s", Open: true, Call: func(_ any, c *Call) { s := c.Args.String(); c.Body().String(s); c.Return() }},
			{Name: "Big", In: "u", Out: "ay", Open: true, Call: func(_ any, c *Call) { n := c.Args.Uint32(); c.Body().Bytes(make([]byte, n)); c.Return() }},
			{Name: "Later", Open: true, Call: func(s any, c *Call) { s.(*echo).pending = append(s.(*echo).pending, c) }},
			{Name: "Count", In: "", Out: "", Open: true, Call: func(s any, c *Call) { s.(*echo).fds += len(c.FDs); c.Return() }},
			{Name: "Write", Call: func(_ any, c *Call) { c.Return() }},
		},
		Props: []Prop{{Name: "P", Sig: "s", Get: func(_ any, e *wire.Encoder) { e.String("v") }}},
	}}, Subject: e}, path == "/o"
}

func (e *echo) Children(path string) []string {
	if path == "/" {
		return []string{"o"}
	}
	return nil
}

// rig is a server whose loop the test turns itself.
type rig struct {
	t    *testing.T
	srv  *Server
	tree *echo
	path string
	now  time.Duration
}

func newRig(t *testing.T) *rig {
	t.Helper()
	dir, err := os.MkdirTemp("", "bus") //nolint:usetesting // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, tree: &echo{}, path: filepath.Join(dir, "s")}
	loop, err := poll.New()
	if err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err == nil {
		err = errors.Join(unix.Bind(fd, &unix.SockaddrUnix{Name: r.path}), unix.Listen(fd, 2048))
	}
	if err != nil {
		t.Fatal(err)
	}
	r.srv, err = New(Config{Loop: loop, Listener: fd, UID: uint32(os.Getuid()), Parts: []Part{{Name: "t.Name", Tree: r.tree}}, Now: func() time.Duration { return r.now }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		r.srv.Close()
		if n := r.srv.Clients(); n != 0 {
			t.Errorf("%d clients after Close", n)
		}
		_ = loop.Close()
		_ = unix.Close(fd)
		_ = os.RemoveAll(dir)
	})
	return r
}

// turn runs the loop until there is nothing to do.
func (r *rig) turn() {
	for range 8 {
		if err := r.srv.cfg.Loop.Wait(0); err != nil {
			r.t.Fatal(err)
		}
		r.srv.Flush()
	}
}

// peer is a client of the test, non-blocking.
type peer struct {
	r  *rig
	fd int
	in []byte
}

func (r *rig) dial() *peer {
	r.t.Helper()
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err == nil {
		err = unix.Connect(fd, &unix.SockaddrUnix{Name: r.path})
	}
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = unix.Close(fd) })
	return &peer{r: r, fd: fd}
}

const hands = "\x00AUTH EXTERNAL\r\nDATA\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n"

// login authenticates.
func (r *rig) login() *peer {
	p := r.dial()
	p.write([]byte(hands), nil)
	r.turn()
	p.read()
	if len(p.in) == 0 || p.in[0] != 'D' {
		r.t.Fatalf("greeted with %q", p.in)
	}
	p.in = nil
	return p
}

func (p *peer) write(data []byte, fds []int) {
	p.r.t.Helper()
	var rights []byte
	if fds != nil {
		rights = unix.UnixRights(fds...)
	}
	if _, err := unix.SendmsgN(p.fd, data, rights, nil, unix.MSG_NOSIGNAL); err != nil {
		p.r.t.Fatal(err)
	}
}

// read takes what is there; closed tells that the server hung up.
func (p *peer) read() (closed bool) {
	buf := make([]byte, 1<<20)
	for {
		n, err := unix.Read(p.fd, buf)
		if errors.Is(err, unix.EAGAIN) {
			return false
		}
		if err != nil || n == 0 {
			return true
		}
		p.in = append(p.in, buf[:n]...)
	}
}

func call(serial uint32, member, sig string, body func(*wire.Encoder)) []byte {
	var e wire.Encoder
	if body != nil {
		body(&e)
	}
	return wire.Append(nil, &wire.Message{Type: wire.MethodCall, Serial: serial, Path: "/o", Interface: "t.Echo", Member: member, Signature: sig, Body: e.Data()})
}

// message takes the next message off the input.
func (p *peer) message() *wire.Message {
	p.r.t.Helper()
	p.read()
	n, err := wire.Size(p.in)
	if err != nil || n > len(p.in) {
		p.r.t.Fatalf("no whole message in %d bytes: %v", len(p.in), err)
	}
	m, err := wire.Parse(p.in[:n])
	if err == nil {
		err = wire.CheckBody(&m)
	}
	if err != nil {
		p.r.t.Fatal(err)
	}
	p.in = p.in[n:]
	return &m
}

func text(s string) func(*wire.Encoder) { return func(e *wire.Encoder) { e.String(s) } }

func TestCallInOneWriteWithAuthentication(t *testing.T) {
	r := newRig(t)
	p := r.dial()
	p.write(append([]byte(hands), call(1, "Echo", "s", text("hello"))...), nil)
	r.turn()
	p.read()
	for i := 0; i < 3; i++ {
		end := 0
		for p.in[end] != '\n' {
			end++
		}
		p.in = p.in[end+1:]
	}
	if m := p.message(); m.ReplySerial != 1 || m.Decoder().String() != "hello" {
		t.Errorf("answer %+v", m)
	}
}

func TestMessagesInSmallPieces(t *testing.T) {
	r := newRig(t)
	p := r.dial()
	data := append([]byte(hands), call(1, "Echo", "s", text("a"))...)
	data = append(data, call(2, "Echo", "s", text("b"))...)
	for _, b := range data {
		p.write([]byte{b}, nil)
		r.turn()
	}
	p.read()
	if n := len(p.in); n == 0 {
		t.Fatal("no answer")
	}
	i := 0
	for lines := 0; lines < 3; i++ {
		if p.in[i] == '\n' {
			lines++
		}
	}
	p.in = p.in[i:]
	if a, b := p.message(), p.message(); a.ReplySerial != 1 || b.ReplySerial != 2 {
		t.Errorf("answers %+v, %+v", a, b)
	}
}

func TestErrors(t *testing.T) {
	r := newRig(t)
	p := r.login()
	other := func(path, iface, member string) []byte {
		return wire.Append(nil, &wire.Message{Type: wire.MethodCall, Serial: 9, Path: path, Interface: iface, Member: member})
	}
	prop := func(member, iface, name string) []byte {
		var e wire.Encoder
		e.String(iface)
		e.String(name)
		return wire.Append(nil, &wire.Message{Type: wire.MethodCall, Serial: 9, Path: "/o", Interface: ifaceProps, Member: member, Signature: "ss", Body: e.Data()})
	}
	for _, c := range []struct {
		data []byte
		want string
	}{
		{other("/none", "t.Echo", "Echo"), ErrUnknownObject},
		{other("/o", "t.None", "Echo"), ErrUnknownIface},
		{other("/o", "t.Echo", "None"), ErrUnknownMethod},
		{other("/o", "", "None"), ErrUnknownMethod},
		{other("/o", "t.Echo", "Echo"), ErrArgs},
		{prop("Get", "t.Echo", "None"), ErrUnknownProp},
		{prop("Get", "t.None", "P"), ErrUnknownIface},
		{prop("Get", "t.Echo", "P"), ""},
		{prop("Get", "", "P"), ""},
		{other("/", ifaceIntrospect, "Introspect"), ""},
		{other("/none", ifaceIntrospect, "Introspect"), ErrUnknownObject},
		{other("/anything", ifacePeer, "Ping"), ""},
	} {
		p.write(c.data, nil)
		r.turn()
		if m := p.message(); m.ErrorName != c.want {
			t.Errorf("error %q, want %q", m.ErrorName, c.want)
		}
	}
}

func TestStrangersOnlyLook(t *testing.T) {
	r := newRig(t)
	p := r.login()
	for c := range r.srv.conns {
		c.trusted = false
	}
	p.write(append(call(1, "Write", "", nil), call(2, "Echo", "s", text("x"))...), nil)
	r.turn()
	if m := p.message(); m.ErrorName != ErrAccess {
		t.Errorf("Write by a stranger: %+v", m)
	}
	if m := p.message(); m.ErrorName != "" {
		t.Errorf("Echo by a stranger: %+v", m)
	}
}

func TestLateAnswer(t *testing.T) {
	r := newRig(t)
	p := r.login()
	p.write(call(5, "Later", "", nil), nil)
	r.turn()
	gone := r.login()
	gone.write(call(6, "Later", "", nil), nil)
	r.turn()
	_ = unix.Shutdown(gone.fd, unix.SHUT_RDWR)
	r.turn()
	if r.srv.Clients() != 1 {
		t.Fatalf("%d clients, want 1", r.srv.Clients())
	}
	for _, c := range r.tree.pending {
		c.Return()
		c.Return() // answered twice: dropped
	}
	r.turn()
	if m := p.message(); m.ReplySerial != 5 || len(p.in) != 0 {
		t.Errorf("answer %+v, %d bytes more", m, len(p.in))
	}
}

func TestSlowReaderIsDropped(t *testing.T) {
	r := newRig(t)
	p := r.login()
	fast := r.login()
	for range 64 {
		for range 64 {
			r.srv.Emit("/o", "t.Echo", "S", "ay", func(e *wire.Encoder) { e.Bytes(make([]byte, 16<<10)) })
		}
		fast.read()
		fast.in = nil
		r.srv.Flush()
		for range 32 {
			r.turn()
			fast.read()
		}
		fast.in = nil
		if r.srv.Clients() == 1 {
			break
		}
	}
	if r.srv.Clients() != 1 {
		t.Fatalf("%d clients, want the fast one only", r.srv.Clients())
	}
	if !p.read() {
		t.Error("slow reader is still connected")
	}
}

func TestCallsWaitForASlowReader(t *testing.T) {
	r := newRig(t)
	p := r.login()
	const calls, size = 64, 128 << 10
	var data []byte
	for i := range uint32(calls) {
		data = append(data, call(i+1, "Big", "u", func(e *wire.Encoder) { e.Uint32(size) })...)
	}
	p.write(data, nil)
	r.turn()
	for c := range r.srv.conns {
		if c.outSize > pauseQueue+size+100 {
			t.Errorf("%d bytes wait for a client that does not read", c.outSize)
		}
	}
	for range 4 * calls {
		p.read()
		r.turn()
	}
	for i := range uint32(calls) {
		if m := p.message(); m.ReplySerial != i+1 || len(m.Body) != size+4 {
			t.Fatalf("answer %d has %d bytes", m.ReplySerial, len(m.Body))
		}
	}
}

func TestUnansweredCallsAreLimited(t *testing.T) {
	r := newRig(t)
	p := r.login()
	const calls = maxCalls + 50
	var data []byte
	for i := range uint32(calls) {
		data = append(data, call(i+1, "Later", "", nil)...)
	}
	p.write(data, nil)
	r.turn()
	if n := len(r.tree.pending); n != maxCalls {
		t.Fatalf("%d calls taken, want %d", n, maxCalls)
	}
	for len(r.tree.pending) > 0 {
		c := r.tree.pending[0]
		r.tree.pending = r.tree.pending[1:]
		c.Return()
		r.turn()
		p.read()
	}
	for i := range uint32(calls) {
		if m := p.message(); m.ReplySerial != i+1 {
			t.Fatalf("answer %d, want %d", m.ReplySerial, i+1)
		}
	}
}

func TestDescriptorsAreClosed(t *testing.T) {
	r := newRig(t)
	p := r.login()
	before := openFDs(t)
	m := wire.Message{Type: wire.MethodCall, Serial: 1, Path: "/o", Interface: "t.Echo", Member: "Count", NFDs: 2}
	p.write(wire.Append(nil, &m), []int{p.fd, p.fd})
	r.turn()
	if got := p.message(); got.ErrorName != "" || r.tree.fds != 2 {
		t.Errorf("%+v, %d descriptors arrived", got, r.tree.fds)
	}
	if n := openFDs(t); n != before {
		t.Errorf("%d descriptors open, %d before", n, before)
	}
	// One that nobody announced is closed with the connection at the latest,
	// and more than the limit end it.
	many := make([]int, 40)
	for i := range many {
		many[i] = p.fd
	}
	p.write([]byte("l"), many)
	r.turn()
	p.write([]byte("\x01"), many)
	r.turn()
	if !p.read() {
		t.Error("80 descriptors without a message were accepted")
	}
	if n := openFDs(t); n != before-1 {
		t.Errorf("%d descriptors open, want %d", n, before-1)
	}
}

func openFDs(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

func TestHalfOpenClientsAreDropped(t *testing.T) {
	r := newRig(t)
	p := r.dial()
	p.write([]byte("\x00AUTH"), nil)
	r.turn()
	q := r.login()
	next, ok := r.srv.Tick(r.now)
	if !ok || next != authTime {
		t.Fatalf("Tick = %v, %v, want %v", next, ok, authTime)
	}
	r.now = next
	if _, ok := r.srv.Tick(r.now); ok {
		t.Error("Tick wants to be called again without a reason")
	}
	if !p.read() || q.read() {
		t.Error("want the half-open client dropped and the other not")
	}
}

func TestUsersHaveALimit(t *testing.T) {
	r := newRig(t)
	for range maxConnsPerUID {
		r.login()
	}
	for c := range r.srv.conns {
		c.uid = 1
	}
	if n := r.srv.countUID(1); n != maxConnsPerUID {
		t.Errorf("%d connections counted, want %d", n, maxConnsPerUID)
	}
}

func TestSignalsFollowRules(t *testing.T) {
	r := newRig(t)
	all, some := r.login(), r.login()
	var e wire.Encoder
	e.String("type='signal',interface='t.Echo',member='Yes',path_namespace='/o'")
	some.write(wire.Append(nil, &wire.Message{Type: wire.MethodCall, Flags: wire.NoReply, Serial: 1, Path: "/org/freedesktop/DBus", Interface: ifaceBus, Member: "AddMatch", Signature: "s", Body: e.Data()}), nil)
	r.turn()
	for _, member := range []string{"No", "Yes"} {
		r.srv.Emit("/o/x", "t.Echo", member, "", nil)
	}
	r.turn()
	if m := all.message(); m.Member != "No" {
		t.Errorf("first signal is %s", m.Member)
	}
	if m := some.message(); m.Member != "Yes" || len(some.in) != 0 {
		t.Errorf("filtered signal is %s, %d bytes more", m.Member, len(some.in))
	}
}
