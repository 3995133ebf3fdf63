// SPDX-License-Identifier: Apache-2.0

package launchd

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/rouse-init/rouse/internal/diag"
	"github.com/rouse-init/rouse/internal/format/launchd/plist"
	"github.com/rouse-init/rouse/internal/unit"
)

// ends is a set of the ways in which a service can end.
type ends uint8

const (
	endSuccess ends = 1 << iota
	endFailure      // an exit status, or a signal that is no crash
	endCrash        // a signal of crashSignals
	endAll     = endSuccess | endFailure | endCrash
)

// By the kernel's numbers: crashSignals are ILL, TRAP, ABRT, BUS, FPE, SEGV and
// SYS. cleanSignals are HUP, INT, PIPE and TERM, which Restart= takes for
// success, while SuccessfulExit asks for an exit with status 0.
var (
	crashSignals = []uint8{4, 5, 6, 7, 8, 11, 31}
	cleanSignals = []uint8{1, 2, 13, 15}
)

// keep is KeepAlive: all its conditions are joined by or.
type keep struct {
	restart ends
	// atLoad: the job is started so that there is an end to judge it by.
	atLoad bool
	// afterDemand: keeping alive begins with the first demand.
	afterDemand bool
	// holds are the conditions that are looked at before each start, as words
	// of `rouse launchd-holds`; jobs tells that other jobs are among them.
	holds []string
	jobs  bool
	state diag.Pos // of the first of these
}

func (b *build) setOnDemand(v *plist.Value) {
	if !v.Bool {
		b.keep.restart, b.keep.atLoad = endAll, true
	}
}

func (b *build) setKeepAlive(v *plist.Value) {
	k := &b.keep
	if v.Kind == plist.Bool {
		if v.Bool {
			k.restart, k.atLoad = endAll, true
		}
		return
	}
	for _, e := range v.Entries {
		c := keepCondition(e.Key)
		if c == nil {
			b.unknown(e, "KeepAlive", keepNames())
			continue
		}
		if b.fits("KeepAlive "+c.name, []plist.Kind{c.kind}, e.Value, false) {
			c.read(b, e.Value)
		}
	}
	if k.afterDemand && k.restart == 0 && k.state.Line == 0 {
		k.restart = endAll
	}
}

// condition is one key of the dictionary KeepAlive.
type condition struct {
	name    string
	kind    plist.Kind
	read    func(b *build, v *plist.Value)
	becomes string
}

func keepConditions() []condition {
	return []condition{
		{"SuccessfulExit", plist.Bool, func(b *build, v *plist.Value) {
			b.keep.end(v.Bool, endSuccess, endFailure|endCrash)
		}, "true: `Restart=on-success`; false: `Restart=on-failure`; an end by SIGHUP, SIGINT, SIGPIPE or SIGTERM is none of success; started at load, too"},
		{"Crashed", plist.Bool, func(b *build, v *plist.Value) {
			b.keep.end(v.Bool, endCrash, endSuccess|endFailure)
		}, "true: `RestartForceExitStatus=` with the signals of a crash; false: all other ends; started at load, too"},
		{"AfterInitialDemand", plist.Bool, func(b *build, v *plist.Value) {
			b.keep.afterDemand = v.Bool
		}, "true: not started at load; what else KeepAlive says counts from the first demand on"},
		{"NetworkState", plist.Bool, func(b *build, v *plist.Value) {
			if v.Bool {
				b.keep.restart, b.keep.atLoad = endAll, true
			}
			b.note(v.Pos, "KeepAlive NetworkState: the network counts as up, always, as it does in later releases of macOS")
		}, "true: always, as in later releases of macOS; false: never"},
		{"PathState", plist.Dict, (*build).keepPaths, "`Restart=always`, events `file`, and a look at the paths before each start; with other reasons to start: events `file` alone"},
		{"OtherJobActive", plist.Dict, (*build).keepJobs, "`Restart=always`, started by the event `started` (false: `stopped`) of the other job and stopped by the opposite; with other reasons to start: the starting event alone"},
		{"OtherJobEnabled", plist.Dict, func(b *build, v *plist.Value) {
			for _, e := range v.Entries {
				if b.fits("OtherJobEnabled", []plist.Kind{plist.Bool}, e.Value, false) && e.Value.Bool {
					b.keep.restart, b.keep.atLoad = endAll, true
				}
			}
			b.note(v.Pos, "KeepAlive OtherJobEnabled: the other job counts as loaded, always")
		}, "true: always; false: never"},
	}
}

func keepCondition(name string) *condition {
	for _, c := range keepConditions() {
		if strings.EqualFold(c.name, name) {
			return &c
		}
	}
	return nil
}

func keepNames() (out []string) {
	for _, c := range keepConditions() {
		out = append(out, c.name)
	}
	return out
}

func (k *keep) end(is bool, yes, no ends) {
	k.atLoad = true
	if is {
		k.restart |= yes
	} else {
		k.restart |= no
	}
}

// keepPaths: the job runs while a path exists, or while it does not.
func (b *build) keepPaths(v *plist.Value) {
	for _, e := range v.Entries {
		if !b.fits("PathState", []plist.Kind{plist.Bool}, e.Value, false) {
			continue
		}
		if !filepath.IsAbs(e.Key) || !watchable(e.Key) {
			b.warn(e.Pos, "cannot watch the path %.60q of PathState: expected an absolute path, ignoring", e.Key)
			continue
		}
		event, word := "create", "path:"
		if !e.Value.Bool {
			event, word = "delete", "nopath:"
		}
		path := filepath.Clean(e.Key)
		b.start(fileTerm(e.Pos, literal(path), event))
		b.holds(e.Pos, word+path)
	}
}

// keepJobs: the job runs while another one does, or while it does not.
func (b *build) keepJobs(v *plist.Value) {
	for _, e := range v.Entries {
		if !b.fits("OtherJobActive", []plist.Kind{plist.Bool}, e.Value, false) {
			continue
		}
		if e.Key == "" || len(e.Key) > maxLabel {
			b.warn(e.Pos, "cannot watch the job %.60q: expected a label, ignoring", e.Key)
			continue
		}
		begin, end := "started", "stopped"
		if !e.Value.Bool {
			begin, end = end, begin
		}
		if !b.start(jobTerm(e.Pos, begin, e.Key)) {
			return
		}
		b.stopOn = either(b.stopOn, unit.Expr{jobTerm(e.Pos, end, e.Key)})
		b.keep.jobs = true
		if b.keep.state.Line == 0 {
			b.keep.state = e.Pos
		}
	}
}

func (b *build) holds(pos diag.Pos, word string) {
	b.keep.holds = append(b.keep.holds, word)
	if b.keep.state.Line == 0 {
		b.keep.state = pos
	}
}

// mixed tells whether the job has a reason to start besides one kind of state:
// then a look at the state before each start would keep it from starting.
func (b *build) mixed() bool {
	return b.runAt || b.keep.restart != 0 || len(b.sockets) > 0 || b.dated || b.watches || len(b.keep.holds) > 0 && b.keep.jobs
}

// state puts into effect what is kept alive by a state.
func (b *build) state(s *unit.Service) {
	k := &b.keep
	switch {
	case k.state.Line == 0:
	case b.inetd:
		b.stopOn = nil
	case b.mixed():
		b.stopOn = nil
		b.note(k.state, "this starts the job when it comes true, but is not looked at again when the job has ended, as there are other reasons to start it")
	case k.jobs:
		s.Restart = unit.RestartAlways
		k.atLoad = slices.ContainsFunc(b.startOn, func(t unit.Term) bool { return t.Event == "stopped" })
	default:
		s.Restart = unit.RestartAlways
		k.atLoad = slices.ContainsFunc(k.holds, func(w string) bool { return strings.HasPrefix(w, "nopath:") })
		s.Commands = append(s.Commands, unit.Command{
			Phase: unit.PhaseCondition, Privileged: unit.PrivFull, NoEnv: true, Pos: k.state,
			Path: b.opt.Program, Args: append([]string{"rouse", "launchd-holds"}, k.holds...),
		})
	}
}

// fill is what Restart= and its kin make of the ends.
func (k *keep) fill(s *unit.Service) {
	crashes, clean := &unit.ExitSet{Signals: crashSignals}, &unit.ExitSet{Signals: cleanSignals}
	switch k.restart {
	case 0:
	case endSuccess:
		s.Restart, s.RestartPrevent = unit.RestartOnSuccess, clean
	case endFailure | endCrash:
		s.Restart, s.RestartForce = unit.RestartOnFailure, clean
	case endCrash:
		s.RestartForce = crashes
	case endSuccess | endCrash:
		s.Restart, s.RestartForce, s.RestartPrevent = unit.RestartOnSuccess, crashes, clean
	case endSuccess | endFailure:
		s.Restart, s.RestartPrevent = unit.RestartAlways, crashes
	default:
		s.Restart = unit.RestartAlways
	}
}
