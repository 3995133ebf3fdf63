// SPDX-License-Identifier: Apache-2.0

package manager

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/rouse-init/rouse/internal/engine"
	"github.com/rouse-init/rouse/internal/linux/handover"
	"github.com/rouse-init/rouse/internal/linux/spawn"
	"github.com/rouse-init/rouse/internal/unit"
)

// job is what the process has of an Upstart job; nil for others.
func (p *preparation) job() *unit.Job {
	if p.u.Service == nil {
		return nil
	}
	return p.u.Service.Job
}

// eventFDs adds the descriptors of the event sources that the start came from,
// after the sockets: UPSTART_FDS has their numbers (socket-event(7)).
func (p *preparation) eventFDs() {
	var numbers []string
	var keys []string
	if p.m.sources != nil {
		keys = p.m.sources.OfUnit(p.u) // however it was started, it serves its sockets
	}
	for _, key := range p.order.Sources {
		if !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	for _, key := range keys {
		for _, fd := range p.m.sourceFDs(key) {
			numbers = append(numbers, strconv.Itoa(3+len(p.spec.Fds)))
			p.spec.Fds = append(p.spec.Fds, fd)
			p.names = append(p.names, "upstart")
		}
	}
	p.spec.Sockets = len(p.spec.Fds)
	p.env.set("UPSTART_FDS", strings.Join(numbers, " "))
}

// environmentOfJob is what tells a job where its manager is.
func (p *preparation) environmentOfJob() {
	if p.job() != nil && p.m.cfg.Mode != ModeInit {
		p.env.add("UPSTART_SESSION=unix:path=" + p.m.cfg.Socket)
	}
}

// jobLog is the file that a job's output goes to with `console log`, "" where
// it goes with the output of all other units: that is so without --logdir.
func (m *Manager) jobLog(u *unit.Unit) string {
	if m.cfg.LogDir == "" || m.cfg.NoLog || u == nil || u.Service == nil || u.Service.Job == nil {
		return ""
	}
	name := u.Service.Job.Name
	if st, ok := m.engine.JobStatus(u.Name); ok && st.Instance != "" {
		name += "-" + st.Instance
	}
	return filepath.Join(m.cfg.LogDir, strings.ReplaceAll(name, "/", "_")+".log")
}

// jobLog opens the log file of a job. The manager opens it, not the child: the
// job's user need not be able to.
func (p *preparation) jobLog(path string) spawn.Stdio {
	fd, err := unix.Open(path, unix.O_WRONLY|unix.O_CREAT|unix.O_APPEND|unix.O_CLOEXEC|unix.O_NOCTTY|unix.O_NOFOLLOW, 0o640)
	if errors.Is(err, unix.ENOENT) {
		if err = os.MkdirAll(p.m.cfg.LogDir, 0o755); err == nil {
			fd, err = unix.Open(path, unix.O_WRONLY|unix.O_CREAT|unix.O_APPEND|unix.O_CLOEXEC|unix.O_NOCTTY|unix.O_NOFOLLOW, 0o640)
		}
	}
	if err != nil {
		p.m.say("%s: cannot write to %s: %v, dropping its output", p.u.Name, path, err)
		return spawn.Stdio{Kind: spawn.StdioNull}
	}
	p.fds = append(p.fds, fd)
	return spawn.FromFd(fd)
}

// follow has the forks of a daemon followed.
func (p *preparation) follow() error {
	p.m.forks.follow(p)
	return nil
}

// hasClass tells whether a unit is an instance of an Upstart job: its output
// outlives it.
func (m *Manager) hasClass(name string) bool {
	parts := unit.Split(name)
	parts.Instance, parts.At = "", false
	u := m.engine.Def(parts.String())
	return u != nil && u.Service != nil && u.Service.Job != nil
}

// console applies --default-console and --no-log of init(8) to a job's streams.
func (m *Manager) console(j *unit.Job, in, out, serr unit.Stdio) (unit.Stdio, unit.Stdio, unit.Stdio) {
	c := j.Console
	if c == "" {
		c = m.cfg.DefaultConsole
	}
	null := unit.Stdio{Kind: unit.StdioNull}
	device := unit.Stdio{Kind: unit.StdioFile, Arg: "/dev/console"}
	switch {
	case (c == "" || c == "log") && m.cfg.NoLog, c == "none":
		return null, null, null
	case j.Console != "":
	case c == "output":
		return device, device, device
	case c == "owner":
		return unit.Stdio{Kind: unit.StdioTTYForce}, unit.Stdio{Kind: unit.StdioInherit}, unit.Stdio{Kind: unit.StdioInherit}
	}
	return in, out, serr
}

// expectsListen: the job is ready when it listens, on a socket of its own.
func (p *preparation) expectsListen() bool {
	j := p.job()
	return j != nil && j.Expect == unit.ExpectListen
}

// trapAgain asks the guardian again to tell when jobs stop themselves: the
// manager that asked is dead.
func (m *Manager) trapAgain() {
	for v := range m.engine.Units() {
		s := v.Unit.Service
		if s != nil && s.Job != nil && s.Job.Expect == unit.ExpectStop && v.Active == engine.Activating && v.MainPid > 0 {
			m.must(m.guard.TrapSoon(int(v.MainPid)))
		}
	}
}

// leftBehind says that a job's main process has ended by itself while others
// of it live, which are stopped now. It may be a daemon whose file does not say
// so: the commonest mistake with jobs.
func (m *Manager) leftBehind(u *unit.Unit) {
	v, ok := m.engine.Unit(u.Name)
	j := u.Service.Job
	if !ok || j == nil || j.Task || j.Expect.Forks() > 0 || v.MainPid != 0 || v.MainExit == 0 || v.JobType == engine.Stop && v.Job != 0 ||
		v.MainCode != 1 || v.MainStatus != 0 {
		return
	}
	if n := len(m.pidsOf(u)); n > 0 {
		m.say("%s: its main process has ended and left others behind (%d), which are stopped\n    fix: if it is a daemon that goes into the background, write expect fork or expect daemon",
			u.Name, n)
	}
}

// heldSources are the sockets of a job's conditions, which it may bind to as if
// they were its own: a daemon that knows nothing of UPSTART_FDS is started by a
// connection too. They are passed from descriptor fd on.
func (m *Manager) heldSources(u *unit.Unit, fd int) []handover.Held {
	if m.sources == nil || u.Service == nil || u.Service.Job == nil {
		return nil
	}
	var held []handover.Held
	for _, key := range m.sources.OfUnit(u) {
		for _, listener := range m.sources.FDs(key) {
			held = append(held, handover.Held{FD: listener, Mode: 0o666, PassedAs: fd})
			fd++
		}
	}
	return held
}
