// SPDX-License-Identifier: Apache-2.0

package statelog_test

import (
	"bytes"
	"fmt"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rouse-init/rouse/internal/engine"
	"github.com/rouse-init/rouse/internal/statelog"
	"github.com/rouse-init/rouse/internal/unit"
)

// What the manager logs.
var engineTypes = []any{
	engine.State{},
	engine.Loaded{},
	engine.Asked{},
	engine.AskedReset{},
	engine.AskedCancel{},
	engine.AskedFreeze{},
	engine.AskedThaw{},
	engine.AskedShutdown{},
	engine.Spawned{},
	engine.Executed{},
	engine.SpawnFailed{},
	engine.Exited{},
	engine.CgroupEmptied{},
	engine.OOMKilled{},
	engine.Notified{},
	engine.PIDFileRead{},
	engine.ConditionsChecked{},
	engine.SocketOpened{},
	engine.SocketFailed{},
	engine.Readable{},
	engine.Accepted{},
	engine.Connections{},
	engine.ConnectionClosed{},
	engine.Frozen{},
	engine.Thawed{},
	engine.FreezeFailed{},
	engine.Reclaimed{},
	engine.ReclaimFailed{},
	engine.Measured{},
	engine.ListenCalled{},
	engine.TimerFired{},
}

func engineCodec(t testing.TB) *statelog.Codec {
	t.Helper()
	c, err := statelog.NewCodec(engineTypes...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// fill gives every field of plain data below v a value that is not zero.
func fill(v reflect.Value, n *int) {
	*n++
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64, reflect.Int:
		v.SetInt(int64(*n%100 + 1))
	case reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uint:
		v.SetUint(uint64(*n%100 + 1))
	case reflect.String:
		v.SetString(fmt.Sprint("s", *n))
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(v.Index(0), n)
		fill(v.Index(1), n)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), n)
	case reflect.Array:
		for i := range v.Len() {
			fill(v.Index(i), n)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				fill(v.Field(i), n)
			}
		}
	}
}

func TestEveryInput(t *testing.T) {
	c := engineCodec(t)
	n := 0
	for _, v := range engineTypes[1:] {
		full := reflect.New(reflect.TypeOf(v))
		fill(full.Elem(), &n)
		in, ok := full.Elem().Interface().(engine.Input)
		if !ok {
			t.Errorf("%T is no input", v)
		}
		b, err := c.Append(nil, in)
		if err != nil {
			t.Fatal(err)
		}
		got, err := c.Decode(b)
		if err != nil {
			t.Fatalf("%T: %v", v, err)
		}
		if d := cmp.Diff(in, got); d != "" {
			t.Errorf("%T:\n%s", v, d)
		}
	}
}

// units is a set of services and sockets.
func units(n int) engine.Loaded {
	var l engine.Loaded
	for i := range n {
		l.Units = append(l.Units, &unit.Unit{
			Name: fmt.Sprintf("s%d.service", i), Kind: unit.KindService, Description: "a service", Slice: "system.slice",
			Fragment: fmt.Sprintf("/etc/systemd/system/s%d.service", i),
			Deps:     []unit.Dep{{Kind: unit.After, Name: "basic.target"}, {Kind: unit.Requires, Name: "sysinit.target", Implicit: true}},
			Service: &unit.Service{
				Commands: []unit.Command{{Phase: unit.PhaseStart, Path: "/bin/sleep", Args: []string{"sleep", "1000"}}},
				Exec:     &unit.Exec{Umask: -1}, TimeoutStart: 90e9, TimeoutStop: 90e9, RuntimeMax: unit.Infinity,
			},
		})
	}
	return l
}

// A restored engine has the state that it was restored from.
func TestEngineState(t *testing.T) {
	c := engineCodec(t)
	e := engine.New(engine.Config{})
	e.Step(1, units(20))
	e.Step(2, engine.Asked{ID: 1, Verb: engine.Start, Unit: "s3.service"})
	once, err := c.Append(nil, e.State())
	if err != nil {
		t.Fatal(err)
	}
	var s engine.State
	if err := c.DecodeInto(once, &s); err != nil {
		t.Fatal(err)
	}
	twice, err := c.Append(nil, engine.Restore(engine.Config{}, &s).State())
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(once, twice) {
		t.Errorf("%d bytes became %d others", len(once), len(twice))
	}
}

func BenchmarkState(b *testing.B) {
	c := engineCodec(b)
	e := engine.New(engine.Config{})
	e.Step(1, units(5000))
	buf, err := c.Append(nil, e.State())
	if err != nil {
		b.Fatal(err)
	}
	b.Run("encode", func(b *testing.B) {
		b.SetBytes(int64(len(buf)))
		for b.Loop() {
			if buf, err = c.Append(buf[:0], e.State()); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("decode", func(b *testing.B) {
		b.SetBytes(int64(len(buf)))
		for b.Loop() {
			var s engine.State
			if err := c.DecodeInto(buf, &s); err != nil {
				b.Fatal(err)
			}
		}
	})
}
