// SPDX-License-Identifier: Apache-2.0

package client

import "fmt"

// UpstartPlace says where to look for a manager.
type UpstartPlace struct {
	// Socket was named explicitly; "" for not.
	Socket string
	// User: that of the session is meant, before any that Getenv names.
	User bool
	// Getenv reads the environment: ROUSE_SOCKET and UPSTART_SESSION.
	Getenv func(string) string
}

// Address is where the manager listens, and what says so: the socket that was
// named, ROUSE_SOCKET, UPSTART_SESSION, or where this user's manager would be.
func (p UpstartPlace) Address() (address, from string, err error) {
	session := p.Getenv("UPSTART_SESSION")
	switch socket := p.Getenv("ROUSE_SOCKET"); {
	case p.Socket != "":
		return p.Socket, "--socket", nil
	case p.User && session != "":
		return session, "UPSTART_SESSION", nil
	case socket != "":
		return socket, "ROUSE_SOCKET", nil
	case session != "":
		return session, "UPSTART_SESSION", nil
	}
	address, err = DefaultSocket()
	return address, "of this user's manager: neither ROUSE_SOCKET nor UPSTART_SESSION is set", err
}

// Conn connects to the manager. The error says where it looked.
func (p UpstartPlace) Conn() (*Conn, error) {
	address, from, err := p.Address()
	if err != nil {
		return nil, err
	}
	c, err := DialAddress(address)
	if err != nil {
		return nil, fmt.Errorf("%w\n    looked at: %s (%s)\n    fix: start a manager with \"rouse up DIR\" or \"rouse init\", or name the socket of another with --socket or ROUSE_SOCKET", err, address, from)
	}
	return c, nil
}

// Dial is Conn for com.ubuntu.Upstart.
func (p UpstartPlace) Dial() (*Upstart, error) {
	c, err := p.Conn()
	if err != nil {
		return nil, err
	}
	return c.Upstart(), nil
}
