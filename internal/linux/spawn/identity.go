// SPDX-License-Identifier: Apache-2.0

package spawn

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// lastCapability is the highest number that a 64-bit set can hold; the kernel
// says EINVAL for those that it does not know.
const lastCapability = 63

// identity changes capabilities, groups and user.
func identity(b *Builder, spec *Spec) {
	c := spec.Caps
	if c != nil && c.SetBounding {
		b.For(StepBounding)
		b.CapBounding(c.Bounding)
	}
	ids := spec.IDs
	change := ids != nil && (ids.HasUID || ids.HasGID) && !sameAsHere(ids)
	if change {
		b.For(StepGroups)
		b.SetGroups(ids.Groups)
		if ids.HasGID {
			b.For(StepGroup)
			b.SetResGID(ids.GID)
		}
	}
	ambient := c != nil && c.Ambient != 0
	if ambient {
		// Without it the change of user drops the permitted set.
		b.For(StepCapabilities)
		b.Prctl(unix.PR_SET_KEEPCAPS, Int(1))
	}
	if change && ids.HasUID {
		b.For(StepUser)
		b.SetResUID(ids.UID)
	}
	if ambient {
		b.For(StepCapabilities)
		b.Capset(c.Ambient)
		b.For(StepAmbient)
		b.Ambient(c.Ambient)
	}
}

// sameAsHere: an unprivileged manager may start services as its own user,
// and need not be able to change groups for that.
func sameAsHere(ids *IDs) bool {
	uid := unix.Getuid()
	return uid != 0 && (!ids.HasUID || int(ids.UID) == uid) && (!ids.HasGID || int(ids.GID) == unix.Getgid())
}

// SetGroups sets the supplementary groups.
func (b *Builder) SetGroups(list []uint32) {
	var p []byte
	for _, g := range list {
		p = binary.NativeEndian.AppendUint32(p, g)
	}
	b.Call(sysSetgroups, Int(len(list)), b.Bytes(p))
}

// SetResGID sets the real, effective and saved group.
func (b *Builder) SetResGID(id uint32) { b.Call(sysSetresgid, Int(id), Int(id), Int(id)) }

// SetResUID sets the real, effective and saved user.
func (b *Builder) SetResUID(id uint32) { b.Call(sysSetresuid, Int(id), Int(id), Int(id)) }

// CapBounding drops every capability that is not in keep from the bounding
// set. One step each.
func (b *Builder) CapBounding(keep uint64) {
	for c := range uint(lastCapability) {
		if keep>>c&1 == 0 {
			b.Prctl(unix.PR_CAPBSET_DROP, Int(c))
			b.Ignore(unix.EINVAL) // unknown to this kernel
		}
	}
}

// Capset makes set the effective, permitted and inheritable capabilities.
func (b *Builder) Capset(set uint64) {
	order := binary.NativeEndian
	head := order.AppendUint32(nil, unix.LINUX_CAPABILITY_VERSION_3)
	head = order.AppendUint32(head, 0) // pid 0: itself
	var data []byte
	for _, half := range []uint32{uint32(set), uint32(set >> 32)} {
		for range 3 {
			data = order.AppendUint32(data, half)
		}
	}
	b.Call(unix.SYS_CAPSET, b.Bytes(head), b.Bytes(data))
}

// Ambient raises ambient capabilities, one step each.
func (b *Builder) Ambient(set uint64) {
	for c := range uint(lastCapability) {
		if set>>c&1 != 0 {
			b.Prctl(unix.PR_CAP_AMBIENT, Int(unix.PR_CAP_AMBIENT_RAISE), Int(c), Int(0), Int(0))
		}
	}
}
