// SPDX-License-Identifier: Apache-2.0

package client

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// DefaultSocket is where the manager of this user listens when nothing else
// is said: $ROUSE_SOCKET, else below RuntimeDir.
func DefaultSocket() (string, error) {
	if path := os.Getenv("ROUSE_SOCKET"); path != "" {
		return path, nil
	}
	dir, err := RuntimeDir(false)
	return dir + "/private", err
}

// RuntimeDir is the directory of this user's manager: /run/rouse for root,
// else below $XDG_RUNTIME_DIR where that is the user's own, else
// /tmp/rouse-UID. Root of a user namespace may have none of the former: there
// /run belongs to somebody who has no name, so it goes on to the next one as
// others do. With create the first place where it can be is made; without, it
// is only found, by the same steps, so that both sides meet.
func RuntimeDir(create bool) (string, error) {
	return runtimeDir(os.Getuid(), runtimeDirs(os.Getuid(), os.Getenv("XDG_RUNTIME_DIR")), create)
}

// place is a directory that may become the manager's.
type place struct {
	dir string
	// within must be the user's own directory; "" where all users share it.
	within string
}

func runtimeDirs(uid int, xdg string) []place {
	var list []place
	if uid == 0 {
		list = append(list, place{dir: "/run/rouse"})
	}
	if filepath.IsAbs(xdg) {
		list = append(list, place{dir: xdg + "/rouse", within: xdg})
	}
	return append(list, place{dir: "/tmp/rouse-" + strconv.Itoa(uid)})
}

func runtimeDir(uid int, places []place, create bool) (string, error) {
	missing := ""
	var why []string
	for _, p := range places {
		err := p.check(uid, create)
		switch {
		case err == nil:
			return p.dir, nil
		case !create && errors.Is(err, fs.ErrNotExist):
			if unix.Access(filepath.Dir(p.dir), unix.W_OK|unix.X_OK) == nil {
				return p.dir, nil // here a manager would make it; connecting says that none has
			}
			if missing == "" {
				missing = p.dir
			}
		}
		why = append(why, err.Error())
	}
	if missing != "" {
		return missing, nil
	}
	return places[0].dir, fmt.Errorf("cannot use a runtime directory: %s\n    fix: set XDG_RUNTIME_DIR to a directory that belongs to user %d",
		strings.Join(why, "; "), uid)
}

// check tells whether the directory is the user's and safe. Anybody could
// have made one in /tmp: it must not be a link, and nobody else may write to
// it; nor enter it, except root's, whose services run as other users.
func (p place) check(uid int, create bool) error {
	var st unix.Stat_t
	if p.within != "" {
		if err := unix.Stat(p.within, &st); err != nil {
			return &fs.PathError{Op: "stat", Path: p.within, Err: err}
		}
		if int(st.Uid) != uid {
			return fmt.Errorf("%s does not belong to user %d", p.within, uid)
		}
	}
	if create {
		if err := os.Mkdir(p.dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	if err := unix.Lstat(p.dir, &st); err != nil {
		return &fs.PathError{Op: "lstat", Path: p.dir, Err: err}
	}
	foreign := uint32(0o077)
	if uid == 0 {
		foreign = 0o022
	}
	switch {
	case st.Mode&unix.S_IFMT != unix.S_IFDIR:
		return fmt.Errorf("%s is not a directory", p.dir)
	case int(st.Uid) != uid:
		return fmt.Errorf("%s does not belong to user %d", p.dir, uid)
	case st.Mode&foreign != 0:
		return fmt.Errorf("%s is open to other users: its mode is %04o, want 0700", p.dir, st.Mode&0o7777)
	}
	if err := unix.Access(p.dir, unix.W_OK|unix.X_OK); err != nil {
		return &fs.PathError{Op: "access", Path: p.dir, Err: err}
	}
	return nil
}
