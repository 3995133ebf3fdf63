// SPDX-License-Identifier: Apache-2.0

package manager

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rouse-init/rouse/internal/engine"
	"github.com/rouse-init/rouse/internal/linux/poll"
	"github.com/rouse-init/rouse/internal/unit"
)

// jobFiles watches the directories of jobs, so that a new, changed or removed
// file counts at once (init(5), Configuration).
type jobFiles struct {
	m    *Manager
	fd   int // -1 while there is no directory to watch
	dirs map[string]int
	due  bool
	// added and removed are the units of jobs that are to be told of.
	added, removed []string
}

const jobFileEvents = unix.IN_CREATE | unix.IN_CLOSE_WRITE | unix.IN_MOVED_FROM | unix.IN_MOVED_TO | unix.IN_DELETE |
	unix.IN_DELETE_SELF | unix.IN_MOVE_SELF | unix.IN_ATTRIB | unix.IN_ONLYDIR

// watch makes the watched directories those that the loader reads.
func (j *jobFiles) watch() {
	want := j.m.loader.WatchDirs()
	if len(want) == 0 && j.fd < 0 {
		return
	}
	if j.fd < 0 {
		if err := j.open(); err != nil {
			j.m.sayOnce("jobfiles", "cannot watch the files of jobs: %v; `initctl reload-configuration` reads them again", err)
			return
		}
	}
	keep := make(map[string]bool, len(want))
	for _, dir := range want {
		keep[dir] = true
		if _, ok := j.dirs[dir]; ok {
			continue
		}
		wd, err := unix.InotifyAddWatch(j.fd, dir, jobFileEvents)
		if err != nil {
			j.m.sayOnce("jobfiles:"+dir, "cannot watch %s: %v; `initctl reload-configuration` reads it again", dir, err)
			continue
		}
		j.dirs[dir] = wd
	}
	for dir, wd := range j.dirs {
		if !keep[dir] {
			_, _ = unix.InotifyRmWatch(j.fd, uint32(wd)) // gone with the directory, mostly
			delete(j.dirs, dir)
		}
	}
}

func (j *jobFiles) open() error {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return fmt.Errorf("inotify: %w", err)
	}
	if err := j.m.loop.Add(fd, poll.In, func(uint32) { j.changed() }); err != nil {
		unix.Close(fd)
		return err
	}
	j.fd, j.dirs = fd, make(map[string]int)
	return nil
}

// quietTime is how long the files must have been left alone: an editor or a
// package manager writes several.
const quietTime = 50 * time.Millisecond

func (j *jobFiles) changed() {
	if j.drain() && !j.due {
		j.due = true
		j.m.later(quietTime, j.reload)
	}
}

// drain empties the queue and tells whether there was anything in it.
func (j *jobFiles) drain() (any bool) {
	var buf [4096]byte
	for {
		if n, err := unix.Read(j.fd, buf[:]); n <= 0 || err != nil {
			return any
		}
		any = true
	}
}

// now reads changed files before a request is dealt with, which counts with the
// files as they are.
func (j *jobFiles) now() {
	if j.fd >= 0 && (j.drain() || j.due) {
		j.reload()
		j.m.must(j.m.drain())
	}
}

// reload reads the jobs again where anything has changed.
func (j *jobFiles) reload() {
	j.due = false
	m := j.m
	if m.stopping || !m.loader.JobsChanged() {
		return
	}
	units, gone, list := m.loader.ReloadJobs()
	m.report(list)
	m.loaded(units, gone)
}

// loaded gives units to the engine, and has all who follow the set of jobs
// look at it.
func (m *Manager) loaded(units []*unit.Unit, gone []string) {
	j := &m.jobFiles
	for _, u := range units {
		old := m.engine.Def(u.Name)
		if isJob(u) && u.Load == unit.Loaded && !unit.IsInstance(u.Name) && (old == nil || old.Load == unit.NotFound) {
			j.added = append(j.added, u.Name)
		}
	}
	j.removed = append(j.removed, gone...)
	m.feed(engine.Loaded{Units: units, Gone: gone})
	m.jobsDue = true
}

// tell has the clients of com.ubuntu.Upstart know which jobs there are now.
func (j *jobFiles) tell() {
	for _, name := range j.removed {
		j.m.upstart.JobRemoved(name)
	}
	for _, name := range j.added {
		j.m.upstart.JobAdded(name)
	}
	j.added, j.removed = nil, nil
}

// refreshJobs brings what hangs on the set of jobs up to date: once at the end
// of a turn in which it has changed.
func (m *Manager) refreshJobs() {
	if !m.jobsDue {
		return
	}
	m.jobsDue = false
	m.jobFiles.tell()
	m.jobFiles.watch()
	m.wantSources()
	m.buses.want()
}
