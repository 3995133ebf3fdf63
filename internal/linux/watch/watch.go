// SPDX-License-Identifier: Apache-2.0

// Package watch tells when names in directories come, change and go
// (inotify(7)), also while the directories themselves and what is above them
// come and go. It never opens or follows what it tells about: a symbolic link
// is a name like another. It decides nothing, holds one descriptor, and does
// all its work in the calls of its owner.
//
// File systems that change from elsewhere (NFS, /proc, /sys) tell nothing.
package watch

import (
	"fmt"
	"slices"

	"golang.org/x/sys/unix"
)

// Op is what happened to a name.
type Op uint8

// The operations. Replaced is a rename over a name that was there.
const (
	Created Op = iota
	Replaced
	Modified // closed by somebody who had it open for writing
	Deleted
)

// Event is one change. Name "" is the directory itself: Created and Deleted,
// or Modified where it has too many names to know what was missed.
type Event struct {
	Op   Op
	Name string
}

// Spec is what to watch: names in one directory.
type Spec struct {
	// Dir is an absolute path that need not exist. Its symbolic links are
	// followed, and watched.
	Dir string
	// Exact is the only name of interest; "" means those that Match takes.
	Exact string
	// Match may be nil for all names.
	Match func(name string) bool
}

// Ident is which directory is watched, to know it again later; zero for none.
type Ident struct{ Dev, Ino uint64 }

// Watch is one watched Spec.
type Watch struct {
	spec Spec
	fn   func(Event)

	// wd is the kernel's watch of the directory, or -1. gate is that of the
	// deepest directory that is there while the next one, missing, is not.
	wd, gate int32
	missing  string
	at       string // the directory with all links resolved
	chain    []int32
	ident    Ident

	known  map[string]stamp // nil when there are too many (blind)
	replay bool             // tell everything: the queue is older than known
	gone   bool             // removed by its owner
	dirty  bool
	relist bool
}

// stamp is what tells one state of a name from another.
type stamp struct {
	ino         uint64
	size, mtime int64
}

// Watcher is one inotify descriptor.
type Watcher struct {
	fd      int
	nodes   map[int32]*node
	watches []*Watch
	dirty   []*Watch
	broken  error
	buf     [16 << 10]byte
}

// node is one watch of the kernel, which several may use.
type node struct{ users []*Watch }

// maxNodes bounds the watches of the kernel (its own limit is per user).
const maxNodes = 8192

// New makes one. It takes fd, which an earlier life of the owner had (then
// Resume is to be called), or makes its own where fd is negative.
func New(fd int) (*Watcher, error) {
	if fd < 0 {
		var err error
		if fd, err = unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK); err != nil {
			return nil, fmt.Errorf("cannot watch files: %w", err)
		}
	}
	return &Watcher{fd: fd, nodes: make(map[int32]*node)}, nil
}

// FD is to be watched for reading; Dispatch when it is.
func (w *Watcher) FD() int { return w.fd }

// Close closes the descriptor.
func (w *Watcher) Close() error { return unix.Close(w.fd) }

// Add watches s; fn is called from Dispatch and Remount, never from Add: what
// is there already is told by Present and Names. With before, the directory
// of an earlier life, what happened since then is told by Resume, if it is
// still the same directory; resumed tells so.
func (w *Watcher) Add(s Spec, before Ident, fn func(Event)) (it *Watch, resumed bool, err error) {
	it = &Watch{spec: s, fn: fn, wd: -1, gate: -1}
	if err := w.settle(it); err != nil {
		w.release(it, it.chain)
		return nil, false, fmt.Errorf("cannot watch %s: %w", s.Dir, err)
	}
	it.known = it.list()
	resumed = before != Ident{} && it.ident == before
	it.replay = resumed
	w.watches = append(w.watches, it)
	return it, resumed, nil
}

// Remove ends a watch; its function is not called again.
func (w *Watcher) Remove(it *Watch) {
	it.gone = true
	w.watches = slices.DeleteFunc(w.watches, func(o *Watch) bool { return o == it })
	w.release(it, it.chain)
	it.chain = nil
}

// Broken is why some path could not be followed any more, as when the limit on
// watches is reached; nil when all is well. Remount tries again.
func (w *Watcher) Broken() error { return w.broken }

// Ident is the directory that is watched now; zero while it is not there.
func (it *Watch) Ident() Ident { return it.ident }

// Present tells whether the directory is there.
func (it *Watch) Present() bool { return it.wd >= 0 }

// Names are the names that are there, in order; nothing of a directory with
// too many.
func (it *Watch) Names() []string {
	names := make([]string, 0, len(it.known))
	for name := range it.known {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Resume tells what had been queued for an earlier life. Call it once, after
// Add of all that is to be resumed.
func (w *Watcher) Resume() error {
	for {
		n, err := w.dispatch()
		if err != nil {
			return err
		}
		if n == 0 {
			break
		}
	}
	for _, it := range w.watches {
		it.replay = false
	}
	return nil
}
