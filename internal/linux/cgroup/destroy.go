// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// destroyWait bounds how long the killed may take to be gone.
const destroyWait = 2 * time.Second

// Destroy kills what runs in a cgroup directory that a manager left behind
// when it was killed together with its guardian, and removes it. Only
// directories of managers ("rouse-...") are touched.
func Destroy(dir string) {
	var st unix.Statfs_t
	if !filepath.IsAbs(dir) || !strings.HasPrefix(filepath.Base(dir), "rouse-") ||
		unix.Statfs(dir, &st) != nil || st.Type != unix.CGROUP2_SUPER_MAGIC {
		return
	}
	_ = os.WriteFile(filepath.Join(dir, "cgroup.kill"), []byte("1"), 0) // before Linux 5.14: what is empty is removed all the same
	for deadline := time.Now().Add(destroyWait); ; time.Sleep(time.Millisecond) {
		remove(dir)
		if _, err := os.Stat(dir); err != nil || time.Now().After(deadline) {
			return
		}
	}
}

// remove removes what is empty, innermost first.
func remove(dir string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		if e.IsDir() {
			remove(filepath.Join(dir, e.Name()))
		}
	}
	_ = unix.Rmdir(dir)
}
