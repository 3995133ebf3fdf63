// SPDX-License-Identifier: Apache-2.0

package systemd1

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/rouse-init/rouse/internal/bus"
	"github.com/rouse-init/rouse/internal/bus/wire"
	"github.com/rouse-init/rouse/internal/engine"
	"github.com/rouse-init/rouse/internal/unit"
)

// Status is the answer of dev.rouse.Manager1.Status, as JSON.
type Status struct {
	Version       string            `json:"version"`
	Scope         string            `json:"scope"`
	State         string            `json:"state"`
	Cgroups       string            `json:"cgroups"`
	ControlGroup  string            `json:"control_group,omitempty"`
	Handover      string            `json:"handover"`
	Freeze        string            `json:"freeze"`
	Notes         []string          `json:"notes,omitempty"`
	GuardianPid   int32             `json:"guardian_pid"`
	ManagerPid    int32             `json:"manager_pid"`
	ManagerStarts uint32            `json:"manager_starts"`
	LastDeath     string            `json:"last_death,omitempty"`
	SinceUSec     uint64            `json:"since_usec"`
	Units         uint32            `json:"units"`
	Active        uint32            `json:"active"`
	Failed        uint32            `json:"failed"`
	Sleeping      uint32            `json:"sleeping"`
	Jobs          uint32            `json:"jobs"`
	Wakes         uint64            `json:"wakes"`
	Sleeps        uint64            `json:"sleeps"`
	Counters      map[string]uint64 `json:"counters,omitempty"`
	Path          []string          `json:"unit_path,omitempty"`
}

// Sleeper is a socket unit that wakes services, or a job that waits for a
// socket, as Sleepers lists them.
type Sleeper struct {
	Socket    string `json:"socket"` // "" where a job waits
	Listens   []Port `json:"listens"`
	Format    string `json:"format"`
	Service   string `json:"service"`
	Active    string `json:"active"`
	Sub       string `json:"sub"`
	SocketSub string `json:"socket_sub"`
	// Freezer is the service's: a frozen service sleeps too.
	Freezer    string `json:"freezer"`
	Accept     bool   `json:"accept"`
	Handover   string `json:"handover"`
	IdleSec    uint64 `json:"idle_usec,omitempty"` // 0: never
	IdleAction string `json:"idle_action,omitempty"`
	// IdleSince is the time of day in microseconds, 0 for not idle.
	IdleSince   uint64 `json:"idle_since_usec,omitempty"`
	Inhibited   bool   `json:"inhibited,omitempty"`
	Wakes       uint32 `json:"wakes"`
	Sleeps      uint32 `json:"sleeps"`
	Connections uint32 `json:"connections"`
	Accepted    uint32 `json:"accepted"`
	// WaitsFor is what the service waits for that was knocked on.
	WaitsFor string `json:"waits_for,omitempty"`
}

// Port is one address of a Sleeper.
type Port struct {
	Listen
	Pending *uint32 `json:"pending,omitempty"` // as in Held
	Open    *uint32 `json:"open,omitempty"`
	Watched bool    `json:"watched"`
	// Activity is the time of day in microseconds, 0 for none.
	Activity uint64 `json:"last_activity_usec,omitempty"`
	File     string `json:"file,omitempty"`
	Line     int32  `json:"line,omitempty"`
}

// rouseInterface is what systemd1 has not.
func rouseInterface() *bus.Interface {
	return &bus.Interface{Name: IfRouse, Methods: []bus.Method{
		{Name: "Status", Out: "s", Open: true, Args: "> json", Call: func(s any, c *bus.Call) { replyJSON(c, s.(*Service).status()) }},
		{Name: "Sleepers", Out: "s", Open: true, Args: "> json", Call: func(s any, c *bus.Call) { replyJSON(c, s.(*Service).sleepers()) }},
		{Name: "Sleeping", Out: "s", Open: true, Args: "> json", Call: func(s any, c *bus.Call) { replyJSON(c, s.(*Service).sleeping()) }},
		{Name: "UnitJSON", In: "s", Out: "s", Open: true, Args: "name > json", Call: unitJSON},
		{Name: "Logs", In: "su", Out: "as", Args: "name lines > text", Call: logs},
		{Name: "FollowLogs", In: "s", Out: "h", Args: "name > fd", Call: followLogs},
		{Name: "Failure", In: "su", Out: "ssas", Args: "name lines > failure cause text", Call: failure},
		{Name: "Why", In: "s", Out: "s", Open: true, Args: "name > json", Call: why},
		{Name: "WatchEvents", Open: true, Call: watchEvents},
	}, Signals: []bus.SignalDef{{Name: eventSignal, Sig: "s", Args: "json"}}}
}

// rouseUnitInterface are the properties of units that systemd has not.
func rouseUnitInterface() *bus.Interface {
	return &bus.Interface{Name: "dev.rouse.Unit1", Props: []bus.Prop{
		live("Failure", "s", text(func(o *object) string { return o.view.Failure })),
		live("Cause", "s", text(func(o *object) string { return o.view.Cause })),
		live("JobWaitsFor", "s", text(func(o *object) string { return o.view.JobWhy })),
		live("Wakes", "u", u32(func(o *object) uint32 { return o.view.Wakes })),
		live("Sleeps", "u", u32(func(o *object) uint32 { return o.view.Sleeps })),
		live("IdleSinceTimestamp", "t", u64(func(o *object) uint64 { return o.svc.wall(o.view.IdleSince) })),
		live("Inhibited", "b", flag(func(o *object) bool { return o.view.Inhibited })),
		live("SleepTier", "s", text(func(o *object) string { return o.view.Tier.String() })),
		live("SleepTierNote", "s", text(func(o *object) string { return o.view.TierNote })),
		live("SleepMemoryBefore", "t", u64(func(o *object) uint64 { return o.view.MemoryBefore })),
		live("SleepMemory", "t", u64(func(o *object) uint64 { return o.view.MemoryNow })),
		live("WaitsFor", "s", text(func(o *object) string { return o.view.Waits })),
		live("Running", "u", u32(func(o *object) uint32 { return o.view.Awake })),
		live("Waiting", "u", u32(func(o *object) uint32 { return o.view.Waiting })),
		live("RunningMemory", "t", u64(func(o *object) uint64 { return o.view.Memory })),
		one("RunningMemoryMax", "t", u64(func(o *object) uint64 { return o.ceiling().Memory })),
		one("RunningMax", "u", u32(func(o *object) uint32 { return o.ceiling().Running })),
		one("IdleReclaimUSec", "t", u64(func(o *object) uint64 { return o.tiers(func(t *unit.Tiers) time.Duration { return t.Reclaim }) })),
		one("IdleStopUSec", "t", u64(func(o *object) uint64 { return o.tiers(func(t *unit.Tiers) time.Duration { return t.Stop }) })),
		one("IdleMinUpUSec", "t", u64(func(o *object) uint64 {
			if s := o.view.Unit.Service; s == nil || s.Tiers == nil {
				return 0
			}
			return o.tiers(func(t *unit.Tiers) time.Duration { return t.MinUp })
		})),
		one("IdleUSec", "t", u64(func(o *object) uint64 {
			if o.view.Unit.Socket == nil || o.view.Unit.Socket.IdleSec == 0 {
				return Unknown
			}
			return micros(o.view.Unit.Socket.IdleSec)
		})),
		one("IdleAction", "s", text(func(o *object) string {
			if s := o.view.Unit.Socket; s != nil && s.IdleSec != 0 && s.IdleSec != unit.Infinity {
				return word(idleActions[:], s.IdleAction)
			}
			return ""
		})),
		one("Handover", "s", text(func(o *object) string {
			if s := o.view.Unit.Socket; s != nil {
				return handoverOf(s)
			}
			return ""
		})),
		one("Unsupported", "as", texts(func(o *object) []string {
			var lines []string
			for i := range o.view.Unit.Unsupported {
				lines = append(lines, o.view.Unit.Unsupported[i].String())
			}
			return lines
		})),
	}}
}

// ceiling is that of a slice, empty where there is none.
func (o *object) ceiling() unit.Ceiling {
	if c := o.view.Unit.Ceiling; c != nil {
		return *c
	}
	return unit.Ceiling{}
}

// tiers is one of the times of a service's tiers.
func (o *object) tiers(which func(*unit.Tiers) time.Duration) uint64 {
	if s := o.view.Unit.Service; s != nil && s.Tiers != nil {
		return micros(which(s.Tiers))
	}
	return Unknown
}

// handoverOf is X-Handover= with where a bridge leads to.
func handoverOf(s *unit.Socket) string {
	if s.Bridge != nil {
		return "bridge:" + strings.Join(s.Bridge.To, " ")
	}
	return word(handovers[:], s.Handover)
}

func replyJSON(c *bus.Call, v any) {
	data, err := json.Marshal(v)
	if err != nil {
		c.Fail(bus.ErrFailed, "cannot encode: %v", err)
		return
	}
	c.Body().String(string(data))
	c.Return()
}

func (s *Service) status() Status {
	f := s.be.Facts()
	st := Status{
		Version: f.Version, Scope: f.Scope, State: s.systemState(), Cgroups: f.CgroupMode, ControlGroup: f.ControlGroup,
		Handover: f.HandoverMode, Freeze: f.FreezeMode, Notes: f.Notes, GuardianPid: f.GuardianPid, ManagerPid: f.ManagerPid,
		ManagerStarts: f.ManagerStarts, LastDeath: f.LastDeath, SinceUSec: s.wall(f.StartedAt),
		Jobs: uint32(len(s.be.Jobs())), Path: s.be.Files().Path(), Counters: map[string]uint64{},
	}
	for _, c := range f.Counters {
		st.Counters[c.Name] = c.Value
	}
	asleep := map[string]bool{} // services
	s.be.Units(func(v *engine.View) bool {
		st.Units++
		switch v.Active {
		case engine.Active, engine.Reloading:
			st.Active++
		case engine.Failed:
			st.Failed++
		case engine.Inactive, engine.Activating, engine.Deactivating:
		}
		if sk := v.Unit.Socket; sk != nil && v.Active == engine.Active && v.Sub == "listening" && sk.Distribute == 0 {
			asleep[sk.Service] = true
		}
		if v.Freezer == "frozen" { // its socket, if it has one, is "running"
			asleep[v.Unit.Name] = true
		}
		if v.Unit.Kind != unit.KindSocket { // those of a socket are its service's
			st.Wakes += uint64(v.Wakes)
			st.Sleeps += uint64(v.Sleeps)
		}
		return true
	})
	st.Sleeping = uint32(len(asleep))
	return st
}

// sleepers lists the socket units, then the jobs that wait for sockets.
func (s *Service) sleepers() []Sleeper {
	list := []Sleeper{}
	held := map[string][]Held{}
	for _, h := range s.be.Sockets() {
		held[h.Unit] = append(held[h.Unit], h)
	}
	var jobs []Sleeper
	s.be.Units(func(v *engine.View) bool {
		sk := v.Unit.Socket
		if v.Unit.Kind != unit.KindSocket || sk == nil {
			if ports := held[v.Unit.Name]; ports != nil {
				jobs = append(jobs, s.waitingJob(v, ports))
			}
			return true
		}
		entry := Sleeper{
			Socket: v.Unit.Name, Service: sk.Service, SocketSub: v.Sub, Accept: sk.Accept, Format: v.Unit.Format.String(),
			Handover: handoverOf(sk), Wakes: v.Wakes, Sleeps: v.Sleeps,
			Connections: v.NConnections, Accepted: v.NAccepted,
		}
		if sk.IdleSec != 0 && sk.IdleSec != unit.Infinity {
			entry.IdleSec, entry.IdleAction = micros(sk.IdleSec), word(idleActions[:], sk.IdleAction)
		}
		entry.IdleSince = s.wall(v.IdleSince)
		if w, ok := s.be.Unit(sk.Service); ok {
			if d := w.Unit.Service; entry.IdleSec == 0 && d != nil && d.IdleSec > 0 && d.IdleSec != unit.Infinity {
				entry.IdleSec, entry.IdleAction = micros(d.IdleSec), word(idleActions[:], d.IdleAction)
			}
			entry.Active, entry.Sub, entry.Freezer, entry.Inhibited = w.Active.String(), w.Sub, w.Freezer, w.Inhibited
			entry.WaitsFor = w.Waits
			entry.Wakes, entry.Sleeps = max(entry.Wakes, w.Wakes), max(entry.Sleeps, w.Sleeps)
			if entry.IdleSince == 0 {
				entry.IdleSince = s.wall(w.IdleSince)
			}
		}
		entry.Listens = s.ports(held[v.Unit.Name])
		if len(entry.Listens) == 0 && sk.Distribute == 0 { // of Distribute= the members listen
			for _, l := range sk.Listens {
				entry.Listens = append(entry.Listens, Port{Listen: Listen{word(listenKinds[:], l.Kind), l.Address}, File: l.Pos.File, Line: l.Pos.Line})
			}
		}
		list = append(list, entry)
		return true
	})
	return append(list, jobs...)
}

// waitingJob is a job with a socket among its events, which has no unit of its own.
func (s *Service) waitingJob(v *engine.View, held []Held) Sleeper {
	return Sleeper{
		Listens: s.ports(held), Format: v.Unit.Format.String(), Service: v.Unit.Name, SocketSub: "listening",
		Active: v.Active.String(), Sub: v.Sub, Freezer: v.Freezer, Handover: word(handovers[:], unit.HandoverPass), Wakes: v.Wakes, Sleeps: v.Sleeps,
	}
}

func (s *Service) ports(held []Held) (out []Port) {
	for _, h := range held {
		out = append(out, Port{h.Listen, h.Pending, h.Open, h.Watched, s.wall(h.Activity), h.Pos.File, h.Pos.Line})
	}
	return out
}

func unitJSON(subject any, c *bus.Call) {
	s := subject.(*Service)
	o, err := s.object(c.Args.String())
	if err != nil {
		c.Fail(bus.ErrArgs, "%v", err)
		return
	}
	replyJSON(c, o.status())
}

// maxLines is the most lines that Logs returns.
const maxLines = 10_000

func logs(subject any, c *bus.Call) {
	name, n := c.Args.String(), c.Args.Uint32()
	lines := subject.(*Service).be.Log(name, int(min(n, maxLines)))
	c.Body().Strings(lines)
	c.Return()
}

func followLogs(subject any, c *bus.Call) {
	name := c.Args.String()
	fd, err := subject.(*Service).be.OpenLog(name)
	if err != nil {
		c.Fail(errFileNotFound, "%v", err)
		return
	}
	c.Body().FD(0)
	c.ReturnFDs(fd)
}

func failure(subject any, c *bus.Call) {
	s := subject.(*Service)
	name, n := c.Args.String(), c.Args.Uint32()
	v, ok := s.be.Unit(name)
	if !ok {
		c.Fail(errorPrefix+"NoSuchUnit", "Unit %s not loaded.", name)
		return
	}
	lines := s.be.Log(v.Unit.Name, int(min(n, maxLines)))
	writeFailure(c.Body(), &v, lines)
	c.Return()
}

func writeFailure(e *wire.Encoder, v *engine.View, lines []string) {
	e.String(v.Failure)
	e.String(v.Cause)
	e.Strings(lines)
}
