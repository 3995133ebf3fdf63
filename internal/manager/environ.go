// SPDX-License-Identifier: Apache-2.0

package manager

import (
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rouse-init/rouse/internal/engine"
	"github.com/rouse-init/rouse/internal/format/systemd"
	"github.com/rouse-init/rouse/internal/unit"
)

// environ is an environment in the making: a later value replaces an earlier
// one in its place. It is a list because it is small and its order is kept.
type environ struct{ list []string }

func (e *environ) set(name, value string) {
	if value != "" {
		e.add(name + "=" + value)
	}
}

// add adds NAME=value.
func (e *environ) add(entry string) {
	name, _, ok := strings.Cut(entry, "=")
	if !ok {
		return
	}
	for i, old := range e.list {
		if len(old) > len(name) && old[len(name)] == '=' && old[:len(name)] == name {
			e.list[i] = entry
			return
		}
	}
	e.list = append(e.list, entry)
}

// remove drops NAME, or NAME=value only if it has that value.
func (e *environ) remove(entry string) {
	name, _, exact := strings.Cut(entry, "=")
	e.list = slices.DeleteFunc(e.list, func(s string) bool {
		return exact && s == entry || !exact && strings.HasPrefix(s, name+"=")
	})
}

// notInherited are variables that mean the manager itself.
var notInherited = []string{
	"NOTIFY_SOCKET", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "INVOCATION_ID", "WATCHDOG_PID", "WATCHDOG_USEC",
	"UPSTART_JOB", "UPSTART_INSTANCE", "UPSTART_EVENTS", "UPSTART_STOP_EVENTS", "UPSTART_FDS", "UPSTART_SESSION",
	"MANAGERPID", "MAINPID", "JOURNAL_STREAM", "ROUSE_SOCKET", "SYSTEMD_EXEC_PID", "OLDPWD", "_", "SHLVL",
}

// baseEnvironment is what services inherit: of an init next to nothing, in
// the foreground and for a user what the user has.
func baseEnvironment(mode Mode) []string {
	var e environ
	if mode == ModeInit {
		e.set("PATH", strings.Join(defaultPath, ":"))
		e.set("LANG", os.Getenv("LANG"))
		e.set("container", os.Getenv("container"))
		return e.list
	}
	e.list = os.Environ()
	for _, name := range notInherited {
		e.remove(name)
	}
	return e.list
}

// ownPath is the search path for bare program names where services inherit
// the user's environment; nil elsewhere.
func (m *Manager) ownPath() []string {
	if m.cfg.Mode == ModeInit {
		return nil
	}
	for _, v := range m.saved.Environment {
		if path, ok := strings.CutPrefix(v, "PATH="); ok {
			return strings.Split(path, ":")
		}
	}
	return nil
}

// environment puts it together, in the order of systemd.exec(5): later
// sources win.
func (p *preparation) environment() error {
	own := p.env.list // REMOTE_ADDR and so on
	if p.job() != nil {
		p.env.list = p.m.jobBase()
	} else {
		p.env.list = slices.Grow(slices.Clone(p.m.saved.Environment), 16)
	}
	for _, name := range p.exec.PassEnvironment {
		p.env.set(name, os.Getenv(name))
	}
	if p.who.named {
		p.env.set("USER", p.who.name)
		p.env.set("LOGNAME", p.who.name)
		p.env.set("HOME", p.who.home)
		p.env.set("SHELL", p.who.shell)
	}
	for _, v := range p.exec.Environment {
		p.env.add(v)
	}
	if err := p.environmentFiles(); err != nil {
		return err
	}
	for _, v := range own {
		p.env.add(v)
	}
	for _, v := range p.order.Env {
		p.env.add(v)
	}
	p.environmentOfRun()
	for _, v := range p.order.Unset {
		p.env.remove(v)
	}
	for _, v := range p.exec.UnsetEnviron {
		p.env.remove(v)
	}
	// Its value is not known before the process is there.
	p.spec.PidEnv = slices.DeleteFunc(p.spec.PidEnv, func(name string) bool {
		return slices.Contains(p.exec.UnsetEnviron, name)
	})
	p.spec.Env = p.env.list
	return nil
}

func (p *preparation) environmentFiles() error {
	for _, f := range p.exec.EnvironmentFile {
		text, err := os.ReadFile(f.Path)
		if err != nil {
			if f.Optional {
				continue
			}
			return launchError{
				status: 203, step: "environment", directive: "EnvironmentFile",
				err: fmt.Errorf("cannot read EnvironmentFile=%s: %w", f.Path, cause(err)),
			}
		}
		vars, err := systemd.ParseEnvFile(string(text))
		if err != nil {
			return launchError{
				status: 203, step: "environment", directive: "EnvironmentFile",
				err: fmt.Errorf("cannot read EnvironmentFile=%s: %w", f.Path, err),
			}
		}
		for _, v := range vars {
			p.env.add(v)
		}
	}
	return nil
}

// environmentOfRun is what tells a process about its manager.
func (p *preparation) environmentOfRun() {
	p.env.add("INVOCATION_ID=" + p.m.invocation(p.order.Run))
	p.env.add(tokenVariable + "=" + strconv.FormatUint(p.order.Token.Gen, 10))
	if p.job() == nil {
		p.spec.PidEnv = append(p.spec.PidEnv, "SYSTEMD_EXEC_PID")
	}
	if p.m.cfg.Mode != ModeInit {
		p.env.add("MANAGERPID=" + strconv.Itoa(int(p.m.start.Guardian)))
	}
	s := p.u.Service
	if s == nil {
		return
	}
	if s.NotifyAccess != unit.NotifyNone || p.m.inhibitable(p.u.Name) {
		p.env.add("NOTIFY_SOCKET=" + p.m.notify.path)
	}
	p.environmentOfJob()
	if n := len(p.spec.Fds); n > 0 {
		p.env.add("LISTEN_FDS=" + strconv.Itoa(n))
		p.env.add("LISTEN_FDNAMES=" + strings.Join(p.names, ":"))
		p.spec.PidEnv = append(p.spec.PidEnv, "LISTEN_PID")
	}
	if p.main() && s.Watchdog > 0 {
		p.env.add("WATCHDOG_USEC=" + strconv.FormatInt(int64(s.Watchdog/time.Microsecond), 10))
		p.spec.PidEnv = append(p.spec.PidEnv, "WATCHDOG_PID")
	}
	if s.FDStoreMax > 0 {
		p.env.add("FDSTORE=" + strconv.Itoa(int(s.FDStoreMax)))
	}
}

// inhibitable: a service that may sleep can say X_ROUSE_BUSY=1, whatever its
// NotifyAccess=.
func (m *Manager) inhibitable(service string) bool {
	for _, name := range m.engine.Sockets(service) {
		if m.maySleep(name) {
			return true
		}
	}
	u := m.engine.Def(service)
	return u != nil && u.Service.Sleeps()
}

// Invocation implements systemd1.Backend.
func (m *Manager) Invocation(v *engine.View) [16]byte { return m.invocationID(v.Run) }

func (m *Manager) invocation(run uint64) string {
	id := m.invocationID(run)
	return hex.EncodeToString(id[:])
}

// invocationID is the id of one start: the number of the start, mixed into
// the manager's seed so that it is unique across managers.
func (m *Manager) invocationID(run uint64) [16]byte {
	id := m.saved.Seed
	for i := range 8 {
		b := byte(run >> (8 * i))
		id[i] ^= b
		id[15-i] += b ^ byte(i*37)
	}
	id[6] = id[6]&0x0f | 0x40
	id[8] = id[8]&0x3f | 0x80
	return id
}

// cause strips the operation and the path that the message has already.
func cause(err error) error {
	var errno unix.Errno
	if errors.As(err, &errno) {
		return errno
	}
	return err
}
