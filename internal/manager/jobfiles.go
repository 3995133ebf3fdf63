// SPDX-License-Identifier: Apache-2.0

package manager

import (
	"encoding/binary"
	"fmt"
	"path/filepath"
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
	// known are the directories that were ever read. One that is gone may come
	// back: its parent is watched, where only the names in awaited count.
	known   map[string]bool
	awaited map[string]bool
	parents map[int32]bool // watches of parents
	due     bool
	back    bool // a directory of jobs has come back
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
	j.watchParents(want)
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

// watchParents watches for directories that were read once and may come back,
// in whole: a program may put another one in the place of one.
func (j *jobFiles) watchParents(want []string) {
	for _, dir := range want {
		j.known[dir] = true
	}
	for dir := range j.known {
		parent := filepath.Dir(dir)
		if _, ok := j.dirs[parent]; ok || j.known[parent] {
			continue // it is watched as a directory of jobs
		}
		j.awaited[filepath.Base(dir)] = true
		if wd, err := unix.InotifyAddWatch(j.fd, parent, unix.IN_CREATE|unix.IN_MOVED_TO|unix.IN_ONLYDIR|unix.IN_MASK_ADD); err == nil {
			j.parents[int32(wd)] = true // where it cannot be watched, a reload is asked for
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
	j.known, j.awaited, j.parents = make(map[string]bool), make(map[string]bool), make(map[int32]bool)
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
		n, err := unix.Read(j.fd, buf[:])
		if n <= 0 || err != nil {
			return any
		}
		for off := 0; off+unix.SizeofInotifyEvent <= n; {
			wd := int32(binary.NativeEndian.Uint32(buf[off:]))
			size := int(binary.NativeEndian.Uint32(buf[off+12:]))
			name := unix.ByteSliceToString(buf[off+unix.SizeofInotifyEvent : off+unix.SizeofInotifyEvent+size])
			off += unix.SizeofInotifyEvent + size
			back := j.parents[wd] && j.awaited[name]
			j.back = j.back || back
			any = any || !j.parents[wd] || back
		}
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
	if m.stopping || !j.back && !m.loader.JobsChanged() {
		return
	}
	j.back = false
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
