// SPDX-License-Identifier: Apache-2.0

package manager

import (
	"runtime/debug"
	"strings"
)

// Version is the module's where it was built as one, else the commit.
func Version() string {
	v := "devel"
	bi, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	for _, s := range bi.Settings {
		if s.Key == "vcs.revision" {
			v = s.Value[:min(12, len(s.Value))]
		}
	}
	if m := bi.Main.Version; m != "" && !strings.HasPrefix(m, "(") {
		v = m
	}
	return v
}
