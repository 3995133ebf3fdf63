// SPDX-License-Identifier: Apache-2.0

package spawn

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// Seccomp installs a filter. With a listener the notification descriptor is
// then sent over socket, which is a descriptor in the child. One or two steps.
func (b *Builder) Seccomp(f *Filter, socket int) {
	prog := make([]byte, 0, 8*len(f.Prog))
	for _, in := range f.Prog {
		prog = binary.NativeEndian.AppendUint16(prog, in.Code)
		prog = append(prog, in.Jt, in.Jf)
		prog = binary.NativeEndian.AppendUint32(prog, in.K)
	}
	// struct sock_fprog: a 16-bit length, padding, a pointer. The length is
	// in the low bytes, whichever end of the word they are at.
	var length [8]byte
	binary.NativeEndian.PutUint16(length[:], uint16(len(f.Prog)))
	fprog := b.Words(Int(binary.NativeEndian.Uint64(length[:])), b.Bytes(prog))
	flags := 0
	if f.Listener != nil {
		flags = unix.SECCOMP_FILTER_FLAG_NEW_LISTENER
	}
	b.Call(unix.SYS_SECCOMP, Int(unix.SECCOMP_SET_MODE_FILTER), Int(flags), fprog)
	if f.Listener == nil {
		return
	}
	// The descriptor goes into the control message: 4 bytes of it and 4 of
	// padding, so that a word can be stored (little-endian, as all
	// architectures with an assembly loop are).
	seccomp := &b.p.steps[len(b.p.steps)-1]
	cmsg := binary.NativeEndian.AppendUint64(nil, uint64(unix.CmsgLen(4)))
	cmsg = binary.NativeEndian.AppendUint32(cmsg, unix.SOL_SOCKET)
	cmsg = binary.NativeEndian.AppendUint32(cmsg, unix.SCM_RIGHTS)
	control := b.Bytes(binary.NativeEndian.AppendUint64(cmsg, 0))
	seccomp.out, seccomp.outIndex = outData, int(control.value)+unix.CmsgLen(0)
	data := b.Bytes(f.Listener.Data)
	iov := b.Words(data, Int(len(f.Listener.Data)))
	// struct msghdr: name, its length, iov, their number, control, its
	// length, flags.
	msg := b.Words(Int(0), Int(0), iov, Int(1), control, Int(unix.CmsgSpace(4)), Int(0))
	b.Call(unix.SYS_SENDMSG, Int(socket), msg, Int(unix.MSG_NOSIGNAL))
}
