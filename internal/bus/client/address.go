// SPDX-License-Identifier: Apache-2.0

package client

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/rouse-init/rouse/internal/bus/wire"
)

// SystemBus is the address of the system's message bus.
func SystemBus() string {
	if a := os.Getenv("DBUS_SYSTEM_BUS_ADDRESS"); a != "" {
		return a
	}
	return "unix:path=/run/dbus/system_bus_socket;unix:path=/var/run/dbus/system_bus_socket"
}

// SessionBus is the address of the message bus of the session, "" where it
// is not known.
func SessionBus() string {
	if a := os.Getenv("DBUS_SESSION_BUS_ADDRESS"); a != "" {
		return a
	}
	if dir := os.Getenv("XDG_RUNTIME_DIR"); dir != "" {
		return "unix:path=" + dir + "/bus"
	}
	return ""
}

// ParseAddress turns a D-Bus address, or the path of a socket, into the names
// of sockets to try; abstract ones begin with "@".
func ParseAddress(address string) ([]string, error) {
	if strings.HasPrefix(address, "/") || strings.HasPrefix(address, "@") {
		return []string{address}, nil
	}
	var names []string
	for part := range strings.SplitSeq(address, ";") {
		list, ok := strings.CutPrefix(part, "unix:")
		if !ok {
			continue // tcp: and its kin cannot tell who we are
		}
		for pair := range strings.SplitSeq(list, ",") {
			key, value, _ := strings.Cut(pair, "=")
			value, err := url.PathUnescape(value)
			if err != nil {
				return nil, fmt.Errorf("cannot understand D-Bus address %q: %w", address, err)
			}
			switch {
			case key == "path":
				names = append(names, value)
			case key == "abstract":
				names = append(names, "@"+value)
			case key == "runtime" && os.Getenv("XDG_RUNTIME_DIR") != "":
				names = append(names, os.Getenv("XDG_RUNTIME_DIR")+"/bus")
			}
		}
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("cannot use D-Bus address %q: it names no unix socket (want unix:path=... or unix:abstract=...)", address)
	}
	return names, nil
}

// DialAddress connects to the first socket of a D-Bus address, or to a path as
// `rouse up --socket` takes it, that answers.
func DialAddress(address string) (*Conn, error) {
	// No D-Bus address is without a colon.
	if address != "" && address[0] != '/' && address[0] != '@' && (address[0] == '.' || !strings.Contains(address, ":")) {
		path, err := filepath.Abs(address)
		if err != nil {
			return nil, fmt.Errorf("cannot find %s: %w", address, err)
		}
		address = path
	}
	return dialFirst(address, "")
}

// DialBus connects to the message bus at address. All calls go to the owner of
// the name dest.
func DialBus(address, dest string) (*Conn, error) { return dialFirst(address, dest) }

func dialFirst(address, dest string) (*Conn, error) {
	names, err := ParseAddress(address)
	if err != nil {
		return nil, err
	}
	var failed []error
	for _, name := range names {
		c := &Conn{path: name, fd: -1, dest: dest}
		err := c.dial()
		if err == nil {
			return c, nil
		}
		failed = append(failed, err)
	}
	return nil, errors.Join(failed...)
}

// hello makes a message bus accept what follows. Its answer is not waited for:
// a refusal ends the connection.
func (c *Conn) hello() {
	if c.dest != "" {
		c.queue(&wire.Message{Type: wire.MethodCall, Path: driverPath, Interface: driverName, Destination: driverName, Member: "Hello"})
	}
}
