// SPDX-License-Identifier: Apache-2.0

package guardian

import (
	"fmt"
	"os"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rouse-init/rouse/internal/guardian/wire"
)

// start starts a manager and tells it all that it must know. A manager that
// cannot be started has died at once.
func (g *guardian) start() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.ready = false
	ours, theirs, err := wire.Pair()
	if err == nil {
		g.sock = ours
		err = g.watch()
		if err == nil {
			// The lock keeps the reaper away from a child that fails
			// before its exec, which ForkExec waits for itself.
			g.manager, err = syscall.ForkExec("/proc/self/fd/"+strconv.Itoa(g.exe), g.cfg.Argv, &syscall.ProcAttr{
				Env:   g.cfg.Env,
				Files: []uintptr{0, 1, 2, uintptr(theirs)},
				// A session of its own, so that the terminal's Ctrl-C
				// reaches the guardian alone.
				Sys: &syscall.SysProcAttr{Setsid: true, Pdeathsig: DeathSignal},
			})
		}
		_ = unix.Close(theirs)
	}
	if err != nil {
		g.manager = 0
		g.closeSocket()
		if death := "could not be started: " + err.Error(); death != g.death {
			g.death = death
			fmt.Fprintf(os.Stderr, "rouse: the manager %s, trying again\n", death)
		}
		g.died <- wire.Exit{}
		return
	}
	g.childless = false
	g.forked.Broadcast()
	g.told = progress{exit: g.exits.first, signals: g.told.signals}
	g.traps = traps{}
	g.flush()
}

// watch has epoll watch the socket for messages.
func (g *guardian) watch() error {
	g.blocked = false
	ev := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(g.sock)}
	if err := unix.EpollCtl(g.ep, unix.EPOLL_CTL_ADD, g.sock, &ev); err != nil {
		return fmt.Errorf("epoll_ctl: %w", err)
	}
	return nil
}

// closeSocket ends the connection; epoll forgets it by itself.
func (g *guardian) closeSocket() {
	if g.sock >= 0 {
		_ = unix.Close(g.sock)
		g.sock = -1
	}
}

// startInfo is what Go tells a manager.
func (g *guardian) startInfo() wire.Start {
	return wire.Start{
		Restarts: g.restarts, Fast: g.fast, Death: g.death, Crashed: g.crashed, Notice: g.notice,
		Base: g.base, Terminate: g.terminate, Force: g.force, Sig: g.termSig,
		Pid1: g.pid1, Guardian: int32(os.Getpid()),
	}
}

// expectExit kills the manager if it does not exit soon, as it said it would.
func (g *guardian) expectExit() {
	pid := g.manager
	time.AfterFunc(exitWait, func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		if g.manager == pid {
			g.killManager()
		}
	})
}

func (g *guardian) killManager() {
	if g.manager > 0 {
		_ = unix.Kill(g.manager, unix.SIGKILL)
	}
}

// await waits for the end of the manager, whose socket is closed: normally
// it is dead already.
func (g *guardian) await() wire.Exit {
	patience := time.NewTimer(closeWait)
	defer patience.Stop()
	for {
		select {
		case e := <-g.died:
			g.mu.Lock()
			g.closeSocket()
			g.mu.Unlock()
			return e
		case <-patience.C:
			g.mu.Lock()
			g.killManager()
			g.mu.Unlock()
		}
	}
}

// becomeReady is the manager's Ready.
func (g *guardian) becomeReady() {
	g.ready, g.anyReady = true, true
	g.fast, g.notice = 0, ""
	if g.trial != nil {
		g.commitUpgrade()
	}
}

// afterDeath decides what follows the manager's death e: the end, or another
// manager, when it returns.
func (g *guardian) afterDeath(e wire.Exit) (code int, done bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.store.hangUp()
	if e.Pid != 0 {
		g.death = words(e)
	}
	g.crashed = e.Pid != 0 && !(e.Code == cldKilled && e.Status == uint8(unix.SIGKILL))
	g.restarts++
	switch {
	case g.end != nil:
		return g.finish(*g.end), true
	case g.trial != nil:
		g.abandonUpgrade()
	case g.upgrade != nil:
		g.death, g.crashed = "", false
		g.beginUpgrade()
	case g.ready:
		g.fast = 0
	default:
		g.fast++
		if g.fast >= g.cfg.FastDeaths && g.cfg.Foreground && !g.anyReady {
			fmt.Fprintf(os.Stderr, "rouse: the manager died %d times before it was ready; the last one %s\n", g.fast, g.death)
			return g.finish(wire.End{Code: 1}), true
		}
		if g.fast >= g.cfg.FastDeaths && g.pid1 && g.emergencyShell() {
			g.fast = 0
		}
		g.backOff()
	}
	if g.end != nil { // A second SIGINT ran out of patience meanwhile.
		return g.finish(*g.end), true
	}
	return 0, false
}

// backOff waits before the next start, less when there is something to do.
// The lock is held, and given up meanwhile.
func (g *guardian) backOff() {
	if g.fast < 2 {
		return
	}
	pause := min(maxBackOff, firstBackOff<<min(g.fast-2, 16))
	g.mu.Unlock()
	defer g.mu.Lock()
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-g.hurry:
	}
}
