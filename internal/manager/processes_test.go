// SPDX-License-Identifier: Apache-2.0

package manager

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/rouse-init/rouse/internal/engine"
	"github.com/rouse-init/rouse/internal/guardian/wire"
)

// TestMembersThatCannotBeThawed: processes that could not be looked for stand
// still as before, and the engine tries again.
func TestMembersThatCannotBeThawed(t *testing.T) {
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	m := &Manager{engine: engine.New(engine.Config{}), start: wire.Start{Guardian: int32(os.Getpid())}}
	token := engine.Token{Unit: "a.service", Gen: 1}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Max: old.Max}); err != nil {
		t.Fatal(err)
	}
	m.freezeMembers(token, false)
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	if len(m.queue) != 1 {
		t.Fatalf("%v", m.queue)
	}
	if in, ok := m.queue[0].(engine.FreezeFailed); !ok || !in.Still || in.Token != token {
		t.Errorf("%+v", m.queue[0])
	}
}
