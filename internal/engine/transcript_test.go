// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rouse-init/rouse/internal/unit"
)

var rewrite = flag.Bool("rewrite", false, "write what the transcripts print into them; commit only what you understand")

// TestTranscripts runs testdata/*.txt. A file is a list of blocks: commands, a
// line "----", and what the engine orders. Commands are
//
//	unit NAME            defines a unit; indented lines Key=Value follow, as in a unit file
//	load | gone NAME...  hands the units defined since the last load to the engine
//	VERB UNIT [mode=M] [auto]  Asked (start, stop, restart, ...); auto: not Manual
//	reset [UNIT] | cancel N | shutdown
//	+DURATION            lets time pass
//	fire UNIT TIMER      lets time pass until the timer is due, and fires it
//	INPUT UNIT [Field=Value | Field]...   any other input, by the name of its Go type
//	show UNIT            prints the unit
//
// Answers carry the token of the last order of their kind to the unit; Role=control
// means the control process, Gen=N any other token.
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no transcripts: %v", err)
	}
	for _, f := range files {
		t.Run(strings.TrimSuffix(filepath.Base(f), ".txt"), func(t *testing.T) { runTranscript(t, f) })
	}
}

func runTranscript(t *testing.T, file string) {
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	m := &machine{t: t, e: New(Config{MinIdleLook: 5e6}), defs: map[string]*unit.Unit{}, tokens: map[string]Token{}, due: map[string]Time{}}
	var out strings.Builder
	for i, block := range strings.Split(strings.TrimRight(string(raw), "\n"), "\n\n") {
		cmds, want, checked := strings.Cut(block, "\n----")
		if !checked {
			out.WriteString(block + "\n\n")
			if !strings.HasPrefix(block, "#") {
				m.perform(cmds)
			}
			continue
		}
		got := m.perform(cmds)
		out.WriteString(cmds + "\n----\n" + got + "\n")
		want = strings.TrimPrefix(want, "\n")
		if want != "" {
			want += "\n"
		}
		if got != want && !*rewrite {
			t.Errorf("block %d:\n%s\n---- got\n%s---- want\n%s", i+1, cmds, got, want)
		}
	}
	if *rewrite {
		if err := os.WriteFile(file, []byte(strings.TrimRight(out.String(), "\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// machine runs commands against an engine and remembers its orders.
type machine struct {
	t       *testing.T
	e       *Engine
	now     Time
	defs    map[string]*unit.Unit
	pending []*unit.Unit
	tokens  map[string]Token // last order, by unit, kind and detail
	due     map[string]Time  // timers, by the same key
	buf     strings.Builder
}

func (m *machine) perform(cmds string) string {
	m.buf.Reset()
	lines := strings.Split(cmds, "\n")
	for i := 0; i < len(lines); i++ {
		w := strings.Fields(lines[i])
		if len(w) == 0 || strings.HasPrefix(w[0], "#") {
			continue
		}
		if w[0] == "unit" || w[0] == "job" {
			k := i + 1
			for k < len(lines) && strings.HasPrefix(lines[k], " ") {
				k++
			}
			var u *unit.Unit
			if w[0] == "job" {
				u = parseJob(m.t, w[1], lines[i+1:k])
			} else {
				u = parseUnit(m.t, w[1], lines[i+1:k])
			}
			m.defs[u.Name] = u
			m.pending = append(m.pending, u)
			i = k - 1
			continue
		}
		m.command(w)
	}
	return m.buf.String()
}

func (m *machine) command(w []string) {
	switch {
	case w[0] == "load":
		m.step(Loaded{Units: m.pending})
		m.pending = nil
	case w[0] == "gone":
		m.step(Loaded{Gone: w[1:]})
	case w[0] == "forget-pending":
		m.pending = nil
	case w[0] == "reset":
		m.step(AskedReset{Unit: strings.Join(w[1:], "")})
	case w[0] == "cancel":
		n, _ := strconv.Atoi(w[1])
		m.step(AskedCancel{Job: uint32(n)})
	case w[0] == "shutdown":
		m.step(AskedShutdown{})
	case w[0] == "show":
		m.show(w[1])
	case w[0] == "why":
		m.why(w[1])
	case w[0] == "status":
		m.status(w[1])
	case w[0] == "emit":
		m.emit(w[1:])
	case w[0] == "initctl":
		m.initctl(w[1:])
	case strings.HasPrefix(w[0], "+"):
		d, err := time.ParseDuration(w[0][1:])
		m.must(err)
		m.now += Time(d)
	case w[0] == "fire":
		if len(w) == 2 { // a timer of no unit
			w = []string{"fire", "", w[1]}
		}
		key := w[1] + " ArmTimer " + w[2]
		if _, armed := m.due[key]; !armed {
			m.t.Fatalf("timer %s of %s is not armed", w[2], w[1])
		}
		m.now = max(m.now, m.due[key])
		delete(m.due, key)
		m.step(TimerFired{Token: m.tokens[key], Timer: timerByName(m.t, w[2])})
	default:
		if v, ok := ParseVerb(w[0]); ok {
			m.ask(v, w[1:])
			return
		}
		m.step(m.input(w))
	}
}

func (m *machine) ask(v Verb, w []string) {
	a := Asked{ID: 1, Verb: v, Unit: w[0], Manual: true}
	for _, o := range w[1:] {
		if o == "auto" {
			a.Manual = false
		} else {
			setField(m.t, reflect.ValueOf(&a.Mode).Elem(), strings.TrimPrefix(o, "mode="))
		}
	}
	m.step(a)
}

func (m *machine) must(err error) {
	if err != nil {
		m.t.Fatal(err)
	}
}

// step feeds one input and prints the orders. A bug that the engine reports
// fails the test.
func (m *machine) step(in Input) {
	for _, f := range m.e.Step(m.now, in) {
		fmt.Fprintln(&m.buf, m.print(f))
		v := reflect.ValueOf(f)
		key := v.Type().Name()
		switch f := f.(type) {
		case Record:
			if f.Level == RecordBug {
				m.t.Errorf("the engine reports a bug: %s: %s", f.Unit, f.Msg)
			}
		case Spawn:
			if f.Role == RoleControl {
				key += " control"
			}
		case ArmTimer:
			key += " " + timerNames[f.Timer]
			m.due[f.Token.Unit+" "+key] = f.At
		case DisarmTimer:
			delete(m.due, f.Unit+" ArmTimer "+timerNames[f.Timer])
		}
		if tok := v.FieldByName("Token"); v.Kind() == reflect.Struct && tok.IsValid() {
			tok := tok.Interface().(Token)
			m.tokens[tok.Unit+" "+key] = tok
		}
	}
}

// show prints what a client sees, without times.
func (m *machine) show(name string) {
	v, ok := m.e.Unit(name)
	if !ok {
		fmt.Fprintf(&m.buf, "%s is not known\n", name)
		return
	}
	if v.Slice == v.Unit.Slice || v.Slice == rootSlice && v.Unit.Slice == "" {
		v.Slice = ""
	}
	v.Unit = nil
	v.StateChange, v.ActiveEnter, v.ActiveExit, v.InactiveEnter, v.InactiveExit = 0, 0, 0, 0, 0
	v.ConditionTime, v.MainStart, v.MainExit, v.Activity = 0, 0, 0, 0
	fmt.Fprintln(&m.buf, name+strings.TrimPrefix(m.print(v), "View"))
}
