// SPDX-License-Identifier: Apache-2.0

package guardian

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rouse-init/rouse/internal/guardian/wire"
)

// trial is a manager from a new program that is not ready yet. Until it is,
// the old program is kept.
type trial struct {
	old   int // the program to go back to
	self  bool
	late  bool // it was killed because it took too long
	wait  time.Duration
	timer *time.Timer
}

// keepUpgrade notes what the manager wants to be followed by.
func (g *guardian) keepUpgrade(m *wire.Msg) {
	g.dropUpgrade()
	up := *m
	g.upgrade = &up
	g.expectExit()
}

func (g *guardian) dropUpgrade() {
	if g.upgrade != nil {
		closeAll(g.upgrade.FDs)
		g.upgrade = nil
	}
}

// beginUpgrade makes the next manager start from the new program.
func (g *guardian) beginUpgrade() {
	up := *g.upgrade
	g.upgrade = nil
	var fd int
	switch {
	case len(up.FDs) > 0:
		fd = up.FDs[0]
		closeAll(up.FDs[1:])
	case up.Text != "":
		var err error
		if fd, err = unix.Open(up.Text, unix.O_PATH|unix.O_CLOEXEC, 0); err != nil {
			g.notice = fmt.Sprintf("cannot open %q: %v, going on with the program from before", up.Text, err)
			return
		}
	case up.Count > 0:
		g.notice = "the new program did not reach the guardian (too many open files), going on with the one from before"
		return
	default:
		if fd, _ = unix.FcntlInt(uintptr(g.exe), unix.F_DUPFD_CLOEXEC, 3); fd < 0 {
			return // the same program without a trial
		}
	}
	t := &trial{old: g.exe, self: up.Reexec.Self, wait: upgradeWait}
	if ms := up.Reexec.ReadyMS; ms > 0 {
		t.wait = time.Duration(ms) * time.Millisecond
	}
	g.exe, g.trial = fd, t
	t.timer = time.AfterFunc(t.wait, func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		if g.trial == t {
			t.late = true
			g.killManager()
		}
	})
}

// abandonUpgrade goes back to the old program after the new one's manager
// died before it was ready.
func (g *guardian) abandonUpgrade() {
	t := g.trial
	t.timer.Stop()
	g.trial = nil
	_ = unix.Close(g.exe)
	g.exe = t.old
	g.notice = "the new program's manager " + g.death + " before it was ready, went back to the program from before"
	if t.late {
		g.notice = fmt.Sprintf("the new program's manager was not ready within %v, went back to the program from before", t.wait)
	}
	g.death, g.crashed = "", false
}

// commitUpgrade follows the Ready of the new program's manager.
func (g *guardian) commitUpgrade() {
	t := g.trial
	t.timer.Stop()
	g.trial = nil
	_ = unix.Close(t.old)
	if t.self {
		if err := g.reexec(); err != nil {
			g.notice = fmt.Sprintf("the guardian still runs the program from before: %v", err)
		}
	}
}
