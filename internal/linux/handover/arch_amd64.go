// SPDX-License-Identifier: Apache-2.0

package handover

import "golang.org/x/sys/unix"

const auditArch = unix.AUDIT_ARCH_X86_64

// The calls that newer architectures do not have.
const (
	sysUnlink = unix.SYS_UNLINK
	sysChmod  = unix.SYS_CHMOD
)

var legacyNodeCalls = []uint32{sysUnlink, sysChmod}
