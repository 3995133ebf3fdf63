// SPDX-License-Identifier: Apache-2.0

// Command vm stands in for a Smalltalk virtual machine with a Seaside image,
// which cannot be had here: it does with its socket what OpenSmalltalk's
// SocketPlugin and the image of the seed do (sqUnixSocket.c,
// ProvidedTCPSocketType), and refuses what they could not use.
//
//	vm [--libsystemd] [--headless] PORT.image
//
// It takes descriptor 3 and no other, asks for LISTEN_FDS and never for
// LISTEN_PID, speaks IPv4, binds (which fails and is ignored) and listens with
// its own backlog, runs in one thread, and closes the socket when it quits.
// --libsystemd is the VM that was built with that library, whose test is the
// wrong way round: it wants sd_listen_fds(3) to find nothing. A file of the
// image's name need not exist.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	provided = 3  // the descriptor of ProvidedTCPSocketType
	backlog  = 32 // of Zinc's listener
)

func main() {
	// Only SIGTERM ends it without an error.
	fmt.Fprintln(os.Stderr, "vm:", run(os.Args[1:]))
	os.Exit(1)
}

func run(args []string) error {
	var libsystemd bool
	var image string
	for _, a := range args {
		switch {
		case a == "--libsystemd":
			libsystemd = true
		case strings.HasPrefix(a, "-"):
		default:
			image = a
		}
	}
	port, err := adopt(libsystemd)
	if err != nil {
		return err
	}
	if want := strings.TrimSuffix(image, ".image"); want != strconv.Itoa(port) {
		return fmt.Errorf("%s is given the socket of port %d", image, port)
	}
	quit := make(chan os.Signal, 1)
	signal.Notify(quit, unix.SIGTERM)
	go func() {
		<-quit
		unix.Close(provided)
		os.Exit(0)
	}()
	return serve(port)
}

// adopt is the socket primitive and the image's TCPListener around it.
func adopt(libsystemd bool) (port int, err error) {
	if os.Getenv("LISTEN_FDS") == "" {
		return 0, errors.New("LISTEN_FDS is not set: the image would open a socket of its own")
	}
	if libsystemd && os.Getenv("LISTEN_PID") == strconv.Itoa(os.Getpid()) {
		return 0, errors.New("LISTEN_PID is set: the primitive fails (UnsetEnvironment=LISTEN_PID)")
	}
	if os.Getenv("LISTEN_FDS") != "1" {
		return 0, fmt.Errorf("LISTEN_FDS=%s: the VM knows one socket", os.Getenv("LISTEN_FDS"))
	}
	name, err := unix.Getsockname(provided)
	if err != nil {
		return 0, fmt.Errorf("descriptor 3: %w", err)
	}
	in4, ok := name.(*unix.SockaddrInet4)
	if !ok {
		return 0, errors.New("descriptor 3 is not of IPv4: the VM would take its address for 0")
	}
	if err := unix.SetsockoptInt(provided, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
		return 0, err
	}
	if err := unix.Bind(provided, in4); !errors.Is(err, unix.EINVAL) {
		return 0, fmt.Errorf("bind: %w, expected EINVAL, since it is bound", err)
	}
	if err := unix.Listen(provided, backlog); err != nil {
		return 0, err
	}
	return in4.Port, unix.SetNonblock(provided, true)
}

// serve answers one request after the other, as the VM's one thread does.
func serve(port int) error {
	for served := 1; ; {
		wait := []unix.PollFd{{Fd: provided, Events: unix.POLLIN}}
		if _, err := unix.Poll(wait, -1); err != nil && !errors.Is(err, unix.EINTR) {
			return err
		}
		fd, _, err := unix.Accept4(provided, unix.SOCK_CLOEXEC)
		if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR) || errors.Is(err, unix.ECONNABORTED) {
			continue
		}
		if err != nil {
			return err
		}
		if answer(fd, fmt.Sprintf("%d %d %d\n", port, served, os.Getpid())) {
			served++
		}
		unix.Close(fd)
	}
}

// answer reads a request and answers it; false where there was none.
func answer(fd int, text string) bool {
	var request []byte
	buf := make([]byte, 4096)
	for !bytes.Contains(request, []byte("\r\n\r\n")) {
		n, err := unix.Read(fd, buf)
		if n <= 0 || err != nil || len(request) > 64<<10 {
			return false
		}
		request = append(request, buf[:n]...)
	}
	out := fmt.Appendf(nil, "HTTP/1.0 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", len(text), text)
	for len(out) > 0 {
		n, err := unix.Write(fd, out)
		if err != nil {
			return false
		}
		out = out[n:]
	}
	return true
}
