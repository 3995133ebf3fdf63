// SPDX-License-Identifier: Apache-2.0

package client

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// DefaultSocket is where the manager of this user listens when nothing else
// is said: $ROUSE_SOCKET, else /run/rouse/private for root, else below
// $XDG_RUNTIME_DIR, else below RuntimeDir.
func DefaultSocket() (string, error) {
	if path := os.Getenv("ROUSE_SOCKET"); path != "" {
		return path, nil
	}
	dir, err := RuntimeDir(false)
	return dir + "/private", err
}

// RuntimeDir is the directory of this user's manager. Without
// XDG_RUNTIME_DIR a user has /tmp/rouse-UID, which anybody could have made:
// it must be a directory of the user that nobody else may enter. With create
// it is made where it is missing.
func RuntimeDir(create bool) (string, error) {
	uid := os.Getuid()
	dir := ""
	switch xdg := os.Getenv("XDG_RUNTIME_DIR"); {
	case uid == 0:
		dir = "/run/rouse"
	case xdg != "":
		dir = xdg + "/rouse"
	default:
		dir = "/tmp/rouse-" + strconv.Itoa(uid)
	}
	if create {
		if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
			return dir, fmt.Errorf("cannot make the runtime directory: %w", err)
		}
	}
	var st unix.Stat_t
	if err := unix.Lstat(dir, &st); err != nil {
		return dir, nil // no manager has run yet; connecting says so
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR || int(st.Uid) != uid && st.Uid != 0 {
		return dir, fmt.Errorf("%s does not belong to user %d, refusing to use it", dir, uid)
	}
	if dir[:5] == "/tmp/" && (st.Mode&0o077 != 0 || int(st.Uid) != uid) {
		return dir, fmt.Errorf("%s may be entered by other users, refusing to use it: its mode is %04o, want 0700", dir, st.Mode&0o7777)
	}
	return dir, nil
}
