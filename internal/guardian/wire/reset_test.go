// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"testing"

	"golang.org/x/sys/unix"
)

// TestUnreadIsNoEnd: an end that dies with unread messages resets the
// connection; what it had sent before is received all the same.
func TestUnreadIsNoEnd(t *testing.T) {
	p, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(p[0])
	if err := Send(p[0], Append([]byte{Version}, &Msg{Kind: Go}), nil); err != nil {
		t.Fatal(err)
	}
	dying, err := Open(p[1])
	if err != nil {
		t.Fatal(err)
	}
	if err := dying.Drop("a"); err != nil {
		t.Fatal(err)
	}
	if err := dying.Drop("b"); err != nil {
		t.Fatal(err)
	}
	if err := dying.Close(); err != nil {
		t.Fatal(err)
	}
	var r Receiver
	for _, want := range []string{"a", "b"} {
		if err := r.Fill(p[0]); err != nil {
			t.Fatalf("before %q: %v", want, err)
		}
		var m Msg
		if ok, err := r.Next(&m); !ok || err != nil || m.Key != want {
			t.Fatalf("%q is lost: %v, %v", want, m.Key, err)
		}
	}
}
