// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"encoding/binary"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"
)

// Watcher tells changes of cgroups, with one inotify descriptor for all: the
// kernel raises IN_MODIFY on cgroup.events and memory.events. (The directory
// cannot be watched instead: the event is raised only while the file itself
// is in the inode cache, which a watch on it guarantees.)
type Watcher struct {
	tree    *Tree
	fd      int
	byWd    map[int32]*watch
	byPath  map[string]*watch
	changed []*watch // scratch of Dispatch
}

// watch is one watched cgroup.
type watch struct {
	path           string
	fn             func(Event)
	events, memory int32 // watch descriptors; memory is -1 without the controller
	pending        bool
	last           Event
}

// Event is a change of a watched cgroup.
type Event struct {
	State
	// OOMKills counts the processes that the kernel killed for want of memory
	// so far (memory.events); always 0 without the memory controller.
	OOMKills uint64
}

// NewWatcher makes one for cgroups of the tree.
func NewWatcher(t *Tree) (*Watcher, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("cannot watch cgroups: %w", err)
	}
	return &Watcher{tree: t, fd: fd, byWd: map[int32]*watch{}, byPath: map[string]*watch{}}, nil
}

// FD is to be watched for reading; Dispatch when it is.
func (w *Watcher) FD() int { return w.fd }

// Watch calls fn from Dispatch at each change. It returns the state now, so
// that what happened before is not missed. A cgroup is watched once: a later
// Watch replaces fn.
func (w *Watcher) Watch(path string, fn func(Event)) (Event, error) {
	it := w.byPath[path]
	if it == nil {
		wd, err := w.add(path, "cgroup.events")
		if err != nil {
			return Event{}, fmt.Errorf("cannot watch cgroup %q: %w", path, err)
		}
		it = &watch{path: path, events: wd, memory: -1}
		w.byWd[wd], w.byPath[path] = it, it
		if wd, err := w.add(path, "memory.events"); err == nil {
			it.memory = wd
			w.byWd[wd] = it
		}
	}
	it.fn = fn
	ev, err := w.look(it)
	it.last = ev
	return ev, err
}

// add watches a file of a cgroup.
func (w *Watcher) add(path, file string) (int32, error) {
	wd, err := unix.InotifyAddWatch(w.fd, filepath.Join(w.tree.facts.Base, path, file), unix.IN_MODIFY)
	return int32(wd), err
}

// look reads the state of a watched cgroup.
func (w *Watcher) look(it *watch) (Event, error) {
	st, err := w.tree.State(it.path)
	ev := Event{State: st}
	if err == nil && it.memory >= 0 {
		if text, err := w.tree.read(it.path, "memory.events"); err == nil {
			ev.OOMKills = keyed(text, "oom_kill")
		}
	}
	return ev, err
}

// Unwatch ends it; unknown paths are ignored.
func (w *Watcher) Unwatch(path string) {
	it := w.byPath[path]
	if it == nil {
		return
	}
	delete(w.byPath, path)
	for _, wd := range []int32{it.events, it.memory} {
		if wd >= 0 {
			delete(w.byWd, wd)
			// It fails when the cgroup was removed first; the watch went
			// with it.
			_, _ = unix.InotifyRmWatch(w.fd, uint32(wd))
		}
	}
}

// Dispatch reads what happened and calls the functions, once for each cgroup
// that changed. It does not block.
func (w *Watcher) Dispatch() error {
	var buf [4096]byte
	for {
		n, err := unix.Read(w.fd, buf[:])
		if err == unix.EAGAIN || err == unix.EINTR {
			break
		}
		if err != nil {
			return fmt.Errorf("cannot read what happened to cgroups: %w", err)
		}
		w.collect(buf[:n])
	}
	list := w.changed
	w.changed = nil // a function may call Dispatch's neighbours
	for _, it := range list {
		it.pending = false
		if w.byPath[it.path] != it {
			continue // unwatched by an earlier function
		}
		ev, err := w.look(it)
		if err != nil || ev == it.last {
			continue
		}
		it.last = ev
		it.fn(ev)
	}
	if w.changed == nil {
		w.changed = list[:0]
	}
	return nil
}

// collect notes which watches the events of one read are about.
func (w *Watcher) collect(buf []byte) {
	for len(buf) >= unix.SizeofInotifyEvent {
		wd := int32(binary.NativeEndian.Uint32(buf))
		mask := binary.NativeEndian.Uint32(buf[4:])
		nameLen := int(binary.NativeEndian.Uint32(buf[12:]))
		buf = buf[unix.SizeofInotifyEvent+nameLen:]
		if mask&unix.IN_Q_OVERFLOW != 0 {
			for _, path := range slices.Sorted(maps.Keys(w.byPath)) {
				w.note(w.byPath[path])
			}
			continue
		}
		it := w.byWd[wd]
		if it == nil {
			continue
		}
		w.note(it)
		if mask&unix.IN_IGNORED != 0 {
			delete(w.byWd, wd) // the cgroup is gone, or will be
		}
	}
}

func (w *Watcher) note(it *watch) {
	if !it.pending {
		it.pending = true
		w.changed = append(w.changed, it)
	}
}

// Close closes the descriptor.
func (w *Watcher) Close() error { return unix.Close(w.fd) }

// String is for messages.
func (e Event) String() string {
	return "populated=" + strconv.FormatBool(e.Populated) + " frozen=" + strconv.FormatBool(e.Frozen) +
		" oom_kill=" + strconv.FormatUint(e.OOMKills, 10)
}
