// SPDX-License-Identifier: Apache-2.0

package bustest

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rouse-init/rouse/internal/bus/systemd1"
	"github.com/rouse-init/rouse/internal/bus/upstart"
	"github.com/rouse-init/rouse/internal/engine"
	"github.com/rouse-init/rouse/internal/linux/poll"
)

// Server is a Fake that is being served.
type Server struct {
	Fake *Fake
	Path string // of the socket

	do   chan func()
	wake int
	end  chan struct{}
}

// Serve serves f on a socket below a new directory until the test ends.
func Serve(t testing.TB, f *Fake) *Server {
	t.Helper()
	dir, err := os.MkdirTemp("", "rouse-bus") //nolint:usetesting // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	s, stop, err := Start(f, filepath.Join(dir, "systemd", "private"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return s
}

// Start serves f on a socket at path. stop ends it.
func Start(f *Fake, path string) (s *Server, stop func(), err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, nil, err
	}
	f.LogDir = filepath.Dir(path)
	fd, err := Listen(path)
	if err != nil {
		return nil, nil, err
	}
	loop, err := poll.New()
	if err != nil {
		return nil, nil, err
	}
	wake, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, nil, err
	}
	s = &Server{Fake: f, Path: path, do: make(chan func(), 16), wake: wake, end: make(chan struct{})}
	var be systemd1.Backend = f
	if f.Backend != nil {
		be = f.Backend
	}
	svc, err := systemd1.New(systemd1.Config{
		Loop: loop, Listener: fd, UID: uint32(os.Getuid()), Backend: be,
		Now: bootTime, Wall: time.Now, Broken: f.Broken,
	})
	if err != nil {
		return nil, nil, err
	}
	f.Service = svc
	flush := svc.Flush
	if f.Upstart != nil {
		up := upstart.New(upstart.Config{Server: svc.Server(), Backend: f.Upstart})
		f.Upstart.Service = up
		flush = func() {
			up.Flush()
			svc.Flush()
		}
	}
	running := true
	if err := loop.Add(wake, poll.In, func(uint32) {
		var b [8]byte
		_, _ = unix.Read(wake, b[:])
		for len(s.do) > 0 {
			(<-s.do)()
		}
	}); err != nil {
		return nil, nil, err
	}
	go func() {
		defer close(s.end)
		for running {
			timeout := time.Duration(-1)
			if next, ok := svc.Tick(bootTime()); ok {
				timeout = max(0, time.Duration(next-bootTime()))
			}
			if err := loop.Wait(timeout); err != nil {
				return
			}
			flush()
			f.clients.Store(int32(svc.Clients()))
		}
		svc.Close()
	}()
	return s, func() {
		s.Do(func() { running = false })
		<-s.end
		_ = loop.Close()
		_ = unix.Close(fd)
		_ = unix.Close(wake)
	}, nil
}

// Do runs fn on the loop's goroutine and waits for it.
func (s *Server) Do(fn func()) {
	done := make(chan struct{})
	s.do <- func() { fn(); close(done) }
	_, _ = unix.Write(s.wake, []byte{1, 0, 0, 0, 0, 0, 0, 0})
	select {
	case <-done:
	case <-s.end:
	}
}

// Until waits until ok, which runs on the loop's goroutine, returns true.
func (s *Server) Until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); {
		var yes bool
		if s.Do(func() { yes = ok() }); yes {
			return
		}
		_, _ = unix.Poll(nil, 1)
	}
	t.Fatalf("not within 5 s: %s", what)
}

// Listen opens a listening unix socket.
func Listen(path string) (int, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: path}); err != nil {
		return -1, err
	}
	return fd, unix.Listen(fd, 128)
}

func bootTime() engine.Time {
	var ts unix.Timespec
	if unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts) != nil {
		return 0
	}
	return engine.Time(ts.Nano())
}
