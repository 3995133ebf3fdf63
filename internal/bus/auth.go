// SPDX-License-Identifier: Apache-2.0

package bus

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strconv"
)

// auth is the server's side of the authentication of the D-Bus specification
// with its one mechanism EXTERNAL: the kernel has told who the peer is, and
// all that is left to agree on is whether descriptors may be passed.
type auth struct {
	uid   uint32 // of the peer
	lines int
	step  authStep
	fds   bool // NEGOTIATE_UNIX_FD
	done  bool
}

type authStep uint8

const (
	authNul  authStep = iota // the NUL byte before everything
	authWant                 // AUTH
	authData                 // DATA, the answer to our empty challenge
	authOK                   // NEGOTIATE_UNIX_FD or BEGIN
)

// The limits of a conversation that is not yet authenticated. sd-bus sends 4
// lines, libdbus 4, GDBus up to 7.
const (
	maxAuthLine  = 512
	maxAuthLines = 16
)

var errAuth = errors.New("peer does not speak D-Bus")

// feed reads whole lines of data. It returns what to answer and how much of
// data it used; after done the rest is messages.
func (a *auth) feed(data []byte, guid string) (reply []byte, used int, err error) {
	if a.step == authNul && len(data) > 0 {
		if data[0] != 0 {
			return nil, 0, errAuth
		}
		a.step, used = authWant, 1
	}
	for !a.done {
		line, _, ok := bytes.Cut(data[used:], []byte("\r\n"))
		if !ok {
			if len(data)-used > maxAuthLine {
				return reply, used, errAuth
			}
			return reply, used, nil
		}
		if a.lines++; a.lines > maxAuthLines || len(line) > maxAuthLine {
			return reply, used, errAuth
		}
		used += len(line) + 2
		answer := a.line(string(line), guid)
		if answer != "" {
			reply = append(append(reply, answer...), "\r\n"...)
		}
	}
	return reply, used, nil
}

// line answers one line.
func (a *auth) line(line, guid string) string {
	word, arg := line, ""
	if i := bytes.IndexByte([]byte(line), ' '); i >= 0 {
		word, arg = line[:i], line[i+1:]
	}
	switch {
	case word == "AUTH" && a.step == authWant:
		switch {
		case arg == "EXTERNAL":
			a.step = authData
			return "DATA"
		case len(arg) > 9 && arg[:9] == "EXTERNAL ":
			return a.identity(arg[9:], guid)
		}
		return "REJECTED EXTERNAL"
	case word == "DATA" && a.step == authData:
		return a.identity(arg, guid)
	case word == "NEGOTIATE_UNIX_FD" && a.step == authOK:
		a.fds = true
		return "AGREE_UNIX_FD"
	case word == "BEGIN" && a.step == authOK:
		a.done = true
		return ""
	case word == "CANCEL" || word == "ERROR":
		a.step = authWant
		return "REJECTED EXTERNAL"
	}
	return `ERROR "this is not expected now"`
}

// identity checks who the peer says it is: nothing, or its user id in
// decimal, in hexadecimal digits.
func (a *auth) identity(arg, guid string) string {
	a.step = authWant
	if arg != "" {
		text, err := hex.DecodeString(arg)
		if err != nil {
			return "REJECTED EXTERNAL"
		}
		uid, err := strconv.ParseUint(string(text), 10, 32)
		if err != nil || uint32(uid) != a.uid {
			return "REJECTED EXTERNAL"
		}
	}
	a.step = authOK
	return "OK " + guid
}
