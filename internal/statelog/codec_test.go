// SPDX-License-Identifier: Apache-2.0

package statelog

import (
	"bytes"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rouse-init/rouse/internal/diag"
	"github.com/rouse-init/rouse/internal/unit"
)

// The shapes of the engine's inputs.
type (
	input interface{ input() }
	token struct {
		Unit string
		Gen  uint64
	}
	exited struct {
		Pid          int32
		Code, Status uint8
	}
	spawned struct {
		Token token
		Pid   int32
	}
	loaded struct {
		Units []*unit.Unit
		Gone  []string
	}
	shutdown struct{}
	single   struct{ One *inner }
	array    [1]*inner
	unknown  struct{ Token token }
)

func (exited) input()  {}
func (spawned) input() {}

type shape interface{ area() }

type square struct{ Side int16 }

type blob struct {
	Name string
	data []byte
}

func (square) area() {}
func (blob) area()   {}

type inner struct {
	A, B int
	note string
}

type everything struct {
	Flag         bool
	I8           int8
	I16          int16
	I32          int32
	I64          int64
	I            int
	U8           uint8
	U16          uint16
	U32          uint32
	U64          uint64
	F32          float32
	F64          float64
	S            string
	Bytes        []byte
	Strings      []string
	Bools        []bool
	Array        [3]int32
	Names        [2]string
	In           inner
	Ins          []inner
	Boxes        [2]inner
	P            *inner
	PP           **int16
	Ps           []*inner
	Shape        shape
	Shapes       []shape
	Any          any
	Nested       [][]uint16
	Empty        struct{}
	Tree         *tree
	D            time.Duration
	secret       uint32
	Left         int `log:"-"`
	_            int
	NilVsEmpty   []string
	EmptyStructs []struct{}
}

type tree struct {
	Kids []tree
	V    int
}

func full() everything {
	sixteen := int16(-16)
	p := &sixteen
	return everything{
		Flag: true, I8: -8, I16: math.MinInt16, I32: math.MaxInt32, I64: math.MinInt64, I: -1,
		U8: 255, U16: 65535, U32: math.MaxUint32, U64: math.MaxUint64, F32: float32(math.Copysign(0, -1)), F64: math.Pi,
		S: "héllo\x00", Bytes: []byte{}, Strings: []string{"", "x"}, Bools: []bool{true, false, true},
		Array: [3]int32{0, -5, 7}, Names: [2]string{"", "b"}, In: inner{A: 1, note: "hidden"},
		Ins: []inner{{}, {B: 2}}, Boxes: [2]inner{{}, {A: 9}}, P: &inner{}, PP: &p, Ps: []*inner{nil, {A: 4}},
		Shape: square{3}, Shapes: []shape{nil, blob{"n", []byte("d")}, square{}}, Any: blob{Name: "any"},
		Nested: [][]uint16{nil, {}, {1, 300}}, Tree: &tree{V: 1, Kids: []tree{{V: 2}, {Kids: []tree{{V: 3}}}}},
		D: time.Hour, secret: 42, NilVsEmpty: []string{}, EmptyStructs: make([]struct{}, 3),
	}
}

func testCodec(t testing.TB) *Codec {
	t.Helper()
	c, err := NewCodec(everything{}, square{}, blob{}, exited{}, loaded{}, &shutdown{}, spawned{}, single{}, array{})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

var allFields = cmp.Exporter(func(reflect.Type) bool { return true })

func TestRoundTrip(t *testing.T) {
	c := testCodec(t)
	for _, v := range []any{
		full(),
		everything{},
		single{&inner{A: 1}},
		single{},
		array{},
		array{{B: 1}},
		square{},
		blob{},
		exited{Pid: 1 << 30, Code: 1, Status: 255},
		shutdown{},
		spawned{Token: token{Unit: "a.service", Gen: 9}, Pid: 7},
		loaded{Units: []*unit.Unit{sampleUnit()}},
	} {
		b, err := c.Append([]byte("prefix"), v)
		if err != nil {
			t.Fatal(err)
		}
		got, err := c.Decode(bytes.TrimPrefix(b, []byte("prefix")))
		if err != nil {
			t.Fatalf("%T: %v", v, err)
		}
		if d := cmp.Diff(v, got, allFields); d != "" {
			t.Errorf("%T came back different:\n%s", v, d)
		}
		again, err := c.Append([]byte("prefix"), got)
		if err != nil || !bytes.Equal(b, again) {
			t.Errorf("%T: equal values have different bytes (%v)", v, err)
		}
	}
}

// A pointer to a registered type is written like the value.
func TestPointerAndInto(t *testing.T) {
	c := testCodec(t)
	v := full()
	a, _ := c.Append(nil, v)
	b, err := c.Append(nil, &v)
	if err != nil || !bytes.Equal(a, b) {
		t.Fatalf("a pointer is written differently: %v", err)
	}
	got := everything{Left: 7, S: "old", P: &inner{A: 1}}
	if err := c.DecodeInto(b, &got); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(v, got, allFields); d != "" {
		t.Error(d)
	}
	if err := c.DecodeInto(b, &square{}); err == nil || !strings.Contains(err.Error(), "statelog.everything") {
		t.Errorf("read into another type: %v", err)
	}
}

func TestWhatCannotBeWritten(t *testing.T) {
	type withMap struct{ M map[string]int }
	type withFunc struct{ In struct{ F func() } }
	for v, want := range map[any]string{
		&withMap{}: "statelog.withMap.M: a map[string]int", &withFunc{}: ".In.F: a func()", nil: "no name",
	} {
		if _, err := NewCodec(v); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%T: got error %v, want …%s…", v, err, want)
		}
	}
	c := testCodec(t)
	type cycle struct{ Next *cycle }
	loop := &cycle{}
	loop.Next = loop
	cc, err := NewCodec(cycle{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cc.Append(nil, loop); !errors.Is(err, errDepth) {
		t.Errorf("a cycle gives %v", err)
	}
	for _, v := range []any{nil, 5, (*everything)(nil), unknown{}, everything{Any: 5}, everything{Any: &square{}}} {
		if b, err := c.Append([]byte("x"), v); err == nil || string(b) != "x" {
			t.Errorf("%T: written as %q, error %v", v, b, err)
		}
	}
}

func sampleUnit() *unit.Unit {
	nice := int8(-5)
	pos := diag.Pos{File: "/etc/systemd/system/web.service", Line: 12, Col: 1}
	return &unit.Unit{
		Name: "web.service", Aliases: []string{"www.service"}, Kind: unit.KindService, Description: "Web server",
		Fragment: pos.File, DefaultDependencies: true, AllowIsolate: false,
		Deps: []unit.Dep{
			{Kind: unit.Wants, Name: "network-online.target"},
			{Kind: unit.After, Name: "network-online.target"},
			{Kind: unit.Requires, Implicit: true, Name: "sysinit.target"},
			{Kind: unit.After, Implicit: true, Name: "basic.target"},
			{Kind: unit.Conflicts, Implicit: true, Name: "shutdown.target"},
			{Kind: unit.Before, Implicit: true, Name: "shutdown.target"},
		},
		Conditions:         []unit.Condition{{Type: "PathExists", Arg: "/etc/web.conf", Pos: pos}},
		StartLimitInterval: 10 * time.Second, StartLimitBurst: 5, FailureActionExit: -1, SuccessActionExit: -1,
		Slice: "system.slice", Install: &unit.Install{WantedBy: []string{"multi-user.target"}},
		Service: &unit.Service{
			Type: unit.TypeNotify, Restart: unit.RestartOnFailure, RestartSec: 100 * time.Millisecond,
			TimeoutStart: 90 * time.Second, TimeoutStop: 90 * time.Second, RuntimeMax: unit.Infinity, GuessMainPID: true,
			Commands: []unit.Command{
				{Phase: unit.PhaseStartPre, Path: "/usr/bin/web", Args: []string{"/usr/bin/web", "-t"}, Pos: pos},
				{Phase: unit.PhaseStart, Path: "/usr/bin/web", Args: []string{"/usr/bin/web", "--foreground"}, Pos: pos},
			},
			Exec: &unit.Exec{
				User: "www-data", Environment: []string{"A=1", "B=2"}, Umask: -1, Nice: &nice, IgnoreSIGPIPE: true,
				Limits: []unit.Limit{{Resource: 7, Soft: 1024, Hard: math.MaxUint64}},
			},
			Kill: unit.Kill{Signal: 15, FinalSignal: 9, WatchdogSignal: 6, SendSIGKILL: true},
		},
	}
}

func TestEncodingDoesNotAllocate(t *testing.T) {
	c := testCodec(t)
	b := make([]byte, 0, 4096)
	var in input = exited{Pid: 4711, Code: 1}
	if n := testing.AllocsPerRun(100, func() { _, _ = c.Append(b, in) }); n > 0 {
		t.Errorf("%v allocations for an Exited", n)
	}
}

func BenchmarkEncodeExited(b *testing.B) {
	c := testCodec(b)
	buf := make([]byte, 0, 64)
	var in input = spawned{Token: token{Unit: "web.service", Gen: 123456}, Pid: 4711}
	var ex input = exited{Pid: 4711, Code: 1}
	b.Run("Exited", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = c.Append(buf, ex)
		}
	})
	b.Run("Spawned", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = c.Append(buf, in)
		}
	})
}

func BenchmarkUnit(b *testing.B) {
	c := testCodec(b)
	v := loaded{Units: []*unit.Unit{sampleUnit()}}
	buf, err := c.Append(nil, v)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("encode", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(buf)))
		for b.Loop() {
			_, _ = c.Append(buf[:0], v)
		}
	})
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = c.Decode(buf)
		}
	})
}
