// SPDX-License-Identifier: Apache-2.0

package source

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rouse-init/rouse/internal/linux/poll"
	"github.com/rouse-init/rouse/internal/linux/watch"
)

const inotifyKey = "inotify"

// A directory that changes all the time is read only so often: filesBurst
// events in filesTime. What comes meanwhile waits in the kernel's queue, and
// where that overflows the directories are compared.
const (
	filesBurst = 1000
	filesTime  = time.Second
	// filesRetry is when paths are tried again that could not be watched, and
	// filesMounted how soon they are followed anew after a mount: a machine
	// that mounts does so often.
	filesRetry   = 10 * time.Second
	filesMounted = 50 * time.Millisecond
)

// files are all file events; there is one only while a job wants some.
type files struct {
	w      *watch.Watcher
	mounts int // mountinfo of proc(5), or -1
	by     map[string]*file
	since  time.Duration
	count  int
	paused bool
	retry  time.Duration // when to look at all paths again; 0: not
	// adopting: the descriptor is of an earlier life, and not resumed yet.
	adopting bool
	// refused are the users of files that could not be watched.
	refused [][]Wanted
}

// wantFiles watches the files of operands.
func (s *Set) wantFiles(list []Wanted) {
	if len(list) == 0 {
		s.ledger.keepOnly("file", func(string) bool { return false })
		if s.files != nil {
			s.closeFiles()
			s.c.Forget(inotifyKey)
		}
		return
	}
	by, order := group(list, func(w Wanted) (string, error) {
		f, err := s.newFile(w)
		return f.name, err
	}, func(w Wanted, err error) {
		s.complain(w, "cannot watch files: "+err.Error(), "write file FILE=/absolute/path EVENT=create, modify or delete")
	})
	if s.files == nil {
		if err := s.openFiles(); err != nil {
			s.complain(list[0], err.Error(), "raise fs.inotify.max_user_instances")
			return
		}
	}
	for name, f := range s.files.by {
		if by[name] == nil {
			s.files.w.Remove(f.it)
			delete(s.files.by, name)
		}
	}
	s.ledger.keepOnly("file", func(name string) bool { return by[name] != nil })
	s.files.refused = nil
	for _, name := range order {
		s.wantFile(by[name])
	}
	if s.files.adopting {
		s.files.adopting = false
		if err := s.files.w.Resume(); err != nil {
			s.c.Say("%v", err)
		}
	}
}

// wantFile watches one FILE= for its users.
func (s *Set) wantFile(users []Wanted) {
	f, _ := s.newFile(users[0])
	before, told := fileEntry(s.ledger.entries["file "+f.name])
	if !s.files.adopting {
		before = watch.Ident{}
	}
	if old := s.files.by[f.name]; old != nil {
		f = old
	}
	f.users = users
	f.create, f.modify, f.remove, f.only = false, false, false, false
	for _, w := range users {
		c, m := accepts(w, "EVENT", 1, "create"), accepts(w, "EVENT", 1, "modify")
		f.create, f.modify, f.only = f.create || c, f.modify || m, f.only || m && !c
		f.remove = f.remove || accepts(w, "EVENT", 1, "delete")
	}
	resumed := true
	if f.it == nil {
		var err error
		f.it, resumed, err = s.files.w.Add(f.place, before, func(e watch.Event) { s.fileEvent(f, e) })
		if err != nil {
			s.complain(users[0], err.Error(), "it is tried again until it works")
			s.files.refused = append(s.files.refused, users)
			s.retryFiles(filesRetry)
			return
		}
		s.files.by[f.name] = f
	}
	if !resumed || fresh(unitsOf(users), told) {
		s.tellPresent(f)
	}
	s.noteFile(f)
}

// noteFile writes into the ledger what is told of a file.
func (s *Set) noteFile(f *file) {
	id := f.it.Ident()
	s.ledger.set("file "+f.name, fmt.Sprintf("%d:%d %s", id.Dev, id.Ino, strings.Join(unitsOf(f.users), " ")))
}

func fileEntry(text string) (id watch.Ident, units []string) {
	words := strings.Fields(text)
	if len(words) == 0 {
		return id, nil
	}
	dev, ino, _ := strings.Cut(words[0], ":")
	id.Dev, _ = strconv.ParseUint(dev, 10, 64)
	id.Ino, _ = strconv.ParseUint(ino, 10, 64)
	return id, words[1:]
}

// openFiles makes or adopts the descriptor of inotify.
func (s *Set) openFiles() error {
	fd := s.adopt(inotifyKey)
	w, err := watch.New(fd)
	if err != nil {
		return err
	}
	f := &files{w: w, mounts: -1, by: make(map[string]*file), adopting: fd >= 0}
	if err := s.c.Loop.Add(w.FD(), poll.In, func(uint32) { s.readFiles() }); err != nil {
		_ = w.Close()
		return err
	}
	s.keep(inotifyKey, w.FD())
	s.files = f
	// Mounting over a directory is the one change of a path that inotify does
	// not tell. Without /proc paths are as they were at the start.
	fd, err = unix.Open("/proc/thread-self/mountinfo", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil //nolint:nilerr // files are watched all the same
	}
	if err := s.c.Loop.Add(fd, poll.Pri, func(uint32) { s.retryFiles(filesMounted) }); err != nil {
		unix.Close(fd)
		return nil //nolint:nilerr // files are watched all the same
	}
	f.mounts = fd
	return nil
}

func (s *Set) closeFiles() {
	f := s.files
	if f == nil {
		return
	}
	s.files = nil
	s.c.Loop.Remove(f.w.FD())
	_ = f.w.Close()
	if f.mounts >= 0 {
		s.c.Loop.Remove(f.mounts)
		unix.Close(f.mounts)
	}
}

// readFiles tells one buffer of changes.
func (s *Set) readFiles() {
	f := s.files
	now := s.c.Now()
	if now-f.since >= filesTime {
		f.since, f.count = now, 0
	}
	if err := f.w.Dispatch(); err != nil {
		s.c.Say("%v", err)
	}
	if f.count >= filesBurst && s.c.Loop.Modify(f.w.FD(), 0) == nil {
		f.paused = true
		s.wakeAt(f.since + filesTime)
	}
	s.checkBroken()
	s.flush()
}

func (s *Set) remount() {
	s.files.w.Remount()
	s.checkBroken()
	s.flush()
}

// checkBroken says once what cannot be watched any more, and has it retried.
func (s *Set) checkBroken() {
	err := s.files.w.Broken()
	if err == nil {
		return
	}
	if text := err.Error(); !s.said[text] {
		s.said[text] = true
		s.c.Say("%s; it is tried again every %v", text, filesRetry)
	}
	s.retryFiles(filesRetry)
}

// retryFiles has all paths looked at again in a while.
func (s *Set) retryFiles(pause time.Duration) {
	at := s.c.Now() + pause
	if s.files.retry == 0 || at < s.files.retry {
		s.files.retry = at
	}
	s.wakeAt(s.files.retry)
}

// tickFiles goes on after a pause, and retries.
func (s *Set) tickFiles(now time.Duration) {
	f := s.files
	if f == nil {
		return
	}
	if f.paused {
		if end := f.since + filesTime; now < end {
			s.wakeAt(end)
		} else if s.c.Loop.Modify(f.w.FD(), poll.In) == nil {
			f.paused = false
		}
	}
	switch {
	case f.retry == 0:
	case now < f.retry:
		s.wakeAt(f.retry)
	default:
		f.retry = 0
		list := f.refused
		f.refused = nil
		for _, users := range list {
			s.wantFile(users)
		}
		s.remount()
	}
}
