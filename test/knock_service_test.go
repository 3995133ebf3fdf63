// SPDX-License-Identifier: Apache-2.0

package test

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/rouse-init/rouse/internal/linux/sockdiag"
)

// knockService plays the parts that the stories of sockets need: "tell" says
// what it was given, "vandal DEED" answers one client and leaves the socket in
// disorder, "dial ADDRESS..." talks to all of them, "datagrams FILE" writes
// down what arrives, "blocking FD" accepts as the simplest servers do.
func knockService(part string, args []string) int {
	var err error
	switch part {
	case "tell":
		err = serveOne(whatIsPassed)
	case "vandal":
		err = serveOne(func(*bufio.Reader) string { return "hello" })
		if err == nil {
			err = vandalise(args[0])
		}
	case "dial":
		for _, a := range args {
			if _, err = ask("tcp", a, "hello"); err != nil {
				break
			}
		}
	case "blocking":
		err = acceptBlocking(args[0])
	case "datagrams":
		err = takeDatagrams(args[0])
	default:
		return 64
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// serveOne answers one line of one client.
func serveOne(answer func(*bufio.Reader) string) error {
	l, err := net.FileListener(os.NewFile(uintptr(dup(3)), "socket"))
	if err != nil {
		return err
	}
	c, err := l.Accept()
	if err != nil {
		return err
	}
	defer c.Close()
	r := bufio.NewReader(c)
	if _, err := r.ReadString('\n'); err != nil {
		return err
	}
	_, err = fmt.Fprintln(c, answer(r))
	return err
}

func dup(fd int) int {
	n, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 10)
	if err != nil {
		return -1
	}
	return n
}

func whatIsPassed(*bufio.Reader) string {
	pid := "mine"
	if os.Getenv("LISTEN_PID") != strconv.Itoa(os.Getpid()) {
		pid = os.Getenv("LISTEN_PID")
	}
	family, _ := unix.GetsockoptInt(3, unix.SOL_SOCKET, unix.SO_DOMAIN)
	next := "closed"
	// Go's own descriptors are never handed on.
	if flags, err := unix.FcntlInt(4, unix.F_GETFD, 0); err == nil && flags&unix.FD_CLOEXEC == 0 {
		next = "open"
	}
	return fmt.Sprintf("fds=%s pid=%s names=%s family=%d next=%s", os.Getenv("LISTEN_FDS"), pid, os.Getenv("LISTEN_FDNAMES"), family, next)
}

func vandalise(deed string) error {
	switch deed {
	case "backlog":
		return unix.Listen(3, 1)
	case "block":
		return unix.SetNonblock(3, false)
	}
	return unix.Shutdown(3, unix.SHUT_RDWR)
}

// acceptBlocking serves one client after the other; the socket must block.
func acceptBlocking(number string) error {
	listener, err := strconv.Atoi(number)
	if err != nil {
		return err
	}
	for {
		fd, _, err := unix.Accept(listener)
		if err != nil {
			return err
		}
		f := os.NewFile(uintptr(fd), "connection")
		line, err := bufio.NewReader(f).ReadString('\n')
		if err == nil {
			_, err = fmt.Fprintf(f, "%d %s", os.Getpid(), line)
		}
		_ = f.Close()
		if err != nil {
			return err
		}
	}
}

func takeDatagrams(file string) error {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	b := make([]byte, 1<<10)
	for {
		// The manager has made it one that does not block.
		if _, err := unix.Poll([]unix.PollFd{{Fd: 3, Events: unix.POLLIN}}, -1); err != nil && !errors.Is(err, syscall.EINTR) {
			return err
		}
		n, err := unix.Read(3, b)
		if err != nil && !errors.Is(err, syscall.EAGAIN) && !errors.Is(err, syscall.EINTR) {
			return err
		}
		if n > 0 {
			if _, err := fmt.Fprintf(f, "%s\n", b[:n]); err != nil {
				return err
			}
		}
	}
}

// backlogOf is how many connections may wait at a port of 127.0.0.1.
func backlogOf(t *testing.T, port int) uint32 {
	t.Helper()
	d := sockdiag.Open()
	defer d.Close()
	_, limit, err := d.Queue(sockdiag.Key{Addr: netip.MustParseAddr("127.0.0.1"), Port: uint16(port)})
	if err != nil {
		t.Fatal(err)
	}
	return limit
}
