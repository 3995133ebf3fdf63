// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bufio"
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestVerifyUnreadable: a file of jobs that cannot be read has no unit that
// could be blamed, and is a finding all the same.
func TestVerifyUnreadable(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.plist")
	if err := os.WriteFile(path, bytes.Repeat([]byte(" "), 2<<20), 0o644); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	a := &app{out: bufio.NewWriter(&out)}
	err := a.verify([]string{path})
	_ = a.out.Flush()
	if err == nil || !strings.Contains(out.String(), path+": cannot read the file") {
		t.Errorf("%v, told %q", err, out.String())
	}
}
