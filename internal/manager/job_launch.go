// SPDX-License-Identifier: Apache-2.0

package manager

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

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
	for _, key := range p.order.Sources {
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
	if err == unix.ENOENT {
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
