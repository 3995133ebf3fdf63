// SPDX-License-Identifier: Apache-2.0

package launchd

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rouse-init/rouse/internal/diag"
	"github.com/rouse-init/rouse/internal/format/launchd/plist"
)

func (b *build) setRunAtLoad(v *plist.Value) { b.runAt = v.Bool }

func (b *build) setOnce(v *plist.Value) {
	if v.Bool {
		b.once = v.Pos
	}
}

func (b *build) setAbandon(v *plist.Value) { b.abandon = v.Bool }

func (b *build) setThrottle(v *plist.Value) {
	if d, ok := b.seconds("ThrottleInterval", v); ok {
		b.throttle = d
	}
}

func (b *build) setExitTimeOut(v *plist.Value) {
	if d, ok := b.seconds("ExitTimeOut", v); ok {
		b.exitTime = d
	}
}

func (b *build) setTimeOut(v *plist.Value) {
	if d, ok := b.seconds("TimeOut", v); ok {
		b.idle, b.idlePos = d, v.Pos
	}
}

func (b *build) setMach(v *plist.Value) { b.mach = v.Pos }

// setDisabled reads the default of the job's state. A dictionary compares the
// model of a Mac.
func (b *build) setDisabled(v *plist.Value) {
	if v.Kind == plist.Dict {
		b.report(diag.Note, CodeUnsupported, v.Pos, "cannot use Disabled: it compares models of Macs, ignoring", "")
		return
	}
	b.disabled = v
}

// turnOff keeps the job from being loaded; the first reason counts.
func (b *build) turnOff(pos diag.Pos, why string) {
	if b.off != "" {
		return
	}
	b.off = why
	b.report(diag.Note, CodeOff, pos, "is not loaded: "+why, "")
}

// decide puts together whether the job is loaded, once the label is known.
func (b *build) decide() {
	off, said := false, false
	if b.opt.Disabled != nil {
		off, said = b.opt.Disabled(b.label)
	}
	switch {
	case off:
		b.turnOff(b.labelPos, "launchctl has disabled it; launchctl enable allows it again")
	case !said && b.disabled != nil && b.disabled.Bool:
		b.turnOff(b.disabled.Pos, "it is Disabled; launchctl load -w enables it")
	}
}

// hosts reads LimitLoadToHosts and LimitLoadFromHosts.
func hosts(to bool) func(*build, *plist.Value) {
	return func(b *build, v *plist.Value) {
		name, verb := "LimitLoadFromHosts", "names"
		if to {
			name, verb = "LimitLoadToHosts", "does not name"
		}
		here := slices.ContainsFunc(b.texts(name, v), func(item *plist.Value) bool { return strings.EqualFold(item.Text, b.opt.Host) })
		if here != to {
			b.turnOff(v.Pos, fmt.Sprintf("%s %s this host, %q", name, verb, b.opt.Host))
		}
	}
}

// setSession compares the kinds of sessions: a system's manager is System and
// Background, a user's is all that a user may have.
func (b *build) setSession(v *plist.Value) {
	fit := []string{"System", "Background"}
	if b.opt.User {
		fit = []string{"Background", "Aqua", "StandardIO"}
	}
	list := b.texts("LimitLoadToSessionType", v)
	if !slices.ContainsFunc(list, func(item *plist.Value) bool { return slices.Contains(fit, item.Text) }) {
		b.turnOff(v.Pos, "LimitLoadToSessionType names none of "+strings.Join(fit, ", "))
	}
}
