// SPDX-License-Identifier: Apache-2.0

package engine

import "github.com/rouse-init/rouse/internal/unit"

// onBus tells whether n is a Type=dbus service on that bus.
func onBus(n *node, session bool, user bool) bool {
	s := n.def.Service
	if s == nil || s.Type != unit.TypeDBus || s.BusName == "" {
		return false
	}
	if s.Job != nil {
		return s.Job.SessionBus == session
	}
	return session == user
}

// nameChanged makes a Type=dbus service ready, or ends one that has lost its
// name (systemd.service(5), BusName=).
func (e *Engine) nameChanged(in NameChanged) {
	for _, n := range e.nodes {
		if n == nil || n.service == nil || !onBus(n, in.Session, e.cfg.User) || n.def.Service.BusName != in.Name {
			continue
		}
		s := n.service
		s.Nameless = !in.Owned && (s.State == svcStartPost || s.State.reloading()) // enterRunning looks
		switch {
		case in.Owned && s.State == svcStart:
			e.enterStartPost(n)
		case !in.Owned && s.State == svcRunning:
			e.enterNameless(n)
		}
	}
}

// enterNameless ends a service that can no longer be reached.
func (e *Engine) enterNameless(n *node) {
	e.because(n, "it has given up its name "+n.def.Service.BusName+" on the bus")
	e.enterStopping(n, resSuccess)
}

// busChanged: names are told one by one; so there is nothing to do but to say
// it.
func (e *Engine) busChanged(in BusChanged) {
	which := "system"
	if in.Session {
		which = "session"
	}
	if in.Up {
		e.record(RecordInfo, nil, "connected to the %s bus", which)
	} else {
		e.record(RecordWarning, nil, "the %s bus is gone, trying again", which)
	}
}
