// SPDX-License-Identifier: Apache-2.0

package condition

import (
	"bufio"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"
)

func pathExists(p string) (bool, error) {
	_, err := os.Stat(p)
	return err == nil, nil
}

func pathExistsGlob(p string) (bool, error) {
	found, err := filepath.Glob(p)
	return len(found) > 0, err
}

func pathIsDirectory(p string) (bool, error) {
	st, err := os.Stat(p)
	return err == nil && st.IsDir(), nil
}

func pathIsSymbolicLink(p string) (bool, error) {
	st, err := os.Lstat(p)
	return err == nil && st.Mode()&os.ModeSymlink != 0, nil
}

func pathIsMountPoint(p string) (bool, error) {
	ok, err := mountinfo.Mounted(p)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	return ok, err
}

func pathIsReadWrite(p string) (bool, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(p, &st); err != nil {
		return false, nil //nolint:nilerr // systemd too takes a missing path for one that is not writable
	}
	return st.Flags&unix.ST_RDONLY == 0, nil
}

func directoryNotEmpty(p string) (bool, error) {
	d, err := os.Open(p)
	if err != nil {
		return false, nil // a directory that is not there is empty
	}
	defer d.Close()
	_, err = d.Readdirnames(1)
	if errors.Is(err, io.EOF) {
		return false, nil
	}
	return err == nil, nil
}

func fileNotEmpty(p string) (bool, error) {
	st, err := os.Stat(p)
	return err == nil && st.Mode().IsRegular() && st.Size() > 0, nil
}

func fileIsExecutable(p string) (bool, error) {
	st, err := os.Stat(p)
	return err == nil && st.Mode().IsRegular() && st.Mode()&0o111 != 0, nil
}

// needsUpdate compares /usr with the stamp that systemd-update-done leaves.
func needsUpdate(dir string) (bool, error) {
	for _, word := range strings.Fields(fileText("/proc/cmdline")) {
		if v, ok := strings.CutPrefix(word, "systemd.condition-needs-update="); ok {
			return boolean(v)
		}
	}
	usr, err := os.Stat("/usr")
	if err != nil {
		return true, err
	}
	stamp, err := os.Stat(filepath.Join(dir, ".updated"))
	if err != nil {
		return true, nil //nolint:nilerr // no stamp: never updated
	}
	return usr.ModTime().After(stamp.ModTime()), nil
}

func boolean(s string) (bool, error) {
	switch strings.ToLower(s) {
	case "1", "yes", "y", "true", "t", "on":
		return true, nil
	case "0", "no", "n", "false", "f", "off":
		return false, nil
	}
	return false, strconv.ErrSyntax
}

// fileText is the text of a small file of the kernel, "" if unreadable.
func fileText(p string) string {
	b, err := os.ReadFile(p)
	if err != nil {
		return ""
	}
	return strings.TrimRight(string(b), "\n")
}

// assignments reads NAME=value lines, such as those of os-release(5).
func assignments(p string) map[string]string {
	f, err := os.Open(p)
	if err != nil {
		return nil
	}
	defer f.Close()
	all := make(map[string]string)
	for s := bufio.NewScanner(f); s.Scan(); {
		k, v, ok := strings.Cut(s.Text(), "=")
		if ok && !strings.HasPrefix(k, "#") {
			all[strings.TrimSpace(k)] = strings.Trim(v, `"'`)
		}
	}
	return all
}
