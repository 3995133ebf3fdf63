// SPDX-License-Identifier: Apache-2.0

// Package socket opens what a socket unit listens on (systemd.socket(5)) and
// keeps it in order while services share it: raw descriptors, close-on-exec
// and non-blocking, never os.File or net. It decides nothing about services
// and imports no engine; the manager calls it from its one goroutine, so
// nothing here blocks.
package socket

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/rouse-init/rouse/internal/diag"
	"github.com/rouse-init/rouse/internal/unit"
)

// ErrDead says that a socket cannot be revived: close it and open its line
// anew. Unix listeners that the service shut down are so.
var ErrDead = errors.New("shut down by the service, must be opened anew")

// Owner is who owns the nodes of the file system: SocketUser= and
// SocketGroup= as numbers, -1 for "as they are made".
type Owner struct{ UID, GID int }

// NoOwner leaves nodes to whoever runs the manager.
var NoOwner = Owner{UID: -1, GID: -1}

// Listener is one open descriptor of a socket unit.
type Listener struct {
	FD int
	// Index is the place of the Listen*= line in unit.Socket.Listens.
	Index int
	Kind  unit.ListenKind
	// Address as `systemctl list-sockets` prints it: "[::]:8080",
	// "127.0.0.1:80", "/run/x.sock", "@name", "audit 1".
	Address string
}

// Accepts tells whether connections are accepted from it, so that Accept=yes
// and the counting of connections make sense. Borrows the descriptor.
func (l Listener) Accepts() bool { return accepts(l.FD) }

// Open opens every Listen*= line of s in order. On an error all that had been
// opened is closed again; the error is a diag.Diagnostic at its line. The
// list holds what was tolerated: options that the kernel refused, symbolic
// links that could not be made.
func Open(s *unit.Socket, o Owner) ([]Listener, diag.List, error) {
	var notes diag.List
	ls := make([]Listener, 0, len(s.Listens))
	for i := range s.Listens {
		l, err := OpenLine(s, i, o, &notes)
		if err != nil {
			for _, l := range ls {
				unix.Close(l.FD)
			}
			return nil, notes, err
		}
		ls = append(ls, l)
	}
	Link(s, &notes)
	return ls, notes, nil
}

// OpenLine opens one line of s: what Open does for each, and what is left to
// do where Match found the others among stored descriptors. notes may be nil.
func OpenLine(s *unit.Socket, index int, o Owner, notes *diag.List) (Listener, error) {
	line := s.Listens[index]
	op := opening{s: s, line: line, owner: o, notes: notes}
	fd, address, err := op.open()
	if err != nil {
		return Listener{}, op.fail(err)
	}
	return Listener{FD: fd, Index: index, Kind: line.Kind, Address: address}, nil
}

// opening is the work on one line.
type opening struct {
	s     *unit.Socket
	line  unit.Listen
	owner Owner
	notes *diag.List
}

func (op *opening) open() (int, string, error) {
	switch op.line.Kind {
	case unit.ListenStream, unit.ListenDatagram, unit.ListenSeqpacket, unit.ListenNetlink:
		a, err := Parse(op.line.Kind, op.line.Address)
		if err != nil {
			return -1, "", err
		}
		return op.openSocket(a)
	case unit.ListenFIFO:
		fd, err := op.openFIFO()
		return fd, op.line.Address, err
	case unit.ListenSpecial:
		fd, err := op.openSpecial()
		return fd, op.line.Address, err
	case unit.ListenMessageQueue:
		fd, err := op.openQueue()
		return fd, op.line.Address, err
	case unit.ListenUSBFunction:
		return -1, "", fixableError{errors.New("USB FunctionFS endpoints are not supported"), "remove ListenUSBFunction="}
	}
	return -1, "", fmt.Errorf("unknown kind of address %d", op.line.Kind)
}

// fixableError is an error that knows its remedy.
type fixableError struct {
	err error
	fix string
}

func (f fixableError) Error() string { return f.err.Error() }
func (f fixableError) Unwrap() error { return f.err }

// FixOf is the remedy that an error knows, "" for none.
func FixOf(err error) string {
	var f fixableError
	if errors.As(err, &f) {
		return f.fix
	}
	return ""
}

// fail makes the diagnostic of a line that could not be opened.
func (op *opening) fail(err error) error {
	d := diag.Diagnostic{
		Pos: op.line.Pos, Severity: diag.Error,
		Msg: fmt.Sprintf("cannot listen on %s: %v", op.line.Address, err),
	}
	if f := (fixableError{}); errors.As(err, &f) {
		d.Fix = f.fix
	}
	return d
}

// tolerate notes a refusal that costs the option and nothing more.
func (op *opening) tolerate(what string, err error) {
	if op.notes == nil {
		return
	}
	op.notes.Add(diag.Diagnostic{
		Pos: op.line.Pos, Severity: diag.Warning,
		Msg: fmt.Sprintf("cannot set %s on %s: %v, ignoring", what, op.line.Address, err),
	})
}
