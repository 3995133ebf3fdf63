// SPDX-License-Identifier: Apache-2.0

package bridge

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rouse-init/rouse/internal/diag"
)

// TestInTheWay: of what is at a path only a dead socket is removed.
func TestInTheWay(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(dir+"/file", []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(dir+"/directory", 0o700); err != nil {
		t.Fatal(err)
	}
	for name, to := range map[string]string{"link": dir + "/file", "dangling": dir + "/nowhere"} {
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	serving(t, "unix", dir+"/live", echo)
	for name, want := range map[string]string{
		"file": "a regular file is in the way", "link": "a symbolic link is in the way", "dangling": "a symbolic link is in the way",
		"directory": "a directory is in the way", "live": "address already in use",
	} {
		for _, kind := range []string{"", "unixgram:"} {
			path := filepath.Join(dir, name)
			before, err := os.Lstat(path)
			if err != nil {
				t.Fatal(err)
			}
			_, err = listen(kind+path, false)
			var d diag.Diagnostic
			if !errors.As(err, &d) || !strings.Contains(d.Msg, want) || d.Fix == "" {
				t.Errorf("%s%s: %v, fix: %s", kind, name, err, d.Fix)
			}
			if after, err := os.Lstat(path); err != nil || !os.SameFile(before, after) {
				t.Errorf("%s%s: it was replaced: %v", kind, name, err)
			}
		}
	}
}
