// SPDX-License-Identifier: Apache-2.0

package manager

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rouse-init/rouse/internal/engine"
	"github.com/rouse-init/rouse/internal/guardian/wire"
	"github.com/rouse-init/rouse/internal/unit"
)

// terminate stops everything in reverse order; force kills what is there.
func (m *Manager) terminate(force bool) {
	if force {
		m.say("killing what is left")
		for v := range m.engine.Units() {
			if v.Active != engine.Inactive && v.Unit.Service != nil {
				m.signal(engine.Signal{Unit: v.Unit.Name, Main: v.MainPid, Control: v.ControlPid, Group: true, Sig: uint8(unix.SIGKILL)})
			}
		}
	}
	if m.cfg.Mode != ModeInit && !force {
		m.endSession("shutdown")
		return
	}
	m.stopAll()
}

// stopAll begins the end.
func (m *Manager) stopAll() {
	if m.stopping {
		return
	}
	m.stopping = true
	m.later(stopPatience, m.waitingFor)
	m.feed(engine.AskedShutdown{})
}

// stopPatience is how long a stop may take before it says whom it waits for.
const stopPatience = 2 * time.Second

// waitingFor names the units that are still stopping.
func (m *Manager) waitingFor() {
	var names []string
	for v := range m.engine.Units() {
		if v.Active == engine.Deactivating {
			names = append(names, v.Unit.Name+" ("+v.Sub+")")
		}
	}
	if len(names) == 0 {
		return
	}
	slices.Sort(names)
	hint := ""
	if m.cfg.Mode == ModeUp || m.cfg.Mode == ModeOn {
		hint = "; Ctrl-C twice kills them"
	}
	m.say("waiting for %s to stop%s", strings.Join(names[:min(len(names), 5)], ", "), hint)
	m.later(10*stopPatience, m.waitingFor)
}

// finished performs Finished: the guardian is told, and does the rest.
func (m *Manager) finished() {
	m.out.changed()
	for _, name := range m.unfinishedLines() {
		m.out.forget(name)
	}
	end := wire.End{Code: m.saved.ExitCode}
	switch unit.Action(m.saved.Action) {
	case unit.ActionReboot, unit.ActionRebootForce, unit.ActionRebootImmediate:
		end.Kind = wire.EndReboot
	case unit.ActionPoweroff, unit.ActionPoweroffForce, unit.ActionPoweroffImmediate:
		end.Kind = wire.EndPoweroff
	case unit.ActionHalt, unit.ActionHaltForce, unit.ActionHaltImmediate:
		end.Kind = wire.EndHalt
	case unit.ActionKexec, unit.ActionKexecForce:
		end.Kind = wire.EndKexec
	default:
	}
	m.buses.close()
	m.bus.Close()
	_ = os.Remove(m.cfg.Socket)
	m.removeRuntime()
	m.must(m.guard.Bye(end))
	m.done = true
}

// removeRuntime removes what we made in the runtime directory, and the
// directory where it is ours alone.
func (m *Manager) removeRuntime() {
	if m.cfg.Mode == ModeUp || m.cfg.Mode == ModeOn {
		m.must(os.RemoveAll(m.cfg.Runtime))
		return
	}
	for _, name := range []string{"log", "notify", "cgroup"} {
		m.must(os.RemoveAll(filepath.Join(m.cfg.Runtime, name)))
	}
}

func (m *Manager) unfinishedLines() []string {
	var names []string
	for n := range m.out.partial {
		names = append(names, n)
	}
	return names
}

// runAction performs FailureAction= and its kin. A user's manager, and one in
// the foreground, can end itself and nothing more (systemd.unit(5)).
func (m *Manager) runAction(f engine.RunAction) {
	code := uint8(0)
	if f.Exit >= 0 {
		code = uint8(f.Exit)
	}
	exit := f.Action == unit.ActionExit || f.Action == unit.ActionExitForce
	if !exit && m.cfg.Mode != ModeInit {
		m.say("%s: %s: only exit and exit-force can be done here, ignoring the action", f.Unit, f.Why)
		return
	}
	m.say("%s: %s", f.Unit, f.Why)
	if err := m.Shutdown(f.Action, code); err != nil {
		m.say("%v", err)
	}
}

// record performs Record.
func (m *Manager) record(f engine.Record) {
	if !m.says(recordPriority[f.Level]) || f.Level == engine.RecordInfo && m.cfg.Quiet {
		return
	}
	if f.Unit == "" {
		m.say("%s", f.Msg)
		return
	}
	m.say("%s: %s", f.Unit, f.Msg)
}

// dump prints the state on SIGUSR2, for who has no other way left.
func (m *Manager) dump() {
	for v := range m.engine.Units() {
		fmt.Fprintf(os.Stderr, "%-40s %s/%s pid %d job %d\n", v.Unit.Name, v.Active, v.Sub, v.MainPid, v.Job)
	}
}

// forgotten performs UnitForgotten.
func (m *Manager) forgotten(name string) {
	m.bus.UnitRemoved(name)
	m.upstart.UnitForgotten(name)
	m.loader.Forget(name)
	delete(m.emptying, name)
	delete(m.logged, name)
	if unit.IsInstance(name) && unit.KindOf(name) == unit.KindService && !m.hasClass(name) {
		m.out.remove(name)
	}
}
