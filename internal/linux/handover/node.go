// SPDX-License-Identifier: Apache-2.0

package handover

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

func untilNUL(s string) string {
	s, _, _ = strings.Cut(s, "\x00")
	return s
}

// node finds the held unix socket that a path of the process means, whatever
// its root, its directory and the symbolic links on the way are. Names are
// compared before anything is asked of the file system.
func (h *Handover) node(t *target, dirfd int, path string) (int, bool) {
	base := filepath.Base(path)
	for i := range h.held {
		name := h.held[i].at.name
		if name == "" || name[0] != '/' || filepath.Base(name) != base {
			continue
		}
		var mine, theirs unix.Stat_t
		if unix.Stat(filepath.Dir(name), &mine) == nil && t.stat(dirfd, filepath.Dir(path), &theirs) == nil &&
			mine.Dev == theirs.Dev && mine.Ino == theirs.Ino {
			return i, true
		}
	}
	return 0, false
}

// stat looks at a directory as the process sees it.
func (t *target) stat(dirfd int, dir string, st *unix.Stat_t) error {
	if !strings.HasPrefix(dir, "/") {
		from := "cwd"
		if dirfd != unix.AT_FDCWD {
			from = "fd/" + strconv.Itoa(dirfd)
		}
		return unix.Stat(t.proc(from)+"/"+dir, st)
	}
	root, err := unix.Open(t.proc("root"), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(root)
	fd, err := unix.Openat2(root, dir, &unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC, Resolve: unix.RESOLVE_IN_ROOT})
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return unix.Fstat(fd, st)
}

// unlink answers unlink(path) and unlinkat(): daemons remove a stale node
// before they bind and their own when they exit; the held one stays.
func (h *Handover) unlink(t *target, dirfd int, path, flags uint64) response {
	if flags&unix.AT_REMOVEDIR != 0 {
		return goOn()
	}
	p, err := t.text(path)
	if err != nil {
		return goOn()
	}
	if _, ok := h.node(t, dirfd, p); ok && t.waits() {
		return done()
	}
	return goOn()
}

// chmod answers chmod(path, mode): whoever owns the node or is root may
// narrow what SocketMode= gives, nobody may widen it, and nobody is refused:
// a daemon whose socket rouse has made for it takes that for fatal.
func (h *Handover) chmod(t *target, dirfd int, path, mode uint64) response {
	p, err := t.text(path)
	if err != nil {
		return goOn()
	}
	i, ok := h.node(t, dirfd, p)
	if !ok || !t.waits() {
		return goOn()
	}
	s := &h.held[i]
	var st unix.Stat_t
	user, err := t.user()
	if err != nil || unix.Lstat(s.at.name, &st) != nil || (user != 0 && user != int(st.Uid)) {
		return done()
	}
	narrowed := uint32(mode) & 0o777
	if s.Mode != 0 {
		narrowed &= s.Mode
	}
	if err := unix.Fchmodat(unix.AT_FDCWD, s.at.name, narrowed, 0); err != nil {
		h.note(t, "could not change the mode of %s: %v", s.at.name, err)
	}
	return done()
}

// Backup makes a second name for the node of a held unix socket, in a private
// directory on the same file system, from which Restore brings it back:
// there are ways to remove a node that no filter sees (rename, another
// service, a person). The error says when there is no such directory.
func Backup(node, dir string) (string, error) {
	var st unix.Stat_t
	if err := unix.Lstat(node, &st); err != nil {
		return "", fmt.Errorf("cannot keep a second name of %s: %w", node, err)
	}
	to := filepath.Join(dir, fmt.Sprintf("node-%d-%d", st.Dev, st.Ino))
	if err := os.Link(node, to); err != nil && !errors.Is(err, os.ErrExist) {
		return "", fmt.Errorf("cannot keep a second name of %s: %w", node, err)
	}
	return to, nil
}

// Restore puts the node back if it is gone or another one is in its place;
// true when it had to.
func Restore(node, backup string) (bool, error) {
	var a, b unix.Stat_t
	if err := unix.Lstat(backup, &b); err != nil {
		return false, fmt.Errorf("cannot restore %s: %w", node, err)
	}
	if unix.Lstat(node, &a) == nil && a.Dev == b.Dev && a.Ino == b.Ino {
		return false, nil
	}
	tmp := backup + ".new"
	err := os.Link(backup, tmp)
	if err == nil || errors.Is(err, os.ErrExist) {
		err = os.Rename(tmp, node)
	}
	if err != nil {
		return false, fmt.Errorf("cannot restore %s: %w", node, err)
	}
	return true, nil
}
