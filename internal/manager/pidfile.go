// SPDX-License-Identifier: Apache-2.0

package manager

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/rouse-init/rouse/internal/engine"
	"github.com/rouse-init/rouse/internal/linux/poll"
	"github.com/rouse-init/rouse/internal/linux/trace"
)

// pidFiles waits for PIDFile= to be written, with one inotify descriptor for
// the directories of all of them.
type pidFiles struct {
	m     *Manager
	fd    int                           // -1 until the first is waited for
	wait  map[string]engine.ReadPIDFile // by unit
	watch map[string]int                // directories
}

func newPidFiles(m *Manager) *pidFiles {
	return &pidFiles{m: m, fd: -1, wait: make(map[string]engine.ReadPIDFile), watch: make(map[string]int)}
}

// read performs ReadPIDFile. Without a path it is GuessMainPID=: the only
// process of the unit is the main one.
func (p *pidFiles) read(f engine.ReadPIDFile) {
	if f.Path == "" {
		out := engine.PIDFileRead{Token: f.Token}
		if u := p.m.engine.Def(f.Token.Unit); u != nil {
			pids := p.m.pidsOf(u)
			switch {
			case u.Service != nil && u.Service.Job != nil:
				out.Pid = int32(trace.Survivor(pids))
			case len(pids) == 1:
				out.Pid = int32(pids[0])
			}
		}
		p.m.feed(out)
		return
	}
	pid, err := p.m.pidIn(f.Path, f.Token.Unit)
	if err == nil || f.Now {
		out := engine.PIDFileRead{Token: f.Token, Pid: pid}
		if err != nil {
			out.Msg = err.Error()
		}
		p.m.feed(out)
		return
	}
	p.wait[f.Token.Unit] = f
	if err := p.look(filepath.Dir(f.Path)); err != nil {
		p.m.say("%s: %v", f.Token.Unit, err)
	}
	// It may have come in between.
	p.retry()
}

func (p *pidFiles) look(dir string) error {
	if p.fd < 0 {
		fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
		if err != nil {
			return fmt.Errorf("cannot watch for PID files: %w", err)
		}
		p.fd = fd
		if err := p.m.loop.Add(fd, poll.In, func(uint32) { p.changed() }); err != nil {
			return err
		}
	}
	if _, ok := p.watch[dir]; ok {
		return nil
	}
	wd, err := unix.InotifyAddWatch(p.fd, dir, unix.IN_CLOSE_WRITE|unix.IN_MOVED_TO|unix.IN_CREATE|unix.IN_MODIFY|unix.IN_ONLYDIR)
	if err != nil {
		return fmt.Errorf("cannot watch for PID files in %s: %w", dir, err)
	}
	p.watch[dir] = wd
	return nil
}

func (p *pidFiles) changed() {
	var buf [4096]byte
	for {
		if n, err := unix.Read(p.fd, buf[:]); n <= 0 || err != nil {
			break
		}
	}
	p.retry()
}

func (p *pidFiles) retry() {
	for name, f := range p.wait {
		if pid, err := p.m.pidIn(f.Path, name); err == nil {
			delete(p.wait, name)
			p.m.feed(engine.PIDFileRead{Token: f.Token, Pid: pid})
		}
	}
	if len(p.wait) == 0 && p.fd >= 0 {
		p.m.loop.Remove(p.fd)
		unix.Close(p.fd)
		p.fd = -1
		clear(p.watch)
	}
}

// forget ends the waiting of a unit.
func (p *pidFiles) forget(name string) { delete(p.wait, name) }

// remove performs RemovePIDFile.
func (p *pidFiles) remove(path string) {
	if err := unix.Unlink(path); err != nil && err != unix.ENOENT {
		p.m.say("cannot remove %s: %v", path, err)
	}
}

// pidIn reads a PID file and judges it: the process must be of the unit, or
// the file root's own (systemd.service(5), PIDFile=).
func (m *Manager) pidIn(path, name string) (int32, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	var buf [64]byte
	n, err := f.Read(buf[:])
	if err != nil {
		return 0, fmt.Errorf("cannot read PIDFile=%s: %w", path, err)
	}
	text, _, _ := strings.Cut(string(buf[:n]), "\n")
	pid, err := strconv.ParseInt(strings.TrimSpace(text), 10, 32)
	if err != nil || pid <= 1 || int(pid) == os.Getpid() || int32(pid) == m.start.Guardian {
		return 0, fmt.Errorf("PIDFile=%s holds %q, which is no process of the service", path, strings.TrimSpace(text))
	}
	if zombie(int(pid)) {
		return 0, fmt.Errorf("process %d of PIDFile=%s is gone", pid, path)
	}
	if owner, ok := m.unitByPid(int32(pid)); ok && owner == name {
		return int32(pid), nil
	}
	st, err := f.Stat()
	if err != nil {
		return 0, err
	}
	sys, ok := st.Sys().(*syscall.Stat_t)
	if !ok || int(sys.Uid) != m.uid {
		return 0, fmt.Errorf("process %d of PIDFile=%s is not of the service, and the file is not the manager's", pid, path)
	}
	return int32(pid), nil
}

// zombie tells whether there is no live process of this number.
func zombie(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return true
	}
	_, rest, ok := strings.Cut(string(b), ") ")
	return !ok || rest[0] == 'Z' || rest[0] == 'X'
}
