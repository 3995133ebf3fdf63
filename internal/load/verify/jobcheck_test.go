// SPDX-License-Identifier: Apache-2.0

package verify

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rouse-init/rouse/internal/diag"
	"github.com/rouse-init/rouse/internal/format/upstart"
	"github.com/rouse-init/rouse/internal/load"
)

// TestJobChecks: what is told of one job, a.conf, besides what its parser
// tells.
func TestJobChecks(t *testing.T) {
	if _, err := os.Stat("/bin/sh"); err != nil {
		t.Skip("no shell that reads scripts: ", err)
	}
	for _, c := range []struct {
		name, job, other string
		want             []string // "LINE SEVERITY CODE the beginning of the message | fix"
	}{
		{name: "nothing", job: "start on calendar Mon..Fri\ncalendar *:0/10\nchdir /\nexec /bin/sh\n"},
		{name: "no time", job: "start on startup or calendar \"Mon..Fry 25:00\"\nexec /bin/sh\n", want: []string{`1 error RS410 cannot read calendar expression "Mon..Fry 25:00": expected a weekday`}},
		{name: "stanza", job: "exec /bin/sh\ncalendar 25:00\n", want: []string{`2 error RS410 cannot read calendar`}},
		{name: "stop", job: "start on startup\nstop on calendar SPEC=25:00 or calendar SPEC=$T\nexec /bin/sh\n", want: []string{`2 error RS410 cannot read calendar`}},
		{name: "no such day", job: "calendar 2026-02-30\nexec /bin/sh\n", want: []string{`1 warning RS410 cannot start by this: the time "2026-02-30" never comes`}},
		{name: "past", job: "stop on calendar 2001-01-01\nexec /bin/sh\n", want: []string{`1 warning RS410 cannot stop by this: the time "2001-01-01" never comes`}},

		{name: "script", job: "script\n  true\n  if x; then\nend script\n", want: []string{`4 error RS411 cannot run the script: the shell says: `}},
		{name: "quotes", job: "exec echo `x\n", want: []string{`1 error RS411 cannot run the script: the shell says: `}},
		{name: "good scripts", job: "pre-start script\n  if x; then y; fi\nend script\nexec /bin/sh -c 'exit 1'\n"},

		{name: "chdir", job: "chdir /tmp/no-such-directory\nexec /bin/sh\n", want: []string{`1 note RS406 cannot start: chdir /tmp/no-such-directory: no such directory`}},
		{name: "chroot", job: "chroot /etc\nchdir /passwd\nexec /bin/sh\n", want: []string{`2 warning RS406 cannot start: chdir /passwd: it is no directory`}},
		{name: "chdir to be", job: "chdir /run/no-such-directory\nexec /bin/sh\n", want: []string{`1 note RS406 cannot start: chdir`}},
		{name: "chdir on disk", job: "chdir /no-such-directory\nexec /bin/sh\n", want: []string{`1 warning RS406 cannot start: chdir`}},

		{name: "accounts", job: "exec /bin/sh\nsetuid no-such-user\nsetgid no-such-group\n", want: []string{
			`2 warning RS407 cannot start: setuid no-such-user: no such user | make it: useradd --system no-such-user`,
			`3 warning RS407 cannot start: setgid no-such-group: no such group | make it: groupadd --system no-such-group`,
		}},

		{name: "keys", job: "start on socket PROT=inet PORT=80\nstop on file FLE=/x or dbus SIGNL=Foo or dbus ARG0=x ARG12=y or started JBO=b or stopped b EXIT_SIGNAL=KILL\nexec /bin/sh\n", other: "exec /bin/sh\n", want: []string{
			`1 warning RS412 cannot come true: the event "socket" has no variable PROT | did you mean PROTO?`,
			`2 warning RS412 cannot come true: the event "file" has no variable FLE | did you mean FILE?`,
			`2 warning RS412 cannot come true: the event "dbus" has no variable SIGNL | did you mean SIGNAL?`,
			`2 warning RS412 cannot come true: the event "started" has no variable JBO | did you mean JOB?`,
		}},
		{name: "exported", job: "start on started b FOO=1\nexec /bin/sh\n", other: "export FOO\nexec /bin/sh\n"},
		{name: "not exported", job: "start on started b FOO=1\nexec /bin/sh\n", other: "exec /bin/sh\n", want: []string{`1 warning RS412 cannot come true: the event "started" has no variable FOO | it has JOB, INSTANCE`}},
		{name: "exported elsewhere", job: "start on started b or started none FOO=1\nexec /bin/sh\n", other: "exec /bin/sh\n", want: []string{`1 note RS409 `}},
		{name: "an event of a job's", job: "start on file MINE=1\nexec /bin/sh\n", other: "emits file\nexec /bin/sh\n"},
		{name: "open events", job: "start on net-device-up MTU=9 or tty-device-added ID_X=1 or runlevel X=2\nexec /bin/sh\n"},
		{name: "mistake in an open one", job: "start on runlevel RUNLEVL=2\nexec /bin/sh\n", want: []string{`1 warning RS412 cannot come true: the event "runlevel" has no variable RUNLEVL | did you mean RUNLEVEL?`}},
		{name: "own event", job: "start on own X=1\nexec /bin/sh\n", other: "emits own\nexec /bin/sh\n"},

		{name: "instance", job: "instance $FOO-$JOB\nstart on started b or startup\nexec /bin/sh\n", other: "exec /bin/sh\n", want: []string{`2 note RS412 cannot start by start on: instance needs the variable FOO`}},
		{name: "instance of anything", job: "instance $FOO\nstart on started b or x\nexec /bin/sh\n", other: "emits x\nexec /bin/sh\n"},
		{name: "instance with env", job: "instance ${FOO}$BAR${BAZ:-x}\nenv FOO=1\nenv BAR\nstart on startup\nexec /bin/sh\n"},
	} {
		files := map[string]string{"a.conf": c.job}
		if c.other != "" {
			files["b.conf"] = c.other
		}
		in := makeTree(t, files)
		var got []string
		for _, d := range Verify(load.Config{Paths: []string{}, JobPaths: []string{in}}, filepath.Join(in, "a.conf")).List {
			text := strings.TrimPrefix(d.String(), d.Pos.String()+": a.service: ")
			text = strings.TrimPrefix(text, d.Severity.String()+": ")
			got = append(got, strings.Join([]string{itoa(d.Pos.Line), d.Severity.String(), d.Code, strings.Replace(text, "\n    fix: ", " | ", 1)}, " "))
		}
		bad := len(got) != len(c.want)
		for i := range min(len(got), len(c.want)) {
			bad = bad || !strings.HasPrefix(got[i], c.want[i])
		}
		if bad {
			t.Errorf("%s: findings are\n%s\nwant\n%s", c.name, strings.Join(got, "\n"), strings.Join(c.want, "\n"))
		}
	}
}

func itoa(n int32) string { return strings.TrimPrefix(diag.Pos{File: "f", Line: n}.String(), "f:") }

// TestCalendarsNow: a time that has come cannot come again.
func TestCalendarsNow(t *testing.T) {
	u, _ := upstart.Compile("a", upstart.Parse("a.conf", []byte("calendar 2030-05-01 12:00\n")), nil, upstart.Options{})
	for year, want := range map[int]int{2029: 0, 2031: 1} {
		if list := Calendars(u, time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC)); len(list) != want || list.Errors() {
			t.Errorf("in %d: %v", year, list)
		}
	}
}

// TestNeedsCycle: jobs are spoken of in the words of their files.
func TestNeedsCycle(t *testing.T) {
	dir := makeTree(t, map[string]string{
		"a.conf": "needs b\nexec /bin/sh\n", "b.conf": "needs a\nexec /bin/sh\n",
		"c.conf": "needs d\nexec /bin/sh\n", "d.service": "[Unit]\nRequires=c.service\nAfter=c.service\n[Service]\nExecStart=/bin/sh\n",
	})
	r := Verify(load.Config{Paths: []string{dir}})
	want := []string{"remove one of the needs or dbus stanzas between them", "remove one of the needs stanzas or of the After= or Before= lines between them"}
	if len(r.List) != 2 || r.List[0].Fix != want[0] || r.List[1].Fix != want[1] {
		t.Errorf("findings are %v", r.List)
	}
}

// TestOwnNames: jobs that call initctl by its names are told where to get them.
func TestOwnNames(t *testing.T) {
	for _, c := range []struct{ job, want string }{
		{"script\n\tif true; then start x; fi\nend script\n", `a.conf:1 RS402 a.service: cannot run start in the script: not found in /usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin | it is a name of rouse: ln -s "$(command -v rouse)" /usr/local/bin/start, or write rouse initctl start`},
		{"pre-start script\ninitctl emit x\nend script\n", `a.conf:1 RS402 a.service: cannot run initctl in the script: not found in /usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin | it is a name of rouse: ln -s "$(command -v rouse)" /usr/local/bin/initctl, or write rouse initctl`},
		{"exec shutdown -h now\n", `a.conf:1 RS402 a.service: cannot start: exec "shutdown": not found in /usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin | it is a name of rouse: ln -s "$(command -v rouse)" /usr/local/bin/shutdown, or write rouse shutdown`},
		{"script\nstart () {\n\techo start x\n}\nstart=1\nend script\n", ""},
		{"script\nstop x\nend script\n", ""}, // it is there
	} {
		root := makeTree(t, map[string]string{"bin/sh": "#!\n", "bin/stop": "#!\n", "etc/init/a.conf": c.job})
		if got := strings.Join(lines(filepath.Join(root, "etc/init"), Verify(load.Config{Root: root}).List), "; "); got != c.want {
			t.Errorf("%q: %s\nwant %s", c.job, got, c.want)
		}
	}
}
