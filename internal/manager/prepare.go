// SPDX-License-Identifier: Apache-2.0

package manager

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/rouse-init/rouse/internal/engine"
	"github.com/rouse-init/rouse/internal/format/systemd"
	"github.com/rouse-init/rouse/internal/guardian"
	"github.com/rouse-init/rouse/internal/linux/spawn"
	"github.com/rouse-init/rouse/internal/unit"
)

// defaultPath is where bare names of programs are looked for
// (systemd.exec(5), ExecSearchPath=).
var defaultPath = []string{"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"}

// preparation is the way from a unit's definition to what spawn is told.
type preparation struct {
	m     *Manager
	u     *unit.Unit
	exec  *unit.Exec
	cmd   *unit.Command
	order engine.Spawn

	who   identity
	env   environ
	spec  spawn.Spec
	names []string // LISTEN_FDNAMES
	fds   []int    // opened here, to be closed
}

// main: it is the process that gets the sockets. The ExecStart= of a forking
// service is a control process, and it as well.
func (p *preparation) main() bool {
	return p.order.Role == engine.RoleMain || p.cmd.Phase == unit.PhaseStart
}

func (p *preparation) prepare() error {
	steps := []func() error{p.identity, p.directories, p.sockets, p.environment, p.program, p.stdio, p.attributes, p.handover, p.follow, p.cgroup}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// close closes what the parent needed for the clone only.
func (p *preparation) close() {
	for _, fd := range p.fds {
		unix.Close(fd)
	}
	if p.spec.Cgroup > 0 {
		unix.Close(p.spec.Cgroup)
	}
}

// identity resolves User= and Group=; "+" and "!" keep the manager's own.
func (p *preparation) identity() error {
	if p.cmd.Privileged == unit.PrivFull || p.cmd.Privileged == unit.PrivNoUser {
		return nil
	}
	if s := p.u.Service; s != nil && s.PermissionsStartOnly && p.cmd.Phase != unit.PhaseStart {
		return nil
	}
	who, err := p.m.people.resolve(p.exec, p.m.uid)
	if err != nil {
		return err
	}
	p.who = who
	p.spec.IDs = who.ids
	return nil
}

// sockets collects what the main process gets from descriptor 3 on.
func (p *preparation) sockets() error {
	s := p.u.Service
	if s == nil {
		return nil
	}
	p.spec.NonBlocking = s.NonBlocking
	if p.order.Conn != 0 {
		if err := p.connection(); err != nil {
			return err
		}
	}
	if !p.main() {
		return nil
	}
	if p.socketStdio() {
		if err := p.blocking(); err != nil {
			return err
		}
	} else {
		for _, name := range p.order.Sockets {
			def := p.m.engine.Def(name)
			if def == nil || def.Socket == nil || def.Socket.Handover == unit.HandoverBind {
				continue
			}
			for _, l := range p.m.socket(name).listeners {
				p.spec.Fds = append(p.spec.Fds, l.FD)
				p.names = append(p.names, fdName(def))
			}
		}
	}
	p.spec.Sockets = len(p.spec.Fds)
	p.eventFDs()
	for _, st := range p.m.stored[p.u.Name] {
		p.spec.Fds = append(p.spec.Fds, st.fd)
		p.names = append(p.names, st.name)
	}
	return p.openFiles(s)
}

// blocking has the sockets that become standard streams block, as those from
// descriptor 3 on do, unless NonBlocking= says otherwise.
func (p *preparation) blocking() error {
	for _, name := range p.order.Sockets {
		for _, l := range p.m.socket(name).listeners {
			if err := unix.SetNonblock(l.FD, p.u.Service.NonBlocking); err != nil {
				return err
			}
		}
	}
	return nil
}

// connection is the accepted one: descriptor 3, or the standard streams alone
// where they ask for it, as with systemd.
func (p *preparation) connection() error {
	c, ok := p.m.conns[p.order.Conn]
	if !ok {
		return launchError{status: 203, step: "connection", err: errors.New("the connection is gone")}
	}
	p.env.set("REMOTE_ADDR", c.addr)
	p.env.set("REMOTE_PORT", c.port)
	if !p.socketStdio() {
		if p.main() {
			p.spec.Fds = append(p.spec.Fds, c.fd)
			p.names = append(p.names, c.name)
		}
		return nil
	}
	if p.u.Service.NonBlocking {
		return nil
	}
	return unix.SetNonblock(c.fd, false)
}

// socketStdio: the socket is a standard stream, and is passed as nothing else.
func (p *preparation) socketStdio() bool {
	for _, s := range [...]unit.StdioKind{p.exec.Stdin.Kind, p.exec.Stdout.Kind, p.exec.Stderr.Kind} {
		if s == unit.StdioSocket {
			return true
		}
	}
	return p.handsOverStdio()
}

// fdName is what LISTEN_FDNAMES calls the descriptors of a socket unit.
func fdName(u *unit.Unit) string {
	if u.Socket.FDName != "" {
		return u.Socket.FDName
	}
	return u.Name
}

// openFiles opens OpenFile= as the manager (systemd.service(5)).
func (p *preparation) openFiles(s *unit.Service) error {
	for _, f := range s.OpenFile {
		flags := unix.O_CLOEXEC | unix.O_NOCTTY
		switch {
		case f.ReadOnly:
			flags |= unix.O_RDONLY
		case f.Append:
			flags |= unix.O_RDWR | unix.O_APPEND
		case f.Truncate:
			flags |= unix.O_RDWR | unix.O_TRUNC
		default:
			flags |= unix.O_RDWR
		}
		fd, err := unix.Open(f.Path, flags, 0)
		if err != nil {
			if f.Graceful {
				continue
			}
			return launchError{status: 202, step: "fds", directive: "OpenFile", err: fmt.Errorf("cannot open %s for OpenFile=: %w", f.Path, err)}
		}
		p.fds = append(p.fds, fd)
		p.spec.Fds = append(p.spec.Fds, fd)
		name := f.Name
		if name == "" {
			name = filepath.Base(f.Path)
		}
		p.names = append(p.names, name)
	}
	return nil
}

// program expands the command line and finds the files that may be meant.
func (p *preparation) program() error {
	p.spec.Argv = p.cmd.Args
	if !p.cmd.NoEnv {
		p.spec.Argv = systemd.ExpandArgs(p.cmd.Args, p.spec.Env)
	}
	if strings.Contains(p.cmd.Path, "/") {
		p.spec.Path = []string{p.cmd.Path}
		return nil
	}
	dirs := p.exec.SearchPath
	if len(dirs) == 0 {
		dirs = defaultPath
		if path := p.m.ownPath(); path != nil {
			dirs = path
		}
	}
	p.spec.Path = make([]string, len(dirs))
	for i, d := range dirs {
		p.spec.Path[i] = filepath.Join(d, p.cmd.Path)
	}
	return nil
}

// attributes are the settings that the spawn program has a step for.
func (p *preparation) attributes() error {
	x, s := p.exec, &p.spec
	s.Umask = x.Umask
	s.Hurry = len(p.m.launches) == 0 && len(p.m.queue) <= 2
	s.Nice, s.OOM = x.Nice, x.OOMScoreAdjust
	s.IgnoreSIGPIPE = x.IgnoreSIGPIPE
	s.Dir, s.DirOptional = x.WorkingDirectory, x.WorkingDirMissingOK
	if s.Dir == "~" {
		s.Dir = p.who.home
	}
	if s.Dir == "" && (p.m.cfg.Mode == ModeOn || p.job() != nil && p.m.cfg.Mode != ModeInit) {
		s.Dir = p.m.cfg.Dir
	}
	if svc := p.u.Service; svc == nil || !svc.RootDirectoryStartOnly || p.cmd.Phase == unit.PhaseStart {
		s.Root = x.RootDirectory
	}
	for _, l := range x.Limits {
		s.Limits = append(s.Limits, spawn.Limit{Resource: l.Resource, Soft: l.Soft, Hard: l.Hard})
	}
	if c := x.Sched; c != nil {
		s.Sched = &spawn.Sched{
			Policy: c.Policy, Priority: c.Priority, ResetOnFork: c.ResetOnFork, Affinity: c.Affinity,
			IOClass: c.IOClass, IOPriority: c.IOPriority, TimerSlack: c.TimerSlack, CoredumpFilter: c.CoredumpFilter, Personality: c.Personality,
		}
	}
	if p.cmd.Privileged == unit.PrivFull {
		return nil
	}
	s.NoNewPrivs = x.NoNewPrivileges
	if c := x.Caps; c != nil {
		s.Caps = &spawn.Caps{SetBounding: c.SetBounding, Bounding: c.Bounding, Ambient: c.Ambient, SecureBits: c.SecureBits}
	}
	return nil
}

// cgroup makes the unit's cgroup, where there are any.
func (p *preparation) cgroup() error {
	if p.m.cfg.Mode == ModeUp || p.m.cfg.Mode == ModeOn {
		// A service in the foreground dies with its guardian. This does not
		// reach grandchildren (prctl(2)): the next `up` kills the cgroup.
		p.spec.ParentDeath = int(guardian.DeathSignal)
	}
	if p.m.cg == nil {
		return nil
	}
	path := p.m.cgroupOf(p.u)
	if p.m.keepsCgroup(p.u, path) {
		if fd, err := p.m.cg.OpenFD(path); err == nil {
			p.spec.Cgroup = fd
			return nil
		}
	}
	created, err := p.m.cg.Make(path)
	if err != nil {
		return launchError{status: 219, step: "cgroup", err: fmt.Errorf("cannot make the cgroup %s: %w", path, err)}
	}
	if created && p.u.Resources != nil {
		p.m.setResources(p.u, path)
	}
	if s := p.u.Service; s != nil && s.Tiers != nil && s.Tiers.Reclaim != unit.Infinity {
		if err := p.m.cg.EnableMemory(path); err != nil {
			p.m.sayOnce("memory controller", "%s: %v; its memory is paged out page by page", p.u.Name, err)
		}
	}
	if p.spec.Cgroup, err = p.m.cg.OpenFD(path); err != nil {
		p.spec.Cgroup = 0
		return launchError{status: 219, step: "cgroup", err: fmt.Errorf("cannot enter the cgroup %s: %w", path, err)}
	}
	return nil
}
