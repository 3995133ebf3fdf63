// SPDX-License-Identifier: Apache-2.0

package watch

import (
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	// self is what happens to a directory or a link as a whole; enough to
	// know that a path leads elsewhere, without being woken by its contents.
	self = unix.IN_DELETE_SELF | unix.IN_MOVE_SELF
	// arrival is what may be the next directory on the way.
	arrival = unix.IN_CREATE | unix.IN_MOVED_TO | unix.IN_ONLYDIR
	// contents is what happens to names in the directory of a Spec.
	contents = arrival | unix.IN_DELETE | unix.IN_MOVED_FROM | unix.IN_CLOSE_WRITE | unix.IN_EXCL_UNLINK
)

// maxLinks is the kernel's limit on symbolic links in one path
// (path_resolution(7)).
const maxLinks = 40

// way is how a path leads to a directory.
type way struct {
	steps   []step
	at      string // the last directory that is there, links resolved
	missing string // what is not in it; "" when the whole path is there
}

type step struct {
	path string
	link bool
}

// walk follows a path as the kernel does, to know every directory and link on
// the way.
func walk(dir string) (way, error) {
	w := way{at: "/", steps: []step{{path: "/"}}}
	rest := strings.Split(dir, "/")
	links := 0
	for len(rest) > 0 {
		name := rest[0]
		rest = rest[1:]
		switch name {
		case "", ".":
			continue
		case "..":
			w.at = path.Dir(w.at)
			continue
		}
		next := path.Join(w.at, name)
		var st unix.Stat_t
		err := unix.Lstat(next, &st)
		switch {
		case errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR):
			w.missing = name
			return w, nil
		case err != nil:
			return w, fmt.Errorf("%s: %w", next, err)
		}
		switch st.Mode & unix.S_IFMT {
		case unix.S_IFDIR:
			w.at = next
			w.steps = append(w.steps, step{path: next})
		case unix.S_IFLNK:
			if links++; links > maxLinks {
				return w, fmt.Errorf("%s: %w", next, unix.ELOOP)
			}
			target, err := os.Readlink(next)
			if err != nil {
				return w, err
			}
			w.steps = append(w.steps, step{path: next, link: true})
			if path.IsAbs(target) {
				w.at = "/"
			}
			rest = append(strings.Split(target, "/"), rest...)
		default:
			w.missing = name // a file may give way to a directory
			return w, nil
		}
	}
	return w, nil
}

// settle puts the kernel's watches where the path leads now. It may have
// changed between looking and watching; then it is looked again.
func (w *Watcher) settle(it *Watch) error {
	for range 8 {
		y, err := walk(it.spec.Dir)
		if err != nil {
			return err
		}
		old := it.chain
		it.chain = nil
		err = w.occupy(it, y)
		w.release(it, slices.DeleteFunc(old, func(wd int32) bool { return slices.Contains(it.chain, wd) }))
		if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) {
			continue
		}
		if err != nil {
			return err
		}
		again, err := walk(it.spec.Dir)
		if err == nil && again.at == y.at && again.missing == y.missing {
			return nil
		}
	}
	return errors.New("the path changes all the time")
}

// occupy watches all of a way.
func (w *Watcher) occupy(it *Watch, y way) error {
	it.wd, it.gate, it.missing, it.at, it.ident = -1, -1, y.missing, y.at, Ident{}
	for _, s := range y.steps {
		mask := uint32(self)
		if s.link {
			mask |= unix.IN_DONT_FOLLOW
		}
		if _, err := w.hold(it, s.path, mask); err != nil {
			return err
		}
	}
	if y.missing != "" {
		gate, err := w.hold(it, y.at, self|arrival)
		it.gate = gate
		return err
	}
	wd, err := w.hold(it, y.at, self|contents)
	if err != nil {
		return err
	}
	var st unix.Stat_t
	if err := unix.Lstat(y.at, &st); err != nil {
		return err
	}
	it.wd, it.ident = wd, Ident{Dev: st.Dev, Ino: st.Ino}
	return nil
}

// hold has one path watched for it. Masks only grow while somebody watches,
// since the kernel has one for all.
func (w *Watcher) hold(it *Watch, name string, mask uint32) (int32, error) {
	if len(w.nodes) >= maxNodes {
		return -1, fmt.Errorf("there are %d watches already", maxNodes)
	}
	n, err := unix.InotifyAddWatch(w.fd, name, mask|unix.IN_MASK_ADD)
	if err != nil {
		if errors.Is(err, unix.ENOSPC) {
			err = fmt.Errorf("the limit of fs.inotify.max_user_watches is reached: %w", err)
		}
		return -1, err
	}
	wd := int32(n)
	nd := w.nodes[wd]
	if nd == nil {
		nd = &node{}
		w.nodes[wd] = nd
	}
	if !slices.Contains(nd.users, it) {
		nd.users = append(nd.users, it)
	}
	if !slices.Contains(it.chain, wd) {
		it.chain = append(it.chain, wd)
	}
	return wd, nil
}

// release ends the use of kernel watches, and those that nobody uses.
func (w *Watcher) release(it *Watch, chain []int32) {
	for _, wd := range chain {
		nd := w.nodes[wd]
		if nd == nil {
			continue
		}
		nd.users = slices.DeleteFunc(nd.users, func(o *Watch) bool { return o == it })
		if len(nd.users) == 0 {
			delete(w.nodes, wd)
			// It fails where the directory went first, and the watch with it.
			_, _ = unix.InotifyRmWatch(w.fd, uint32(wd))
		}
	}
}
