// SPDX-License-Identifier: Apache-2.0

package bridge

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// kinds runs a test for each pair of client's and backend's socket.
func kinds(t *testing.T, fn func(t *testing.T, from, to string)) {
	for _, from := range []string{"tcp", "unix"} {
		for _, to := range []string{"tcp", "unix"} {
			t.Run(from+" to "+to, func(t *testing.T) { fn(t, from, to) })
		}
	}
}

type closeWriter interface{ CloseWrite() error }

func TestHalfClose(t *testing.T) {
	kinds(t, func(t *testing.T, from, to string) {
		backend := serving(t, to, "", func(c net.Conn) {
			all, err := io.ReadAll(c) // until the client has said all
			fmt.Fprintf(c, "got %d %v", len(all), err)
		})
		b := bridging(t, Config{Listen: []string{listenText(t, from)}, To: []string{backend}})
		c := dial(t, b)
		write(t, c, "hello")
		if err := c.(closeWriter).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		all, err := io.ReadAll(c)
		if string(all) != "got 5 <nil>" || err != nil {
			t.Errorf("got %q, %v", all, err)
		}
		eventually(t, "the end of the session", func() bool { return b.Open() == 0 })
	})
}

// The server says all first, and then listens on.
func TestHalfCloseByTheServer(t *testing.T) {
	kinds(t, func(t *testing.T, from, to string) {
		got := make(chan string, 1)
		backend := serving(t, to, "", func(c net.Conn) {
			_, _ = io.WriteString(c, "bye")
			_ = c.(closeWriter).CloseWrite()
			all, _ := io.ReadAll(c)
			got <- string(all)
		})
		c := dial(t, bridging(t, Config{Listen: []string{listenText(t, from)}, To: []string{backend}}))
		all, err := io.ReadAll(c)
		if string(all) != "bye" || err != nil {
			t.Errorf("got %q, %v", all, err)
		}
		write(t, c, "wait, one more")
		c.Close()
		if s := <-got; s != "wait, one more" {
			t.Errorf("the server got %q", s)
		}
	})
}

func TestResetByTheClient(t *testing.T) {
	seen := make(chan error, 1)
	backend := serving(t, "tcp", "", func(c net.Conn) {
		_, _ = io.CopyN(c, c, 1)
		_, err := io.ReadAll(c)
		seen <- err
	})
	c := dial(t, bridging(t, Config{Listen: []string{"127.0.0.1:0"}, To: []string{backend}}))
	write(t, c, "x")
	expect(t, c, "x")
	_ = c.(*net.TCPConn).SetLinger(0)
	c.Close()
	if err := <-seen; !isReset(err) {
		t.Errorf("the server got %v, not a reset", err)
	}
}

func TestResetByTheServer(t *testing.T) {
	backend := serving(t, "tcp", "", func(c net.Conn) {
		_, _ = io.CopyN(c, c, 1)
		_ = c.(*net.TCPConn).SetLinger(0)
	})
	c := dial(t, bridging(t, Config{Listen: []string{"127.0.0.1:0"}, To: []string{backend}}))
	write(t, c, "x")
	expect(t, c, "x")
	if _, err := io.ReadAll(c); !isReset(err) {
		t.Errorf("the client got %v, not a reset", err)
	}
}

// A server that answers and goes without having read all that was said: the
// answer arrives all the same, as it does without a bridge.
func TestAnswerBeforeTheEndOfTheQuestion(t *testing.T) {
	backend := serving(t, "tcp", "", func(c net.Conn) {
		_, _ = io.ReadFull(c, make([]byte, 10))
		_, _ = io.WriteString(c, "too long")
		_ = c.(closeWriter).CloseWrite()
		_, _ = io.CopyN(io.Discard, c, 1<<20)
	})
	c := dial(t, bridging(t, Config{Listen: []string{"127.0.0.1:0"}, To: []string{backend}}))
	go func() { _, _ = io.CopyN(c, zeros{}, 64<<20) }()
	expect(t, c, "too long")
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

// counting is a stream whose every part differs.
type counting struct{ n uint64 }

func (s *counting) Read(b []byte) (int, error) {
	k := len(b) &^ 7
	for i := 0; i < k; i += 8 {
		binary.LittleEndian.PutUint64(b[i:], s.n)
		s.n++
	}
	return k, nil
}

// bulkSize is how much a stream carries both ways: 1 GiB over TCP, and
// everywhere with BRIDGE_LONG set.
func bulkSize(from, to string) int64 {
	switch {
	case testing.Short():
		return 4 << 20
	case from == "tcp" && to == "tcp" || os.Getenv("BRIDGE_LONG") != "":
		return 1 << 30
	}
	return 48 << 20
}

func TestManyBytesBothWays(t *testing.T) {
	kinds(t, func(t *testing.T, from, to string) {
		size := bulkSize(from, to)
		want := sha256.New()
		_, _ = io.CopyBuffer(want, io.LimitReader(&counting{}, size), make([]byte, 128<<10))
		backend := serving(t, to, "", echo)
		c := dial(t, bridging(t, Config{Listen: []string{listenText(t, from)}, To: []string{backend}}))
		_ = c.SetDeadline(time.Now().Add(10 * patience))
		go func() {
			_, _ = io.CopyBuffer(c, io.LimitReader(&counting{}, size), make([]byte, 128<<10))
			_ = c.(closeWriter).CloseWrite()
		}()
		got := sha256.New()
		if n, err := io.Copy(got, c); n != size || err != nil {
			t.Fatalf("got %d bytes of %d, %v", n, size, err)
		}
		if !bytes.Equal(got.Sum(nil), want.Sum(nil)) {
			t.Error("the bytes are not those that were sent")
		}
	})
}

// Both directions of one connection have more than their turn allows: neither
// is forgotten over the other.
func TestBothDirectionsHaveTheirTurns(t *testing.T) {
	b, err := New(Config{Listen: []string{"127.0.0.1:0"}, To: []string{"127.0.0.1:1"}, Loops: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer b.closeAll()
	l := b.loops[0]
	l.buf = make([]byte, 1<<10)
	const size = 10 * pumpBudget << 10
	near, far := [2]int32{}, [2]int32{}
	s := l.sessions.get()
	s.state = open
	for side := range near {
		near[side], far[side] = tcpPair(t)
		if n, errno := sysWrite(far[side], make([]byte, size)); n != size {
			t.Fatal(errno)
		}
		_ = unix.SetNonblock(int(near[side]), true)
		s.ends[side].fd, s.ends[side].plain = near[side], true
	}
	l.pump(s, client)
	l.pump(s, server)
	for rounds := 0; len(l.again) > 0; rounds++ {
		if rounds > 100 {
			t.Fatal("it goes on for ever")
		}
		l.goOn()
	}
	for side := range far {
		var got int
		for buf := make([]byte, size); got < size; {
			_ = unix.SetNonblock(int(far[side]), true)
			n, errno := sysRead(far[side], buf)
			if n <= 0 {
				t.Fatalf("side %d got %d bytes of %d: %v", side, got, size, errno)
			}
			got += n
		}
	}
}

// A reader that stops stops its writer, and nobody else, and nothing is lost.
func TestSlowReader(t *testing.T) {
	kinds(t, func(t *testing.T, from, to string) {
		begin := make(chan bool)
		backend := serving(t, to, "", func(c net.Conn) {
			first := make([]byte, 8)
			if _, err := io.ReadFull(c, first); err != nil {
				return
			}
			if string(first) == "quick..." {
				_, _ = c.Write(first)
				return
			}
			<-begin
			n, err := io.Copy(io.Discard, c)
			fmt.Fprintf(c, "%d %v", n, err)
		})
		b := bridging(t, Config{Listen: []string{listenText(t, from)}, To: []string{backend}, Loops: 1})
		c := dial(t, b)
		const size = 64 << 20
		var sent, before int64
		_ = c.SetWriteDeadline(time.Now().Add(200 * time.Millisecond))
		write(t, c, "slow....")
		before, err := io.CopyN(c, zeros{}, size)
		if err == nil || before > size/2 {
			t.Fatalf("%d bytes went to somebody who reads none (%v)", before, err)
		}
		q := dial(t, b)
		write(t, q, "quick...")
		expect(t, q, "quick...")
		close(begin)
		_ = c.SetWriteDeadline(time.Now().Add(patience))
		sent, err = io.CopyN(c, zeros{}, size)
		if err != nil {
			t.Fatal(err)
		}
		_ = c.(closeWriter).CloseWrite()
		all, err := io.ReadAll(c)
		if want := fmt.Sprint(before+sent, " <nil>"); string(all) != want || err != nil {
			t.Errorf("got %q, %v, want %q", all, err, want)
		}
	})
}

// More slow readers than there are pipes: the others are copied for.
func TestManySlowReaders(t *testing.T) {
	const readers, size = maxLent + 20, 2 << 20
	backend := serving(t, "tcp", "", func(c net.Conn) { _, _ = io.CopyN(c, zeros{}, size) })
	b := bridging(t, Config{Listen: []string{"127.0.0.1:0"}, To: []string{backend}, Loops: 1})
	var all []net.Conn
	for range readers {
		c := dial(t, b)
		_ = c.(*net.TCPConn).SetReadBuffer(128 << 10)
		all = append(all, c)
	}
	eventually(t, "the connections", func() bool { return b.Open() == readers })
	for _, c := range all {
		if n, err := io.Copy(io.Discard, c); n != size || err != nil {
			t.Fatalf("got %d bytes, %v", n, err)
		}
	}
}

// What was read in small pieces, and found no room, is kept.
func TestSmallPiecesToASlowReader(t *testing.T) {
	const pieces, size = 10_000, 1600
	var written atomic.Int64
	backend := serving(t, "tcp", "", func(c net.Conn) {
		piece := bytes.Repeat([]byte("0123456789abcdef"), size/16)
		for range pieces {
			if _, err := c.Write(piece); err != nil {
				return
			}
			written.Add(1)
		}
	})
	c := dial(t, bridging(t, Config{Listen: []string{"127.0.0.1:0"}, To: []string{backend}}))
	_ = c.(*net.TCPConn).SetReadBuffer(64 << 10)
	eventually(t, "the writer's pause", func() bool {
		before := written.Load()
		_, _ = unix.Poll(nil, 20)
		return before > 0 && written.Load() == before
	})
	all, err := io.ReadAll(c)
	if err != nil || len(all) != pieces*size {
		t.Fatalf("got %d bytes, %v", len(all), err)
	}
	for i, x := range all {
		if want := "0123456789abcdef"[i%16]; x != want {
			t.Fatalf("byte %d is %q, not %q", i, x, want)
		}
	}
}

func TestServerDiesMidStream(t *testing.T) {
	backend := serving(t, "tcp", "", func(c net.Conn) {
		_, _ = io.CopyN(c, zeros{}, 1<<20)
		// It is killed with something unread: the kernel sends a reset.
		_, _ = unix.Poll(nil, 50)
	})
	c := dial(t, bridging(t, Config{Listen: []string{"127.0.0.1:0"}, To: []string{backend}}))
	go func() { _, _ = io.Copy(c, zeros{}) }()
	n, err := io.Copy(io.Discard, c)
	if n > 1<<20 || err != nil && !isReset(err) {
		t.Errorf("got %d bytes, %v", n, err)
	}
	if err == nil {
		// The end came first; then nothing more can be written.
		eventually(t, "a reset", func() bool { _, err := c.Write([]byte("x")); return isReset(err) })
	}
}
