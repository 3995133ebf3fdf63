// SPDX-License-Identifier: Apache-2.0

package initctl

import (
	"errors"
	"fmt"

	"github.com/rouse-init/rouse/internal/bus/client"
)

// connect finds the manager: on a bus with --system and --session, else at
// the socket that was named (--socket, ROUSE_SOCKET), that of the session
// (UPSTART_SESSION), or that of this user's manager.
func (r *run) connect() (*client.Upstart, error) {
	switch {
	case r.system:
		return r.connectBus("system", client.SystemBus())
	case r.session:
		return r.connectBus("session", client.SessionBus())
	}
	up, err := client.UpstartPlace{Socket: r.socket, User: r.user, Getenv: r.getenv}.Dial()
	if err != nil {
		return nil, fmt.Errorf("Unable to connect to Upstart: %w", err) //nolint:staticcheck // Upstart's words
	}
	r.conn = up.Conn()
	return up, nil
}

func (r *run) connectBus(bus, address string) (*client.Upstart, error) {
	if address == "" {
		return nil, fmt.Errorf("Unable to connect to %s bus: its address is not known\n    fix: set DBUS_SESSION_BUS_ADDRESS", bus) //nolint:staticcheck // Upstart's words
	}
	up, err := client.DialUpstartBus(address, r.dest)
	if err != nil {
		return nil, fmt.Errorf("Unable to connect to %s bus: %w", bus, err) //nolint:staticcheck // Upstart's words
	}
	r.conn = up.Conn()
	return up, nil
}

// isError tells whether the manager refused with one of Upstart's errors.
func isError(err error, name string) bool { return client.IsUpstartError(err, name) }

// gone tells that an object is not there any more: an instance that has
// stopped vanishes, and whoever looks at it late is told so in many ways.
func gone(err error) bool {
	var e *client.Error
	return errors.As(err, &e) && (isError(err, "UnknownInstance") || isError(err, "UnknownMethod") ||
		isError(err, "UnknownObject") || isError(err, "UnknownInterface") || isError(err, "UnknownProperty"))
}
