// SPDX-License-Identifier: Apache-2.0

package manager

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/rouse-init/rouse/internal/linux/spawn"
	"github.com/rouse-init/rouse/internal/unit"
)

var errNoSocket = errors.New("the unit has no socket to connect it to")

// stdio decides the three standard streams (systemd.exec(5)).
func (p *preparation) stdio() error {
	x := p.exec
	in, out, serr := x.Stdin, x.Stdout, x.Stderr
	if j := p.job(); j != nil {
		in, out, serr = p.m.console(j, in, out, serr)
	}
	if p.handsOverStdio() && in.Kind == unit.StdioDefault {
		in.Kind = unit.StdioSocket
	}
	if out.Kind == unit.StdioDefault {
		switch in.Kind {
		case unit.StdioSocket, unit.StdioTTY, unit.StdioTTYForce, unit.StdioTTYFail:
			out.Kind = unit.StdioInherit
		default:
			out.Kind = unit.StdioJournal
		}
	}
	var err error
	if p.spec.Stdin, err = p.stream(in, 0, "StandardInput", 208); err != nil {
		return err
	}
	if out.Kind == unit.StdioInherit {
		p.spec.Stdout = p.inherit(in)
	} else if p.spec.Stdout, err = p.stream(out, 1, "StandardOutput", 209); err != nil {
		return err
	}
	switch serr.Kind {
	case unit.StdioDefault, unit.StdioInherit:
		if p.spec.Stdout.Kind == spawn.StdioInherit {
			p.spec.Stderr = spawn.Stdio{Kind: spawn.StdioInherit}
		} else {
			p.spec.Stderr = spawn.Stdio{Kind: spawn.StdioSame}
		}
	default:
		p.spec.Stderr, err = p.stream(serr, 2, "StandardError", 222)
	}
	return err
}

// handsOverStdio: X-Handover=stdio connects the standard streams by itself.
func (p *preparation) handsOverStdio() bool {
	if !p.main() || len(p.order.Sockets) == 0 {
		return false
	}
	u := p.m.engine.Def(p.order.Sockets[0])
	return u != nil && u.Socket != nil && u.Socket.Handover == unit.HandoverStdio
}

// inherit gives stdout what stdin has; but a stdin of nothing or a file to
// read is no place to write to, so then it is the journal's file, or null.
func (p *preparation) inherit(in unit.Stdio) spawn.Stdio {
	switch in.Kind {
	case unit.StdioSocket, unit.StdioTTY, unit.StdioTTYForce, unit.StdioTTYFail, unit.StdioFD:
		return spawn.Stdio{Kind: spawn.StdioSame}
	default:
		return spawn.Stdio{Kind: spawn.StdioNull}
	}
}

func (p *preparation) stream(s unit.Stdio, n int, directive string, status uint8) (spawn.Stdio, error) {
	fail := func(err error) (spawn.Stdio, error) {
		return spawn.Stdio{}, launchError{status: status, step: "stdio", directive: directive, err: fmt.Errorf("cannot set up %s=: %w", directive, err)}
	}
	switch s.Kind {
	case unit.StdioNull, unit.StdioDefault, unit.StdioInherit:
		return spawn.Stdio{Kind: spawn.StdioNull}, nil
	case unit.StdioTTY, unit.StdioTTYForce, unit.StdioTTYFail:
		path := p.exec.TTYPath
		if path == "" {
			path = "/dev/console"
		}
		if n > 0 {
			return spawn.Stdio{Kind: spawn.StdioFile, Path: path, Flags: unix.O_WRONLY | unix.O_NOCTTY}, nil
		}
		return spawn.Stdio{Kind: spawn.StdioTTY, Path: path, Force: s.Kind == unit.StdioTTYForce, Hangup: p.exec.TTYVHangup}, nil
	case unit.StdioData:
		fd, err := p.data()
		if err != nil {
			return fail(err)
		}
		return spawn.FromFd(fd), nil
	case unit.StdioFile, unit.StdioAppend, unit.StdioTruncate:
		return file(s, n), nil
	case unit.StdioSocket, unit.StdioFD:
		fd, err := p.descriptor(s)
		if errors.Is(err, errNoSocket) && !p.main() {
			// The connection is the main process's, and may be closed.
			return spawn.Stdio{Kind: spawn.StdioNull}, nil
		}
		if err != nil {
			return fail(err)
		}
		return spawn.FromFd(fd), nil
	case unit.StdioKmsg, unit.StdioKmsgConsole:
		return spawn.Stdio{Kind: spawn.StdioFile, Path: "/dev/kmsg", Flags: unix.O_WRONLY | unix.O_NOCTTY}, nil
	case unit.StdioJournal, unit.StdioJournalConsole:
		return p.journal(), nil
	}
	return spawn.Stdio{Kind: spawn.StdioNull}, nil
}

func file(s unit.Stdio, n int) spawn.Stdio {
	out := spawn.Stdio{Kind: spawn.StdioFile, Path: s.Arg, Flags: unix.O_NOCTTY}
	switch {
	case n == 0:
		out.Flags |= unix.O_RDONLY
	case s.Kind == unit.StdioFile && strings.HasPrefix(s.Arg, "/dev/"):
		out.Flags |= unix.O_WRONLY // nothing is to appear there that was not
	case s.Kind == unit.StdioAppend:
		out.Flags |= unix.O_WRONLY | unix.O_CREAT | unix.O_APPEND
	case s.Kind == unit.StdioTruncate:
		out.Flags |= unix.O_WRONLY | unix.O_CREAT | unix.O_TRUNC
	default:
		out.Flags |= unix.O_WRONLY | unix.O_CREAT
	}
	return out
}

// journal is the unit's output file. The manager opens it, not the child:
// the service's user need not be able to.
func (p *preparation) journal() spawn.Stdio {
	if path := p.m.jobLog(p.u); path != "" {
		return p.jobLog(path)
	}
	fd, err := unix.Open(p.m.out.path(p.u.Name), unix.O_WRONLY|unix.O_CREAT|unix.O_APPEND|unix.O_CLOEXEC|unix.O_NOCTTY, 0o640)
	if err != nil {
		p.m.say("%s: cannot keep its output: %v, dropping it", p.u.Name, err)
		return spawn.Stdio{Kind: spawn.StdioNull}
	}
	p.m.out.opened(p.u.Name)
	p.fds = append(p.fds, fd)
	return spawn.FromFd(fd)
}

// data is a file in memory with StandardInputText= and StandardInputData=.
func (p *preparation) data() (int, error) {
	fd, err := unix.MemfdCreate("stdin", unix.MFD_CLOEXEC)
	if err != nil {
		return 0, err
	}
	p.fds = append(p.fds, fd)
	for b := p.exec.StdinData; len(b) > 0; {
		n, err := unix.Write(fd, b)
		if err != nil {
			return 0, err
		}
		b = b[n:]
	}
	_, err = unix.Seek(fd, 0, unix.SEEK_SET)
	return fd, err
}

// descriptor is the connection or the one socket, or that of a given name.
// Control processes get it too (systemd.exec(5), StandardInput=socket).
func (p *preparation) descriptor(s unit.Stdio) (int, error) {
	if s.Kind == unit.StdioFD {
		name := s.Arg
		if name == "" {
			name = "stdin"
		}
		if i := slices.Index(p.names, name); i >= 0 {
			return p.spec.Fds[i], nil
		}
		return 0, fmt.Errorf("no descriptor is called %q", name)
	}
	if p.order.Conn != 0 {
		if c, ok := p.m.conns[p.order.Conn]; ok {
			return c.fd, nil
		}
	}
	var found []int
	for _, name := range p.m.engine.Sockets(p.u.Name) {
		for _, l := range p.m.socket(name).listeners {
			found = append(found, l.FD)
		}
	}
	if len(found) != 1 {
		return 0, errNoSocket
	}
	return found[0], nil
}
