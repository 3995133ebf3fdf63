// SPDX-License-Identifier: Apache-2.0

package handover

import (
	"encoding/binary"
	"testing"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// TestFilter runs the program on calls, in an interpreter of its own.
func TestFilter(t *testing.T) {
	if !Supported() {
		t.Skip("no filter for this architecture")
	}
	const i386, x32 = 0x40000003, 1 << 30
	for _, c := range []struct {
		name   string
		traps  Traps
		arch   uint32
		nr     uint32
		notify bool
	}{
		{"bind", Traps{Bind: true}, auditArch, unix.SYS_BIND, true},
		{"bind, not trapped", Traps{Listen: true}, auditArch, unix.SYS_BIND, false},
		{"listen", Traps{Listen: true}, auditArch, unix.SYS_LISTEN, true},
		{"listen, not trapped", Traps{Bind: true}, auditArch, unix.SYS_LISTEN, false},
		{"unlinkat", Traps{Nodes: true}, auditArch, unix.SYS_UNLINKAT, true},
		{"unlinkat, not trapped", Traps{Listen: true}, auditArch, unix.SYS_UNLINKAT, false},
		{"fchmodat2", Traps{Listen: true, Nodes: true, Accept: true}, auditArch, unix.SYS_FCHMODAT2, true},
		{"accept4", Traps{Listen: true, Nodes: true, Accept: true}, auditArch, unix.SYS_ACCEPT4, true},
		{"read", Traps{Bind: true, Listen: true, Nodes: true, Accept: true}, auditArch, unix.SYS_READ, false},
		{"bind of x32", Traps{Bind: true}, auditArch, unix.SYS_BIND | x32, false},
		{"bind of i386", Traps{Bind: true}, i386, unix.SYS_BIND, false},
	} {
		var prog []bpf.Instruction
		for _, f := range Filter(c.traps) {
			prog = append(prog, bpf.RawInstruction{Op: f.Code, Jt: f.Jt, Jf: f.Jf, K: f.K}.Disassemble())
		}
		vm, err := bpf.NewVM(prog)
		if err != nil {
			t.Fatal(err)
		}
		// struct seccomp_data; the interpreter loads in network order.
		data := binary.BigEndian.AppendUint32(nil, c.nr)
		data = binary.BigEndian.AppendUint32(data, c.arch)
		got, err := vm.Run(append(data, make([]byte, 56)...))
		want := unix.SECCOMP_RET_ALLOW
		if c.notify {
			want = unix.SECCOMP_RET_USER_NOTIF
		}
		if err != nil || uint32(got) != uint32(want) {
			t.Errorf("%s: %#x, %v", c.name, uint32(got), err)
		}
	}
}
