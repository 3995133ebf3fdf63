// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"os"
	"path/filepath"
	"strings"
)

// mounts are the cgroup file systems of a mount namespace.
type mounts struct {
	// root is the cgroup that is mounted at point: "/" unless a part of the
	// tree was bound somewhere.
	point, root string
	v1          bool // version 1 controllers are mounted too
}

// findMounts reads the text of /proc/self/mountinfo (proc(5)). Of several
// cgroup2 mounts the last is taken whose root is "/", else the last: a later
// mount may cover an earlier one.
func findMounts(mountinfo string) (m mounts) {
	for line := range strings.Lines(mountinfo) {
		f := strings.Fields(line)
		sep := -1
		for i := 6; i < len(f); i++ {
			if f[i] == "-" {
				sep = i
				break
			}
		}
		if sep < 0 || sep+1 >= len(f) {
			continue
		}
		switch f[sep+1] {
		case "cgroup":
			// A named hierarchy without controllers counts as well: it
			// shows that version 1 is in use.
			m.v1 = true
		case "cgroup2":
			root, point := unescapeOctal(f[3]), unescapeOctal(f[4])
			if m.point == "" || root == "/" || m.root != "/" {
				m.root, m.point = root, point
			}
		}
	}
	return m
}

// unescapeOctal undoes the \040 of mountinfo.
func unescapeOctal(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			var c byte
			for _, d := range []byte(s[i+1 : i+4]) {
				c = c<<3 | (d-'0')&7
			}
			b.WriteByte(c)
			i += 3
			continue
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// unifiedOf is the cgroup2 path in the text of /proc/PID/cgroup, relative to
// the cgroup namespace's root.
func unifiedOf(text string) (string, bool) {
	for line := range strings.Lines(text) {
		if path, ok := strings.CutPrefix(line, "0::"); ok {
			return strings.TrimSuffix(strings.TrimSuffix(path, "\n"), " (deleted)"), true
		}
	}
	return "", false
}

// dirOf is the directory of a cgroup path. It is "" for a cgroup that the
// mount does not show: "/../x" is outside of the cgroup namespace, and a mount
// may show a part of the tree only.
func (m *mounts) dirOf(path string) string {
	if strings.HasPrefix(path, "/..") {
		return ""
	}
	root := m.root
	if strings.HasPrefix(root, "/..") || root == "/" {
		// Mounted from outside of the namespace: its root is what the
		// paths are relative to only when both are the namespace's.
		if root != "/" {
			return ""
		}
		return filepath.Join(m.point, path)
	}
	rel, ok := strings.CutPrefix(path, root)
	if !ok || rel != "" && rel[0] != '/' {
		return ""
	}
	return filepath.Join(m.point, rel)
}

func readMounts() (mounts, error) {
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return mounts{}, err
	}
	return findMounts(string(text)), nil
}
