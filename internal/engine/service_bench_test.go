// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"fmt"
	"testing"

	"github.com/rouse-init/rouse/internal/unit"
)

// instances compiles n instances of an Accept=yes socket, as load does for
// each connection. Their definitions share what templates share.
func instances(n int) []*unit.Unit {
	proto := newUnit("echo@.service")
	proto.Service.Commands = []unit.Command{{Phase: unit.PhaseStart, Path: "/echo"}}
	us := make([]*unit.Unit, n)
	for i := range us {
		u := *proto
		u.Name, u.Transient = fmt.Sprintf("echo@%d.service", i), true
		us[i] = &u
	}
	return us
}

// BenchmarkAccept is the whole life of one Accept=yes instance: five steps.
func BenchmarkAccept(b *testing.B) {
	e := New(Config{})
	sock := newUnit("echo.socket")
	sock.Socket.Accept = true
	e.Step(0, Loaded{Units: []*unit.Unit{sock}})
	e.Step(0, Asked{Unit: "echo.socket"})
	e.Step(0, SocketOpened{Token{"echo.socket", e.node("echo.socket").socket.Order}})
	us := instances(1024)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		u := us[i&1023]
		i++
		now, pid := Time(i)*1e6, int32(i&0xffff+2)
		e.Step(now, Accepted{Socket: "echo.socket", Conn: uint64(i), Source: "10.0.0.1", Unit: u})
		s := e.node(u.Name).service
		t := Token{u.Name, s.Main.Gen}
		e.Step(now, Spawned{t, pid})
		e.Step(now, Executed{t})
		e.Step(now, Exited{Pid: pid, Code: codeExited})
		e.Step(now, CgroupEmptied{Token{u.Name, s.Watch}})
	}
	if e.live != 0 || e.busy != 0 {
		b.Fatalf("%d processes, %d services are left", e.live, e.busy)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/5, "ns/step")
}

// BenchmarkKnock is the life of a service behind a socket: knock, run, exit.
func BenchmarkKnock(b *testing.B) {
	e := New(Config{})
	sock, svc := newUnit("web.socket"), newUnit("web.service")
	finishSocket(sock)
	sock.Socket.TriggerInterval, sock.Socket.PollInterval, svc.StartLimitInterval = 0, 0, 0
	svc.Service.Commands = []unit.Command{{Phase: unit.PhaseStart, Path: "/web"}}
	e.Step(0, Loaded{Units: []*unit.Unit{sock, svc}})
	e.Step(0, Asked{Unit: "web.socket"})
	e.Step(0, SocketOpened{Token{"web.socket", e.node("web.socket").socket.Order}})
	n := e.node("web.service")
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		i++
		now := Time(i) * 1e6
		e.Step(now, Readable{"web.socket"})
		t := Token{"web.service", n.service.Main.Gen}
		e.Step(now, Spawned{t, 7})
		e.Step(now, Executed{t})
		e.Step(now, Exited{Pid: 7, Code: codeExited})
		e.Step(now, CgroupEmptied{Token{"web.service", n.service.Watch}})
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/5, "ns/step")
}

// BenchmarkWatchdog is one WATCHDOG=1.
func BenchmarkWatchdog(b *testing.B) {
	e := New(Config{})
	svc := newUnit("dog.service")
	svc.Service.Type, svc.Service.Watchdog = unit.TypeNotify, 3e9
	svc.Service.Commands = []unit.Command{{Phase: unit.PhaseStart, Path: "/dog"}}
	e.Step(0, Loaded{Units: []*unit.Unit{svc}})
	e.Step(0, Asked{Unit: "dog.service"})
	e.Step(0, Spawned{Token{"dog.service", e.node("dog.service").service.Main.Gen}, 7})
	e.Step(0, Notified{Unit: "dog.service", Pid: 7, Ready: true, NotifyAccess: -1})
	b.ReportAllocs()
	now := Time(0)
	for b.Loop() {
		now += 1e6
		e.Step(now, Notified{Unit: "dog.service", Pid: 7, Watchdog: true, NotifyAccess: -1})
	}
}

// BenchmarkIdleLook is one look at 1,000 awake services at once.
func BenchmarkIdleLook(b *testing.B) {
	e := New(Config{})
	pid := int32(10)
	for i := range 1000 {
		sock, svc := newUnit(fmt.Sprintf("s%d.socket", i)), newUnit(fmt.Sprintf("s%d.service", i))
		sock.Socket.IdleSec = 1e9
		finishSocket(sock)
		svc.Service.Commands = []unit.Command{{Phase: unit.PhaseStart, Path: "/s"}}
		e.Step(0, Loaded{Units: []*unit.Unit{sock, svc}})
		e.Step(0, Asked{Unit: sock.Name})
		e.Step(0, SocketOpened{Token{sock.Name, e.node(sock.Name).socket.Order}})
		e.Step(0, Readable{sock.Name})
		pid++
		e.Step(0, Spawned{Token{svc.Name, e.node(svc.Name).service.Main.Gen}, pid})
	}
	b.ReportAllocs()
	for b.Loop() {
		k := e.nodes[e.keeper]
		x := k.service.Idle
		out := e.Step(x.Timer.At, TimerFired{Token{k.def.Name, x.Timer.Gen}, TimerIdle})
		c := find[CountConnections](out)
		counts := make([]Count, len(c.Sockets))
		for i, s := range c.Sockets {
			counts[i] = Count{Socket: s, Open: 1, CPU: -1}
		}
		if len(counts) != 1000 {
			b.Fatalf("%d services are looked at", len(counts))
		}
		e.Step(e.now, Connections{c.Token, counts})
	}
}
