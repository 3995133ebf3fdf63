// SPDX-License-Identifier: Apache-2.0

//go:build !amd64 && !arm64

package spawn

import "syscall"

const haveAssembly = false

func (s *Spawner) clone(b *block) (int, syscall.Errno) { return clonePortable(b) }
