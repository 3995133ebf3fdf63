// SPDX-License-Identifier: Apache-2.0

package initctl

import (
	"strings"

	"github.com/rouse-init/rouse/internal/bus/client"
	"github.com/rouse-init/rouse/internal/load"
	"github.com/rouse-init/rouse/internal/unit"
)

func checkConfigCmd(r *run, args []string) error {
	jobs, err := r.jobs(nil)
	if err != nil {
		return err
	}
	var units []*unit.Unit
	only := ""
	if len(args) > 0 {
		only = args[0]
	}
	found := false
	for _, j := range jobs {
		info, err := j.Info()
		if gone(err) {
			continue
		}
		if err != nil {
			return err
		}
		found = found || info.Name == only
		units = append(units, definition(info))
	}
	if only != "" && !found {
		return textError("Invalid job class: " + only)
	}
	var known []string
	for e := range strings.SplitSeq(r.ignore, ",") {
		if e = strings.TrimSpace(e); e != "" {
			known = append(known, e)
		}
	}
	bad, last := false, ""
	for _, u := range load.CheckConfig(units, func(string) bool { return false }, known, r.warn) {
		if only != "" && u.Job != only {
			continue
		}
		if u.Job != last {
			r.printf("%s\n", u.Job)
		}
		bad, last = true, u.Job
		r.printf("  %s\n", u)
	}
	if bad {
		return silentError{}
	}
	return nil
}

// textError is an error of initctl's own, in its words.
type textError string

func (e textError) Error() string { return string(e) }

// definition is as much of a job as its conditions are judged by.
func definition(info client.UpstartJobInfo) *unit.Unit {
	return &unit.Unit{
		Name: info.Name + ".service", Kind: unit.KindService, Load: unit.Loaded,
		Events: &unit.Events{StartOn: expression(info.StartOn), StopOn: expression(info.StopOn), Emits: info.Emits},
	}
}

// expression reads an expression as the bus has it.
func expression(terms [][]string) unit.Expr {
	var e unit.Expr
	for _, words := range terms {
		switch {
		case len(words) == 0:
			continue
		case operator(words) == "and":
			e = append(e, unit.Term{Op: unit.OpAnd})
			continue
		case operator(words) == "or":
			e = append(e, unit.Term{Op: unit.OpOr})
			continue
		}
		t := unit.Term{Event: words[0]}
		for _, w := range words[1:] {
			key, value, named := strings.Cut(w, "=")
			m := unit.Match{Value: w}
			if named {
				plain, negated := strings.CutSuffix(key, "!")
				m = unit.Match{Key: plain, Value: value, Negate: negated}
			}
			t.Match = append(t.Match, m)
		}
		e = append(e, t)
	}
	return e
}
