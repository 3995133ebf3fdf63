// SPDX-License-Identifier: Apache-2.0

package install

import "github.com/rouse-init/rouse/internal/load"

// Glob is load.Glob, for those who look unit files up by patterns.
func Glob(pattern, name string) bool { return load.Glob(pattern, name) }
