// SPDX-License-Identifier: Apache-2.0

package watch

import (
	"encoding/binary"
	"fmt"
	"os"
	"path"
	"slices"

	"golang.org/x/sys/unix"
)

// Limits of one directory: names that are remembered, and names that are
// looked at. Beyond them it is blind: it tells what the kernel tells, but does
// not know what was missed when the kernel's queue overflowed.
const (
	maxKnown   = 16384
	maxScanned = 262144
)

// Dispatch reads one buffer of what happened and tells it. It does not block;
// with much to read the descriptor stays readable.
func (w *Watcher) Dispatch() error {
	_, err := w.dispatch()
	return err
}

// Remount looks at all paths again: call it when file systems were mounted,
// which inotify does not tell.
func (w *Watcher) Remount() {
	w.broken = nil
	for _, it := range w.watches {
		w.mark(it)
	}
	w.clean()
}

func (w *Watcher) dispatch() (int, error) {
	n, err := unix.Read(w.fd, w.buf[:])
	if err == unix.EAGAIN || err == unix.EINTR {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("cannot read what happened to files: %w", err)
	}
	for buf := w.buf[:n]; len(buf) >= unix.SizeofInotifyEvent; {
		wd := int32(binary.NativeEndian.Uint32(buf))
		mask := binary.NativeEndian.Uint32(buf[4:])
		size := unix.SizeofInotifyEvent + int(binary.NativeEndian.Uint32(buf[12:]))
		if size > len(buf) {
			break
		}
		w.one(wd, mask, unix.ByteSliceToString(buf[unix.SizeofInotifyEvent:size]))
		buf = buf[size:]
	}
	w.clean()
	return n, nil
}

// one tells one event of the kernel.
func (w *Watcher) one(wd int32, mask uint32, name string) {
	if mask&unix.IN_Q_OVERFLOW != 0 {
		for _, it := range w.watches {
			it.relist = true
			w.mark(it)
		}
		return
	}
	nd := w.nodes[wd]
	if nd == nil {
		return // of a watch that is not used any more
	}
	for _, it := range slices.Clone(nd.users) { // a function may remove watches
		switch {
		case it.gone:
		case mask&(self|unix.IN_UNMOUNT|unix.IN_IGNORED) != 0:
			w.mark(it)
		case name == "":
		case wd == it.wd:
			it.entry(mask, name)
		case wd == it.gate && name == it.missing:
			w.mark(it)
		}
	}
	if mask&unix.IN_IGNORED != 0 {
		delete(w.nodes, wd)
	}
}

func (w *Watcher) mark(it *Watch) {
	if !it.dirty {
		it.dirty = true
		w.dirty = append(w.dirty, it)
	}
}

// clean follows the paths of marked watches anew and tells the difference.
func (w *Watcher) clean() {
	list := w.dirty
	w.dirty = nil
	for _, it := range list {
		it.dirty = false
		if it.gone {
			continue
		}
		before, relist := it.wd, it.relist
		it.relist = false
		if err := w.settle(it); err != nil {
			// Nothing is watched where nothing can be; the names are gone for
			// all that can be known.
			it.wd, it.gate, it.ident = -1, -1, Ident{}
			w.broken = fmt.Errorf("cannot watch %s: %w", it.spec.Dir, err)
		}
		if it.wd != before || relist {
			it.compare(before)
		}
	}
}

// takes tells whether a name is of interest.
func (it *Watch) takes(name string) bool {
	if it.spec.Exact != "" {
		return name == it.spec.Exact
	}
	return it.spec.Match == nil || it.spec.Match(name)
}

// entry tells what happened to one name of the directory.
func (it *Watch) entry(mask uint32, name string) {
	if !it.takes(name) {
		return
	}
	old, was := it.known[name]
	blind := it.known == nil || it.replay
	switch {
	case mask&(unix.IN_DELETE|unix.IN_MOVED_FROM) != 0:
		delete(it.known, name)
		if was || blind {
			it.fn(Event{Deleted, name})
		}
	case mask&(unix.IN_CREATE|unix.IN_MOVED_TO) != 0:
		now := it.look(name)
		it.know(name, now)
		switch {
		case !was || blind:
			it.fn(Event{Created, name})
		case mask&unix.IN_MOVED_TO != 0 && now.ino != old.ino:
			it.fn(Event{Replaced, name})
		} // else it was there already when the names were listed
	case mask&unix.IN_CLOSE_WRITE != 0:
		it.know(name, it.look(name))
		it.fn(Event{Modified, name})
	}
}

// know remembers a name; with too many the watch goes blind.
func (it *Watch) know(name string, s stamp) {
	if it.known == nil {
		return
	}
	if it.known[name] = s; len(it.known) > maxKnown {
		it.known = nil
	}
}

func (it *Watch) look(name string) stamp {
	var st unix.Stat_t
	if unix.Lstat(path.Join(it.at, name), &st) != nil {
		return stamp{} // gone again; the kernel will tell
	}
	return stamp{ino: st.Ino, size: st.Size, mtime: st.Mtim.Nano()}
}

// list is what is there now; nil when that is too much.
func (it *Watch) list() map[string]stamp {
	known := make(map[string]stamp)
	if it.wd < 0 {
		return known
	}
	names := []string{it.spec.Exact}
	if it.spec.Exact == "" {
		f, err := os.Open(it.at)
		if err != nil {
			return known // gone again; or not ours to read, only to watch
		}
		defer f.Close()
		if names, _ = f.Readdirnames(maxScanned + 1); len(names) > maxScanned {
			return nil
		}
	}
	for _, name := range names {
		if !it.takes(name) {
			continue
		}
		if s := it.look(name); s != (stamp{}) {
			known[name] = s
		}
	}
	if len(known) > maxKnown {
		return nil
	}
	return known
}

// compare tells what became different while it was not told: before is the
// kernel's watch of the directory that known is about.
func (it *Watch) compare(before int32) {
	old, now := it.known, it.list()
	it.known = now
	var events []Event
	if before < 0 && it.wd >= 0 {
		events = append(events, Event{Created, ""})
	}
	if (old == nil || now == nil) && before >= 0 && it.wd >= 0 {
		events = append(events, Event{Modified, ""})
	} else {
		events = append(events, difference(old, now)...)
	}
	if before >= 0 && it.wd < 0 {
		events = append(events, Event{Deleted, ""})
	}
	for _, e := range events {
		if it.gone {
			return
		}
		it.fn(e)
	}
}

// difference lists what leads from old to now, in the order of the names.
func difference(old, now map[string]stamp) []Event {
	var events []Event
	for name := range old {
		if _, is := now[name]; !is {
			events = append(events, Event{Deleted, name})
		}
	}
	for name, n := range now {
		switch o, was := old[name]; {
		case !was:
			events = append(events, Event{Created, name})
		case n.ino != o.ino:
			events = append(events, Event{Replaced, name})
		case n != o:
			events = append(events, Event{Modified, name})
		}
	}
	slices.SortFunc(events, func(a, b Event) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
	return events
}
