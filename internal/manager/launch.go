// SPDX-License-Identifier: Apache-2.0

package manager

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/rouse-init/rouse/internal/diag"
	"github.com/rouse-init/rouse/internal/engine"
	"github.com/rouse-init/rouse/internal/linux/poll"
	"github.com/rouse-init/rouse/internal/linux/spawn"
	"github.com/rouse-init/rouse/internal/unit"
)

// launch is a process between clone3 and execve.
type launch struct {
	token  engine.Token
	pid    int32
	result int // tells how execve went; ours
	order  engine.Spawn
}

// launchError is a failure before the process exists.
type launchError struct {
	status    uint8
	step      string
	directive string
	err       error
	fix       string
}

func (e launchError) Error() string { return e.err.Error() }

// launch performs Spawn.
func (m *Manager) launch(f engine.Spawn) {
	pid, result, err := m.tryLaunch(f)
	if err != nil {
		m.launchFailed(f, err)
		return
	}
	m.feed(engine.Spawned{Token: f.Token, Pid: int32(pid)})
	if f.Conn != 0 && m.takesConn(f) {
		m.serving(f.Conn, int32(pid))
	}
	if f.Trap {
		m.must(m.guard.TrapSoon(pid))
	}
	l := &launch{token: f.Token, pid: int32(pid), result: result, order: f}
	m.launches[l.pid] = l
	m.fresh = append(m.fresh, l)
	if len(m.fresh) >= freshMax {
		// Where many start at once the first have come to execve. Every
		// descriptor that is open costs the clones that follow.
		m.hearFresh()
	}
}

// freshMax bounds the launches that are not watched yet.
const freshMax = 16

// hearFresh asks what has come of the launches of this turn; only those that are
// still on their way to execve are put into the epoll set.
func (m *Manager) hearFresh() {
	for _, l := range m.fresh {
		if m.launches[l.pid] != l || m.launched(l) {
			continue // its exit came first, or it is done
		}
		if err := m.loop.Add(l.result, poll.In, func(uint32) { m.launched(l) }); err != nil {
			m.say("%v", err)
		}
	}
	clear(m.fresh)
	m.fresh = m.fresh[:0]
}

func (m *Manager) tryLaunch(f engine.Spawn) (pid, result int, err error) {
	u := m.engine.Def(f.Token.Unit)
	if u == nil {
		return 0, 0, launchError{status: 203, step: "spawn", err: errors.New("the unit is gone")}
	}
	cmd, exec := commandOf(u, f.Index)
	if cmd == nil {
		return 0, 0, launchError{status: 203, step: "spawn", err: errors.New("the command is gone")}
	}
	if cmd.Phase == unit.PhaseSecurity && !hasAppArmor() {
		return 0, 0, launchError{status: 231, step: "apparmor", err: errors.New("cannot load its profile: this kernel has no AppArmor, going on without")}
	}
	p := preparation{m: m, u: u, exec: exec, cmd: cmd, order: f}
	defer p.close()
	if err := p.prepare(); err != nil {
		return 0, 0, err
	}
	if f.Conn != 0 {
		m.greet(f.Conn)
	}
	return m.spawn.Start(&p.spec)
}

// takesConn: the order hands the connection over for good. Control processes
// before the main one only borrow it.
func (m *Manager) takesConn(f engine.Spawn) bool {
	if f.Role == engine.RoleMain {
		return true
	}
	u := m.engine.Def(f.Token.Unit)
	if u == nil {
		return true
	}
	cmd, _ := commandOf(u, f.Index)
	return cmd == nil || cmd.Phase == unit.PhaseStart
}

// commandOf finds a command of a service or socket, with its surroundings.
func commandOf(u *unit.Unit, index int32) (*unit.Command, *unit.Exec) {
	var all []unit.Command
	var exec *unit.Exec
	switch {
	case u.Service != nil:
		all, exec = u.Service.Commands, u.Service.Exec
	case u.Socket != nil:
		all, exec = u.Socket.Commands, u.Socket.Exec
	}
	if index < 0 || int(index) >= len(all) {
		return nil, nil
	}
	if exec == nil {
		exec = &defaultExec
	}
	return &all[index], exec
}

func hasAppArmor() bool { return unix.Access("/sys/kernel/security/apparmor", unix.F_OK) == nil }

var defaultExec = unit.Exec{Umask: -1, IgnoreSIGPIPE: true}

// launched hears how execve went; false: it has not come to that.
func (m *Manager) launched(l *launch) bool {
	done, fail := spawn.Result(l.result)
	if !done {
		return false
	}
	m.loop.Remove(l.result)
	unix.Close(l.result)
	delete(m.launches, l.pid)
	if fail == nil {
		m.feed(engine.Executed{Token: l.token})
	} else {
		m.launchFailed(l.order, fail)
	}
	return true
}

// launchFailed says which step failed, where its directive stands and what
// might help.
func (m *Manager) launchFailed(f engine.Spawn, err error) {
	if f.Conn != 0 && m.takesConn(f) {
		m.dropConnection(engine.DropConnection{Conn: f.Conn}) // the engine has let go of it with the order
	}
	out := engine.SpawnFailed{Token: f.Token, Status: 203, Step: "spawn", Msg: err.Error()}
	d := diag.Diagnostic{Severity: diag.Error, Unit: f.Token.Unit}
	directive := ""
	var fail *spawn.Failure
	var early launchError
	switch {
	case errors.As(err, &fail):
		out.Status, out.Step = fail.Status(), fail.Step.String()
		directive = fail.Directive
	case errors.As(err, &early):
		out.Status, out.Step, directive = early.status, early.step, early.directive
	}
	u := m.engine.Def(f.Token.Unit)
	if u != nil {
		cmd, exec := commandOf(u, f.Index)
		d.Pos = whereOf(exec, directive)
		if cmd != nil && d.Pos.File == "" {
			d.Pos = cmd.Pos
		}
		if cmd != nil && fail != nil && fail.Step == spawn.StepExec {
			switch {
			case errors.Is(fail, unix.EACCES):
				d.Fix = barred(cmd.Path)
			case !errors.Is(fail, unix.ENOEXEC):
				d.Fix = suggest(cmd.Path)
			}
			if errors.Is(fail, unix.ENOENT) {
				err = fmt.Errorf("exec %q: %w", cmd.Path, unix.ENOENT)
			}
		}
	}
	if early.fix != "" {
		d.Fix = early.fix
	}
	d.Msg = "cannot start: " + strings.TrimPrefix(err.Error(), "cannot start: ")
	out.Msg = d.String()
	m.feed(out)
}

// whereOf finds the line of a directive.
func whereOf(exec *unit.Exec, directive string) diag.Pos {
	if exec == nil || directive == "" {
		return diag.Pos{}
	}
	for _, w := range exec.Where {
		if w.Directive == directive {
			return w.Pos
		}
	}
	return diag.Pos{}
}
