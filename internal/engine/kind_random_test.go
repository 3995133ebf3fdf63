// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rouse-init/rouse/internal/unit"
)

// zoo is a set of units that has every feature of services and sockets.
func zoo(t *testing.T) []*unit.Unit {
	text := map[string]string{
		"simple.service": "Restart=always\nExecStop=/s\nSuccessExitStatus=1 s15\nRestartPreventExitStatus=s9\nConditionPathExists=/x",
		"all.service": "Type=exec\nExecCondition=/c\nExecStartPre=/p\nExecStartPre=-/q\nExecStart=/m\nExecStartPost=/o\n" +
			"ExecReload=/r\nExecStop=/s\nExecStopPost=/t\nRestart=on-failure\nRuntimeMaxSec=5s\nRestartMode=direct",
		"fork.service":    "Type=forking\nPIDFile=/run/x\nKillMode=mixed\nExecReload=/r",
		"guess.service":   "Type=forking\nKillMode=process",
		"one.service":     "Type=oneshot\nExecStart=/a\nExecStart=/b\nRemainAfterExit=yes",
		"notify.service":  "Type=notify-reload\nNotifyAccess=all\nWatchdogSec=2s\nTimeoutStartFailureMode=abort\nFileDescriptorStoreMax=2\nFileDescriptorStorePreserve=yes",
		"idle.service":    "Type=idle\nSendSIGKILL=no\nExecStartPost=/o",
		"cgroup.service":  "ExitType=cgroup\nTimeoutStopFailureMode=kill\nOOMPolicy=kill",
		"listen.service":  "X-Readiness=listen\nKillMode=none",
		"listen.socket":   "X-IdleSec=1s",
		"frozen.service":  "Type=notify\nNotifyAccess=all\nWatchdogSec=3s\nSockets=frozen.socket second.socket",
		"frozen.socket":   "X-IdleSec=100ms\nX-IdleAction=freeze\nExecStartPre=/p\nExecStopPost=/t",
		"second.socket":   "Service=frozen.service",
		"sleeper.service": "KillSignal=9",
		"sleeper.socket":  "X-IdleSec=20ms\nTriggerBurst=3\nFlushPending=yes",
		"soft.service":    "StartLimitBurst=2\nExecStop=/s\nRestart=on-failure",
		"soft.socket":     "X-IdleSec=200ms\nExecStartPost=/o",
		"acc.socket":      "Accept=yes\nMaxConnections=3\nMaxConnectionsPerSource=2",
	}
	var us []*unit.Unit
	for _, name := range sortedKeys(text) {
		us = append(us, parseUnit(t, name, strings.Split(text[name], "\n")))
	}
	return us
}

// player answers the orders of an engine at random: right, late, twice or not
// at all in time.
type player struct {
	t       *testing.T
	r       *rand.Rand
	e       *Engine
	now     Time
	pending []Input // answers that are due
	timers  map[string]TimerFired
	at      map[string]Time
	procs   map[int32]string // alive
	spawned map[int32]bool
	pid     int32
	conn    uint64
	armed   map[string]bool
	log     []string
}

func (p *player) perform(out []Effect) {
	for _, f := range out {
		switch f := f.(type) {
		case Record:
			if f.Level == RecordBug {
				p.fail("bug: %s: %s", f.Unit, f.Msg)
			}
		case Spawn:
			p.spawn(f)
		case WatchCgroup:
			p.later(CgroupEmptied{f.Token})
		case ReadPIDFile:
			p.pid++
			p.later(PIDFileRead{Token: f.Token, Pid: p.pid * int32(p.r.IntN(2))})
		case CheckConditions:
			p.later(ConditionsChecked{Token: f.Token, Failed: int32(-p.r.IntN(2))})
		case OpenSocket:
			if p.r.IntN(8) == 0 {
				p.later(SocketFailed{Token: f.Token, Msg: "in use"})
			} else {
				p.later(SocketOpened{Token: f.Token})
			}
		case ArmSocket:
			p.armed[f.Unit] = true
		case DisarmSocket:
			delete(p.armed, f.Unit)
		case CloseSocket:
			delete(p.armed, f.Unit)
		case CountConnections:
			c := Connections{Token: f.Token}
			for _, s := range f.Sockets {
				c.Counts = append(c.Counts, Count{
					Socket: s, Open: uint32(max(0, p.r.IntN(6)-4)), Silence: Time(p.r.Int64N(3e8)), CPU: -1, Asked: Time(max(0, p.r.Int64N(60e9)-30e9)),
				})
			}
			p.later(c)
		case Freeze:
			if p.r.IntN(8) == 0 {
				p.later(FreezeFailed{Token: f.Token, Msg: "no"})
			} else {
				p.later(Frozen{Token: f.Token})
			}
		case Reclaim:
			if p.r.IntN(4) == 0 {
				p.later(ReclaimFailed{Token: f.Token, Msg: "no"})
			} else {
				p.later(Reclaimed{Token: f.Token, Memory: 1})
			}
		case MeasureMemory:
			in := Measured{Token: f.Token, Units: f.Units}
			for range f.Units {
				in.Memory = append(in.Memory, p.r.Uint64N(100))
			}
			p.later(in)
		case Thaw:
			if p.r.IntN(8) == 0 {
				p.later(FreezeFailed{Token: f.Token, Msg: "no", Still: true})
			} else {
				p.later(Thawed{f.Token})
			}
		case ArmTimer:
			k := fmt.Sprint(f.Token.Unit, " ", f.Timer)
			p.timers[k], p.at[k] = TimerFired{f.Token, f.Timer}, f.At
		case DisarmTimer:
			delete(p.timers, fmt.Sprint(f.Unit, " ", f.Timer))
		}
	}
}

func (p *player) later(in Input) {
	p.pending = append(p.pending, in)
	if p.r.IntN(20) == 0 {
		p.pending = append(p.pending, in)
	}
}

func (p *player) spawn(f Spawn) {
	p.pid++
	if p.r.IntN(10) == 0 {
		p.later(SpawnFailed{Token: f.Token, Status: uint8(p.r.IntN(2)) * 203, Msg: "exec"})
		return
	}
	p.later(Spawned{Token: f.Token, Pid: p.pid})
	p.later(Executed{f.Token})
}

func (p *player) fail(format string, args ...any) {
	p.t.Helper()
	p.t.Fatalf("%s\nlast inputs:\n%s", fmt.Sprintf(format, args...), strings.Join(p.log[max(0, len(p.log)-25):], "\n"))
}

// next makes up an input.
func (p *player) next(names []string) Input {
	n := names[p.r.IntN(len(names))]
	switch k := p.r.IntN(24); {
	case k < 11 && len(p.pending) > 0:
		i := p.r.IntN(len(p.pending))
		if p.r.IntN(4) > 0 {
			i = 0
		}
		in := p.pending[i]
		p.pending = append(p.pending[:i:i], p.pending[i+1:]...)
		if s, ok := in.(Spawned); ok && !p.spawned[s.Pid] {
			p.spawned[s.Pid], p.procs[s.Pid] = true, s.Token.Unit // no process ends before it is known
		}
		return in
	case k < 13 && len(p.procs) > 0:
		keys := sortedKeys(p.procs)
		pid := keys[p.r.IntN(len(keys))]
		delete(p.procs, pid)
		if p.r.IntN(4) > 0 {
			return Exited{Pid: pid, Code: codeExited, Status: []uint8{0, 0, 0, 0, 1, 9}[p.r.IntN(6)]}
		}
		return Exited{Pid: pid, Code: uint8(2 + p.r.IntN(2)), Status: 15}
	case k < 14 && len(p.timers) > 0:
		keys := sortedKeys(p.timers)
		key := keys[p.r.IntN(len(keys))]
		in := p.timers[key]
		p.now = max(p.now, p.at[key])
		delete(p.timers, key)
		return in
	case k < 16:
		return Asked{ID: 1, Verb: Verb(p.r.IntN(10)), Unit: n}
	case k == 16:
		return p.notification(n)
	case k == 17:
		return []Input{OOMKilled{n}, ListenCalled{n}, AskedFreeze{1, n}, AskedThaw{2, n}, AskedReset{n}, ConnectionClosed{n}}[p.r.IntN(6)]
	case k == 18:
		p.conn++
		u := newUnit(fmt.Sprintf("acc@%d.service", p.conn))
		u.Transient, u.Service.Commands = true, []unit.Command{{Phase: unit.PhaseStart}}
		return Accepted{Socket: "acc.socket", Conn: p.conn, Source: []string{"a", "b"}[p.r.IntN(2)], Unit: u}
	default:
		p.now += Time(p.r.Int64N(int64(50 * time.Millisecond)))
		if keys := sortedKeys(p.armed); len(keys) > 0 {
			k := keys[p.r.IntN(len(keys))]
			delete(p.armed, k)
			return Readable{k}
		}
		return Readable{n}
	}
}

func (p *player) notification(n string) Notified {
	if p.r.IntN(3) > 0 {
		n = []string{"notify.service", "frozen.service"}[p.r.IntN(2)]
	}
	v, _ := p.e.Unit(n)
	in := Notified{Unit: n, Pid: v.MainPid, NotifyAccess: -1, ExitStatus: -1}
	switch p.r.IntN(8) {
	case 0:
		in.Reloading, in.MonotonicUS = true, uint64(p.now/1000)
	case 1:
		in.Stopping = true
	case 2:
		in.Watchdog, in.FDStore = true, 1
	case 3:
		in.Busy = uint8(1 + p.r.IntN(2))
	case 4:
		p.pid++
		in.MainPid = p.pid
		p.procs[p.pid] = n
	case 5:
		in.ExtendUS = 1e6
	default:
		in.Ready = true
	}
	return in
}

// check holds what must be true after every step.
func (p *player) check() {
	live, busy := 0, 0
	for _, n := range p.e.nodes {
		if n == nil {
			continue
		}
		if s := n.service; s != nil {
			for _, x := range []proc{s.Main, s.Control} {
				if x.alive() {
					live++
				}
			}
			if s.State.busy() {
				busy++
			}
			if s.State.down() && (s.Main.alive() || s.Control.alive() || s.Watch != 0 || s.Idle != nil) {
				p.fail("%s is down and not quiet: %+v", n.def.Name, *s)
			}
			if n.view.Sub != s.State.String() || n.view.MainPid != s.Main.Pid || n.view.ControlPid != s.Control.Pid {
				p.fail("%s: view %s %d %d, state %+v", n.def.Name, n.view.Sub, n.view.MainPid, n.view.ControlPid, *s)
			}
			if n.view.Active == Failed && n.view.Failure == "" {
				p.fail("%s failed without a word", n.def.Name)
			}
		}
		if s := n.socket; s != nil {
			if s.Control.alive() {
				live++
			}
			p.checkSocket(n)
		}
	}
	if live != p.e.live || busy != p.e.busy {
		p.fail("live %d counted %d, busy %d counted %d", live, p.e.live, busy, p.e.busy)
	}
}

// checkSocket: armed if and only if the service is down, or asleep.
func (p *player) checkSocket(n *node) {
	s := n.socket
	if n.socketDef().Accept {
		if s.State == sckListening && !s.Armed && s.Pause.Gen == 0 {
			p.fail("%s listens and is not armed", n.def.Name)
		}
		return
	}
	svc := p.e.serviceOf(n)
	down := svc.service == nil || svc.service.State.down()
	asleep := svc.service != nil && svc.service.Idle.asleep()
	if s.Armed && !down && !asleep {
		p.fail("%s is armed, %s is %s", n.def.Name, svc.def.Name, svc.service.State)
	}
	if down && svc.job == nil && s.State.up() && !s.Armed && s.Pause.Gen == 0 && n.job == nil {
		p.fail("%s is %s and not armed, %s is down", n.def.Name, s.State, svc.def.Name)
	}
}

// TestRandomLives plays thousands of random lives, with answers that are late,
// doubled or missing, checks what must hold after each step, and that an engine
// restored in the middle goes on in the same way.
func TestRandomLives(t *testing.T) {
	units := zoo(t)
	var names []string
	for _, u := range units {
		names = append(names, u.Name)
	}
	for seed := range uint64(120) {
		p := &player{
			t: t, r: rand.New(rand.NewPCG(seed, 1)), e: New(Config{MinIdleLook: 5e6, DestroyEvents: seed%2 == 0}), pid: 100,
			timers: map[string]TimerFired{}, at: map[string]Time{}, procs: map[int32]string{}, spawned: map[int32]bool{}, armed: map[string]bool{},
		}
		p.perform(p.e.Step(0, Loaded{Units: units}))
		var twin *Engine
		for i := range 1500 {
			in := p.next(names)
			p.log = append(p.log, fmt.Sprintf("seed %d step %d at %s: %T%+v", seed, i, time.Duration(p.now), in, in))
			if i == 700 {
				twin = Restore(p.e.cfg, copyState(p.e.State()))
			}
			out := p.e.Step(p.now, in)
			if twin != nil {
				if other := twin.Step(p.now, in); len(out)+len(other) > 0 && !reflect.DeepEqual(out, other) {
					p.fail("after Restore:\n%+v\nwithout:\n%+v", other, out)
				}
			}
			p.perform(out)
			p.check()
		}
		p.shutDown(seed)
	}
}

// shutDown wants every life to end, whatever state it is in, once all orders
// are answered.
func (p *player) shutDown(seed uint64) {
	in := Input(AskedShutdown{})
	for range 3000 {
		p.log = append(p.log, fmt.Sprintf("seed %d down at %s: %T%+v", seed, time.Duration(p.now), in, in))
		out := p.e.Step(p.now, in)
		for _, f := range out {
			if _, ok := f.(Finished); ok {
				return
			}
		}
		p.perform(out)
		p.check()
		switch {
		case len(p.pending) > 0:
			in = p.pending[0]
			p.pending = p.pending[1:]
			if s, ok := in.(Spawned); ok && !p.spawned[s.Pid] {
				p.spawned[s.Pid], p.procs[s.Pid] = true, s.Token.Unit
			}
		case len(p.procs) > 0:
			pid := sortedKeys(p.procs)[0]
			delete(p.procs, pid)
			in = Exited{Pid: pid, Code: codeExited}
		case len(p.timers) > 0:
			first := slices.MinFunc(sortedKeys(p.timers), func(a, b string) int { return cmp.Compare(p.at[a], p.at[b]) })
			in = p.timers[first]
			p.now = max(p.now, p.at[first])
			delete(p.timers, first)
		default:
			p.fail("nothing is left to happen, and it is not finished: live %d, busy %d, %d jobs", p.e.live, p.e.busy, len(p.e.jobs.byID))
		}
	}
	p.fail("the shutdown does not end: live %d, busy %d, %d jobs", p.e.live, p.e.busy, len(p.e.jobs.byID))
}

func sortedKeys[K interface {
	~string | ~int32
}, V any](m map[K]V) []K {
	return slices.Sorted(maps.Keys(m))
}

// copyState copies a state deeply, as encoding and decoding it would; the
// definitions are shared, because nobody changes them.
func copyState(s *State) *State {
	return deepCopy(reflect.ValueOf(s)).Interface().(*State)
}

func deepCopy(v reflect.Value) reflect.Value {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() || v.Type() == reflect.TypeFor[*unit.Unit]() {
			return v
		}
		c := reflect.New(v.Type().Elem())
		c.Elem().Set(deepCopy(v.Elem()))
		return c
	case reflect.Slice:
		if v.IsNil() {
			return v
		}
		c := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		for i := range v.Len() {
			c.Index(i).Set(deepCopy(v.Index(i)))
		}
		return c
	case reflect.Struct:
		c := reflect.New(v.Type()).Elem()
		for i := range v.NumField() {
			c.Field(i).Set(deepCopy(v.Field(i)))
		}
		return c
	default:
		return v
	}
}
