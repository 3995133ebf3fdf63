// SPDX-License-Identifier: Apache-2.0

//go:build 386 || arm

package spawn

import "golang.org/x/sys/unix"

// The calls of these architectures without "32" take 16-bit ids.
const (
	sysSetgroups = unix.SYS_SETGROUPS32
	sysSetresgid = unix.SYS_SETRESGID32
	sysSetresuid = unix.SYS_SETRESUID32
)
