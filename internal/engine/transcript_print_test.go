// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rouse-init/rouse/internal/unit"
)

var timerNames = [NumTimers]string{
	TimerState: "state", TimerRestart: "restart", TimerRuntime: "runtime", TimerWatchdog: "watchdog",
	TimerJob: "job", TimerJobRun: "jobrun", TimerPoll: "poll", TimerIdle: "idle", TimerTrigger: "trigger",
	TimerAuto: "auto", TimerExpect: "expect", TimerHeld: "held", TimerLeave: "leave", TimerTier: "tier",
	TimerJudge: "judge", TimerRoom: "room", TimerMemory: "memory",
}

func timerByName(t *testing.T, s string) Timer {
	for i, n := range timerNames {
		if n == s {
			return Timer(i)
		}
	}
	t.Fatalf("no timer is called %q", s)
	return 0
}

// answers says which order each answer belongs to.
var answers = map[string]string{
	"Spawned": "Spawn", "Executed": "Spawn", "SpawnFailed": "Spawn", "CgroupEmptied": "WatchCgroup",
	"PIDFileRead": "ReadPIDFile", "ConditionsChecked": "CheckConditions", "SocketOpened": "OpenSocket",
	"SocketFailed": "OpenSocket", "Connections": "CountConnections", "Frozen": "Freeze", "Thawed": "Thaw",
	"FreezeFailed": "Freeze", "Followed": "Spawn", "Reclaimed": "Reclaim", "ReclaimFailed": "Reclaim",
	"Measured": "MeasureMemory",
}

var inputs = func() map[string]reflect.Type {
	m := map[string]reflect.Type{}
	for _, in := range []Input{
		AskedFreeze{},
		AskedThaw{},
		Spawned{},
		Executed{},
		SpawnFailed{},
		Exited{},
		CgroupEmptied{},
		OOMKilled{},
		Notified{},
		PIDFileRead{},
		ConditionsChecked{},
		SocketOpened{},
		SocketFailed{},
		Readable{},
		Accepted{},
		Connections{},
		ConnectionClosed{},
		Frozen{},
		Thawed{},
		FreezeFailed{},
		Reclaimed{},
		ReclaimFailed{},
		Measured{},
		ListenCalled{},
		Stopped{},
		Followed{},
		NameChanged{},
		BusChanged{},
		AskedWatch{},
		AskedJobEnv{},
	} {
		m[reflect.TypeOf(in).Name()] = reflect.TypeOf(in)
	}
	return m
}()

// input makes an input from its words.
func (m *machine) input(w []string) Input {
	typ, ok := inputs[w[0]]
	if !ok {
		m.t.Fatalf("unknown command %q", strings.Join(w, " "))
	}
	v := reflect.New(typ).Elem()
	for field, zero := range map[string]int64{"Failed": -1, "ExitStatus": -1, "NotifyAccess": -1} {
		if f := v.FieldByName(field); f.IsValid() && f.CanInt() {
			f.SetInt(zero)
		}
	}
	key := answers[w[0]]
	rest := w[1:]
	name := ""
	if len(rest) > 0 && !strings.Contains(rest[0], "=") {
		name, rest = rest[0], rest[1:]
		if f := v.FieldByName("Unit"); f.IsValid() && f.Kind() == reflect.String {
			f.SetString(name)
		} else if f := v.FieldByName("Socket"); f.IsValid() {
			f.SetString(name)
		}
	}
	gen := uint64(0)
	for _, arg := range rest {
		k, val, given := strings.Cut(arg, "=")
		switch {
		case k == "Role":
			key += " " + val
		case k == "Still": // it answers Thaw
			key = "Thaw"
			v.FieldByName(k).SetBool(true)
		case k == "Gen":
			gen, _ = strconv.ParseUint(val, 10, 64)
		case k == "Count":
			m.count(v, val)
		case k == "Unit" && v.FieldByName(k).Kind() == reflect.Pointer:
			v.FieldByName(k).Set(reflect.ValueOf(m.defs[val]))
		case !given:
			v.FieldByName(k).SetBool(true)
		default:
			setField(m.t, v.FieldByName(k), val)
		}
	}
	if f := v.FieldByName("Token"); f.IsValid() {
		tok, known := m.tokens[name+" "+key]
		if !known && gen == 0 {
			m.t.Fatalf("%s: nothing was ordered that this answers", strings.Join(w, " "))
		}
		tok.Unit = name
		if gen != 0 {
			tok.Gen = gen
		}
		f.Set(reflect.ValueOf(tok))
	}
	return v.Interface().(Input)
}

// count appends SOCKET:OPEN:QUEUED:SILENCE:CPU:ASKED[:traffic] to the counts of a Connections,
// or /SERVICE:... for one that was looked at itself.
func (m *machine) count(v reflect.Value, s string) {
	p := strings.Split(s, ":")
	c := Count{Socket: p[0], CPU: -1}
	if name, ok := strings.CutPrefix(p[0], "/"); ok {
		c.Socket, c.Service = "", name
	}
	for i, dst := range []*uint32{&c.Open, &c.Queued} {
		if len(p) > i+1 {
			n, err := strconv.ParseUint(p[i+1], 10, 32)
			m.must(err)
			*dst = uint32(n)
		}
	}
	if last := len(p) - 1; p[last] == "traffic" {
		c.Traffic, p = true, p[:last]
	}
	for i, dst := range []*Time{&c.Silence, &c.CPU, &c.Asked} {
		if len(p) > i+3 {
			d, err := time.ParseDuration(p[i+3])
			m.must(err)
			*dst = Time(d)
		}
	}
	f := v.FieldByName("Counts")
	f.Set(reflect.Append(f, reflect.ValueOf(c)))
}

// print writes an order on one line, leaving out what is zero.
func (m *machine) print(f any) string {
	v := reflect.ValueOf(f)
	var b strings.Builder
	b.WriteString(v.Type().Name())
	for i := range v.NumField() {
		name, x := v.Type().Field(i).Name, v.Field(i)
		switch val := x.Interface().(type) {
		case Token:
			fmt.Fprintf(&b, " %s#%d", val.Unit, val.Gen)
			continue
		case Time:
			if val != 0 {
				fmt.Fprintf(&b, " %s=+%s", name, time.Duration(val-m.now))
			}
			continue
		case Timer:
			b.WriteString(" " + timerNames[val])
			continue
		case Verb:
			if _, view := f.(View); !view {
				b.WriteString(" " + val.String())
			}
			continue
		case *Refusal:
			if val != nil {
				fmt.Fprintf(&b, " %s %q", val.Code, val.Msg)
			}
			continue
		case RecordLevel:
			b.WriteString(" " + [...]string{"debug", "info", "warning", "error", "BUG"}[val])
			continue
		case Role:
			if val == RoleControl {
				b.WriteString(" control")
			}
			continue
		}
		m.printField(&b, name, x)
	}
	if c, ok := f.(UnitChanged); ok {
		v, _ := m.e.Unit(c.Unit)
		fmt.Fprintf(&b, " %s/%s", v.Active, v.Sub)
	}
	return b.String()
}

func (m *machine) printField(b *strings.Builder, name string, x reflect.Value) {
	switch {
	case x.IsZero():
	case name == "Unit" && x.Kind() == reflect.String:
		b.WriteString(" " + x.String())
	case x.Kind() == reflect.Bool:
		b.WriteString(" " + name)
	case x.Kind() == reflect.String && strings.ContainsAny(x.String(), " \""):
		fmt.Fprintf(b, " %s=%q", name, x.String())
	default:
		fmt.Fprintf(b, " %s=%v", name, x.Interface())
	}
}

// setField parses s into a field by its type.
func setField(t *testing.T, f reflect.Value, s string) {
	t.Helper()
	if !f.IsValid() {
		t.Fatalf("there is no field for %q", s)
	}
	if names, ok := enums[f.Type()]; ok {
		for i, n := range names {
			if n == s {
				f.SetUint(uint64(i))
				return
			}
		}
		t.Fatalf("%q is none of %v", s, names)
	}
	if f.Type() == reflect.TypeFor[time.Duration]() || f.Type() == reflect.TypeFor[Time]() {
		if s == "infinity" {
			f.SetInt(int64(unit.Infinity))
			return
		}
		d, err := time.ParseDuration(s)
		if err != nil {
			t.Fatal(err)
		}
		f.SetInt(int64(d))
		return
	}
	switch f.Kind() {
	case reflect.Bool:
		f.SetBool(s == "yes" || s == "true")
	case reflect.String:
		f.SetString(s)
	case reflect.Slice:
		if f.Type() == reflect.TypeFor[[]uint64]() {
			for _, w := range strings.Split(s, ",") {
				n, err := strconv.ParseUint(w, 10, 64)
				if err != nil {
					t.Fatal(err)
				}
				f.Set(reflect.Append(f, reflect.ValueOf(n)))
			}
			return
		}
		f.Set(reflect.ValueOf(strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' })))
	case reflect.Pointer: // an ExitSet
		f.Set(reflect.ValueOf(parseExitSet(t, s)))
	default:
		n, err := strconv.ParseInt(s, 0, 64)
		if err != nil {
			t.Fatal(err)
		}
		if f.CanInt() {
			f.SetInt(n)
		} else {
			f.SetUint(uint64(n))
		}
	}
}
