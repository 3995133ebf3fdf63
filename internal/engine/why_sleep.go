// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"strings"
	"time"

	"github.com/rouse-init/rouse/internal/unit"
)

// Sleep is what `rouse why` tells of a service that sleeps, or that may.
type Sleep struct {
	Tier string `json:"tier"` // "awake", "frozen", "reclaimed" or "stopped"
	// Since is when it fell asleep, or was frozen by a person; Why the reason.
	Since Time   `json:"since,omitempty"`
	Why   string `json:"why,omitempty"`
	// WokenBy is what wakes it, AwakeBy what keeps it awake, as far as is known.
	WokenBy []string `json:"woken_by,omitempty"`
	AwakeBy []string `json:"awake_by,omitempty"`
	Note    string   `json:"note,omitempty"` // why it does not sleep deeper
}

// stays are the reasons why the last look has not put a service to sleep.
type stays uint8

const (
	stayQueued stays = 1 << iota // somebody waits to be accepted
	stayData                     // datagrams or messages have been read
	stayOpen                     // connections, on which something moved or that count as they are
	stayAsked                    // a client waits for an answer
	stayCPU
	stayUnseen // nothing can be seen of what it does
	stayJudged // X-IdleCommand= has said busy, or has failed
)

// noteStay keeps what a look at an awake service has found.
func (x *idle) noteStay(c Count, works, unseen bool) {
	x.Open = c.Open
	x.Stay &= stayJudged // until the command is asked again
	for _, r := range [...]struct {
		on  bool
		bit stays
	}{
		{c.Queued > 0, stayQueued},
		{c.Traffic, stayData},
		{c.Open > 0 && (x.Action == unit.IdleStop || c.Silence < x.Sec), stayOpen},
		{x.owes(c), stayAsked},
		{works, stayCPU},
		{unseen, stayUnseen},
	} {
		if r.on {
			x.Stay |= r.bit
		}
	}
}

// sleepOf tells of n's sleep; nil for what neither sleeps nor may.
func (e *Engine) sleepOf(n *node) *Sleep {
	s := n.service
	if s == nil {
		return nil
	}
	x := s.Idle
	switch {
	case x == nil && s.Slept && s.State.down():
		return &Sleep{Tier: n.view.Tier.String(), Since: n.view.IdleSince, Why: n.view.Cause, WokenBy: e.wakers(n, nil)}
	case x == nil || x.Phase == idleStopping:
		return nil
	case x.Stuck:
		return &Sleep{Tier: TierFrozen.String(), Why: "it could not be thawed, which is tried again each second"}
	case x.Held && x.Phase == idleFrozen:
		return &Sleep{Tier: TierFrozen.String(), Since: n.view.HeldSince, Why: "frozen on request", WokenBy: []string{"thaw"}}
	case x.asleep():
		return &Sleep{
			Tier: n.view.Tier.String(), Since: x.Depth.Slept, Why: n.view.Cause, Note: n.view.TierNote, WokenBy: e.wakers(n, x),
		}
	case x.Sec == 0 && !x.Group:
		return nil
	case x.Phase != idleAwake && x.Phase != idleThawing:
		return &Sleep{Tier: TierAwake.String(), Why: "it is about to sleep: " + x.why("silent")}
	}
	out := &Sleep{Tier: TierAwake.String(), AwakeBy: e.awakeBy(n)}
	if x.Sec != 0 {
		out.Why = "it sleeps (X-IdleAction=" + actionWord(x.Action) + ") when it has been idle for " + time.Duration(x.Sec).String() + " (X-IdleSec=)"
	} else {
		out.Why = "it sleeps when no service that is awake needs it"
	}
	return out
}

func actionWord(a unit.IdleAction) string {
	if a == unit.IdleFreeze {
		return "freeze"
	}
	return "stop"
}

// wakers are what wakes a sleeper; x is nil for one that is down.
func (e *Engine) wakers(n *node, x *idle) (by []string) {
	by = append(by, e.socketsOf(n)...)
	if x != nil && len(x.Sockets) > 0 && n.view.OpenBefore > 0 {
		by = append(by, "data on "+connections(n.view.OpenBefore))
	}
	if onAnyBus(n) {
		by = append(by, "a message to "+n.serviceDef().BusName)
	}
	for m := range e.each(n, neededBy) {
		if m.def.Kind == unit.KindService {
			by = append(by, m.def.Name+", which needs it")
		}
	}
	if x != nil {
		by = append(by, "start and thaw")
	} else {
		by = append(by, "start")
	}
	return by
}

func connections(n uint32) string {
	if n == 1 {
		return "1 connection"
	}
	return itoa(int64(n)) + " connections"
}

// awakeBy are the reasons that are known why n does not sleep.
func (e *Engine) awakeBy(n *node) (by []string) {
	x := n.service.Idle
	if n.view.Inhibited {
		by = append(by, "X_ROUSE_BUSY=1, which it has said")
	}
	for _, m := range e.boundWith(n) {
		if m.view.Inhibited {
			by = append(by, "X_ROUSE_BUSY=1, which "+m.def.Name+" has said")
		}
	}
	if n.job != nil {
		by = append(by, "its "+n.job.Type.String()+" job")
	}
	if x.Pinned {
		by = append(by, "a thaw by a person")
	}
	if x.Group && e.kept(n) {
		by = append(by, "those that need it: "+e.keepers(n))
	}
	if t := n.serviceDef().Tiers; t != nil && t.MinUp != 0 && e.upFor(n) > e.now {
		text := "for ever"
		if t.MinUp != unit.Infinity {
			text = "for " + t.MinUp.String()
		}
		by = append(by, "X-IdleMinUpSec=: it stays up "+text+" after a start or a wake")
	}
	if x.Stay&stayQueued != 0 {
		by = append(by, "somebody who waits to be accepted or heard"+e.elsewhereHint(n))
	}
	if x.Stay&stayOpen != 0 {
		text := connections(x.Open) + " open"
		if x.Action == unit.IdleFreeze {
			text += ", not silent for long enough"
		}
		by = append(by, text)
	}
	if x.Stay&stayAsked != 0 {
		by = append(by, "a client that has asked and is not answered yet")
	}
	if x.Stay&stayData != 0 {
		by = append(by, "data that came")
	}
	if x.Stay&stayCPU != 0 {
		by = append(by, "the processor time that it uses")
	}
	if x.Stay&stayUnseen != 0 {
		by = append(by, "what cannot be seen: it has no socket, and there are no cgroups")
	}
	if m := n.service.More; m != nil && hasJudge(n) && x.Stay&stayJudged != 0 {
		if m.Faulty {
			by = append(by, "its X-IdleCommand=, which has failed and is not believed")
		} else {
			by = append(by, "its X-IdleCommand=, which has said that it is busy")
		}
	}
	return by
}

// keepers names those that need n now.
func (e *Engine) keepers(n *node) string {
	var names []string
	for m := range e.each(n, neededBy) {
		if m.job != nil || !dead(m.view.Active) {
			if m.def.Kind != unit.KindService || !resting(m) {
				names = append(names, m.def.Name)
			}
		}
	}
	return strings.Join(names, ", ")
}

// elsewhereHint is for a service that binds its address itself, has run for a
// while, and lets clients wait.
func (e *Engine) elsewhereHint(n *node) string {
	if e.now-n.view.MainStart <= soon {
		return ""
	}
	for sock := range e.each(n, of(TriggeredBy)) {
		if sock.listens() && sock.socketDef().Handover == unit.HandoverBind {
			return " (does it listen at the address of " + sock.def.Name + ", or at another?)"
		}
	}
	return ""
}
