// SPDX-License-Identifier: Apache-2.0

package load

import (
	"strings"
	"testing"
)

func TestCheckConfig(t *testing.T) {
	for _, c := range []struct {
		name  string
		job   string // foo.conf
		files tree
		warn  string // with -w
		want  string // without
	}{
		{name: "manual page", job: "start on starting grape\nstop on peach\n", want: "start on: unknown job grape; stop on: unknown event peach"},
		{
			name: "misleading output", job: "start on (A and (started B or (starting C or D)))\n", files: tree{"a.conf": "emits A\n"},
			want: "start on: unknown event D; start on: unknown job C; start on: unknown job B",
		},
		{name: "or", job: "start on startup or X\n", warn: "start on: unknown event X"},
		{name: "and", job: "start on startup and X\n", want: "start on: unknown event X"},
		{name: "both", job: "start on (startup or X) and Y\n", want: "start on: unknown event Y; start on: unknown event X"},
		{name: "well known", job: "start on runlevel [2345] and net-device-up IFACE=eth0 and usb-device-added\nstop on desktop-end\n"},
		{name: "emits globs", job: "start on lxc-x\n", files: tree{"a.conf": "emits lxc-*\n"}},
		{name: "ignored", job: "start on known\n"},
		{name: "variables", job: "instance $N\nstop on stopping $N or $N-x\n"},
		{name: "jobs and units", job: "start on started a and started JOB=net/b and stopped nginx RESULT=ok and started web.socket\n", files: tree{"a.conf": "", "net/b.conf": ""}},
		{name: "any job", job: "start on stopped or started JOB!=foo or started INSTANCE=1\n"},
		{name: "globs of jobs", job: "start on started a* and started JOB=z*\n", files: tree{"ab.conf": ""}, want: "start on: unknown job z*"},
		{name: "failed", job: "start on started/failed JOB=a or X/failed\n", files: tree{"a.conf": "emits X\n"}},
		{name: "failed unknown", job: "start on started/failed JOB=a\n", want: "start on: unknown job a"},
		{name: "broken job", job: "start on started a\n", files: tree{"a.conf": "nonsense\n"}, want: "start on: unknown job a"},
		{name: "hidden by a unit", job: "start on E\n", files: tree{"nginx.conf": "emits E\n"}, want: ""},
		{name: "manual", job: "start on X\nmanual\n"},
	} {
		files := tree{"foo.conf": c.job}
		for n, text := range c.files {
			files[n] = text
		}
		jobs, list := jobsIn(files.make(t)).Jobs()
		units := func(n string) bool { return n == "nginx.service" || n == "web.socket" }
		if c.warn == "" {
			c.warn = c.want
		}
		for warn, want := range map[bool]string{false: c.want, true: c.warn} {
			var got []string
			for _, u := range CheckConfig(jobs, units, []string{"known"}, warn) {
				if u.Job != "foo" || u.Unit != "foo.service" || u.Pos.Line == 0 || u.Never != (c.want != "") {
					t.Errorf("%s: %+v", c.name, u)
				}
				got = append(got, u.String())
			}
			if strings.Join(got, "; ") != want {
				t.Errorf("%s, warn %v: %s\nwant %s (%v)", c.name, warn, strings.Join(got, "; "), want, list)
			}
		}
	}
}

func TestCheckConfigFix(t *testing.T) {
	jobs, _ := jobsIn(tree{"foo.conf": "start on started nginxx\nstop on runlevell\n", "nginx.conf": ""}.make(t)).Jobs()
	for i, want := range []string{`did you mean "nginx"?`, `did you mean "runlevel"?`} {
		if got := CheckConfig(jobs, nil, nil, false); len(got) != 2 || got[i].Fix != want {
			t.Errorf("%+v, want %s", got, want)
		}
	}
}
