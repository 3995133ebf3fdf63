// SPDX-License-Identifier: Apache-2.0

package load

import (
	"strings"
	"testing"
)

const install = "[Install]\nWantedBy=multi-user.target\n"

func TestPlan(t *testing.T) {
	const socket = "[Socket]\nListenStream=/run/x\n"
	for _, c := range []struct {
		name          string
		files         tree
		start, asleep string
	}{
		{"default.target", tree{"default.target": "[Unit]\nWants=a.service\n", "a.service": simple + install, "b.service": simple + install}, "default.target", ""},
		{"default.target as a link", tree{"x.target": "[Unit]\n", "default.target": "->x.target", "b.service": simple + install}, "x.target", ""},
		{"installed", tree{"a.service": simple + install, "b.service": simple}, "a.service", ""},
		{"socket wakes", tree{"a.socket": socket + install, "a.service": simple + install, "b.service": simple + install}, "a.socket b.service", "a.service by a.socket"},
		{"sockets first", tree{"z.socket": socket + install, "z.service": simple, "a.service": simple + install}, "z.socket a.service", "z.service by z.socket"},
		{"waker of an installed service", tree{"a.socket": socket, "a.service": simple + install}, "a.socket", "a.service by a.socket"},
		{"nothing installed", tree{"a.socket": socket, "a.service": simple, "b.service": simple, "x.target": "[Unit]\n"}, "a.socket b.service", "a.service by a.socket"},
		{"socket with a bridge", tree{"a.socket": socket + "X-Handover=bridge:80\n", "a.service": simple}, "a.socket", "a.service by a.socket"},
		{"linked instances", tree{"app@.service": simple, "app@.socket": socket, "sockets.target.wants/app@1.socket": "->../app@.socket", "sockets.target.wants/app@2.socket": "->../app@.socket"}, "app@1.socket app@2.socket", ""},
		{"broken", tree{"bad.service": "[Service]\nExecStart=rel/x\n" + install, "a.service": simple + install}, "a.service", ""},
		{"empty", tree{}, "", ""},
		{"jobs beside units", tree{"a.service": simple, "j.conf": "start on startup\nexec j\n"}, "a.service", ""},
		{"a job that is linked", tree{"x.target.wants/j.service": "->j.service", "j.conf": "exec j\n", "k.conf": "exec k\n"}, "j.service", ""},
		{"a job that a socket wakes", tree{"j.socket": socket, "j.conf": "exec j\n"}, "j.socket", "j.service by j.socket"},
	} {
		p, _, _ := in(c.files.make(t)).Plan()
		var asleep []string
		for _, s := range p.Asleep {
			asleep = append(asleep, s.Unit+" by "+strings.Join(s.By, ","))
		}
		if got := strings.Join(p.Start, " "); got != c.start || strings.Join(asleep, "; ") != c.asleep {
			t.Errorf("%s: starts %q, asleep %q; want %q, %q (%s)", c.name, got, strings.Join(asleep, "; "), c.start, c.asleep, p.Why)
		}
	}
}

// TestPlanOfJobs: events start jobs, and the plan says so.
func TestPlanOfJobs(t *testing.T) {
	for _, c := range []struct {
		files     tree
		jobs, why string
	}{
		{tree{"a.conf": "start on startup\nexec a\n", "b.conf": "start on x\nmanual\nexec b\n"}, "a.service", "1 of 2 Upstart jobs start when their events come"},
		{tree{"a.conf": "exec a\n", "b.conf": "exec b\nnonsense\n"}, "", "none of the 1 Upstart jobs has a start on stanza, so each waits to be started by its name"},
		{tree{}, "", "there are no units here"},
		{tree{"a.conf": "start on startup\nexec a\n", "default.target": "[Unit]\n"}, "a.service", "the directory has a default.target"},
	} {
		p, units, _ := in(c.files.make(t)).Plan()
		if got := strings.Join(p.Jobs, " "); got != c.jobs || p.Why != c.why {
			t.Errorf("jobs %q, %q; want %q, %q", got, p.Why, c.jobs, c.why)
		}
		loaded := 0
		for _, u := range units {
			if isJob(u) {
				loaded++
			}
		}
		if want := len(c.files) - strings.Count(c.why, "default.target"); loaded != want {
			t.Errorf("%d jobs of %d are loaded", loaded, want)
		}
	}
}
