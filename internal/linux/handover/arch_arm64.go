// SPDX-License-Identifier: Apache-2.0

package handover

import "golang.org/x/sys/unix"

const auditArch = unix.AUDIT_ARCH_AARCH64

// arm64 has no unlink(2) and chmod(2): these numbers are no call's.
const (
	sysUnlink = -1
	sysChmod  = -2
)

var legacyNodeCalls []uint32
