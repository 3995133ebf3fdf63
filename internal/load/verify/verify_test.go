// SPDX-License-Identifier: Apache-2.0

package verify

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rouse-init/rouse/internal/diag"
	"github.com/rouse-init/rouse/internal/load"
)

func makeTree(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		p := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if target, ok := strings.CutPrefix(text, "->"); ok {
			if err := os.Symlink(target, p); err != nil {
				t.Fatal(err)
			}
			continue
		}
		mode := os.FileMode(0o644)
		if strings.HasPrefix(text, "#!") {
			mode = 0o755
		}
		if err := os.WriteFile(p, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const ok = "[Service]\nExecStart=/usr/bin/web\n"

// lines prints findings of this package and errors, without the directory.
func lines(dir string, list diag.List) []string {
	var out []string
	for _, d := range list {
		if strings.HasPrefix(d.Code, "RS4") || d.Severity == diag.Error {
			text := fmt.Sprintf("%s:%d %s %s: %s", strings.TrimPrefix(d.Pos.File, dir+"/"), d.Pos.Line, d.Code, d.Unit, d.Msg)
			if d.Fix != "" {
				text += " | " + d.Fix
			}
			out = append(out, strings.ReplaceAll(text, dir, ""))
		}
	}
	return out
}

func TestFindings(t *testing.T) {
	const units = "usr/lib/systemd/system/"
	for _, c := range []struct {
		name  string
		files map[string]string
		want  []string // the beginning of each line
	}{
		{"nothing wrong", map[string]string{"a.service": ok}, nil},
		{"program", map[string]string{"a.service": "[Service]\nExecStart=/usr/bin/wbe\nExecStartPre=-/nope\n"}, []string{
			`a.service:2 RS402 a.service: cannot start: exec "/usr/bin/wbe": no such file or directory | did you mean "/usr/bin/web"?`,
			`a.service:3 RS402 a.service: cannot start: exec "/nope"`,
		}},
		{"program elsewhere", map[string]string{"a.service": "[Service]\nExecStart=/usr/sbin/web\n"}, []string{
			`a.service:2 RS402 a.service: cannot start: exec "/usr/sbin/web": no such file or directory | did you mean "/usr/bin/web"?`,
		}},
		{"sleeper", map[string]string{
			"a.service": "[Service]\nExecStart=/usr/bin/web\nX-IdleSec=1h\n",
			"b.service": "[Service]\nExecStart=/usr/bin/web\nX-IdleSec=1h\n", "b.socket": "[Socket]\nListenStream=80\n",
			"c.service": "[Service]\nExecStart=/usr/bin/web\nX-IdleSec=1h\n", "d.service": "[Unit]\nWants=c.service e.service\n" + ok,
			"e.service": "[Service]\nExecStart=/usr/bin/web\nX-IdleWhenUnneeded=yes\n",
			"f.service": "[Service]\nExecStart=/usr/bin/web\nX-IdleWhenUnneeded=yes\n",
		}, []string{
			"a.service:3 RS413 a.service: nothing but a person wakes it: it has no socket and no bus name, and no unit starts it | wake it with `rouse start a.service`",
			"f.service:3 RS413 f.service: no service needs it",
		}},
		{"sleep keys that do nothing", map[string]string{
			"a.service": "[Service]\nExecStart=/usr/bin/web\nX-IdleStopSec=1h\nX-IdleCommand=/usr/bin/web\nX-IdleAction=freeze\n",
			"b.service": "[Service]\nExecStart=/usr/bin/web\nX-IdleReclaimSec=1h\nX-IdleMinUpSec=1s\n", "b.socket": "[Socket]\nListenStream=80\nX-IdleSec=1s\n",
			"c.service": "[Service]\nExecStart=/usr/bin/web\nX-IdleReclaimSec=1h\n", "c.socket": "[Socket]\nListenStream=81\nX-IdleSec=1s\nX-IdleAction=freeze\n",
			"d@.service": "[Service]\nExecStart=/usr/bin/web\nX-IdleStopSec=1h\n", "d@82.socket": "[Socket]\nListenStream=82\nX-IdleSec=1s\nX-IdleAction=freeze\n",
		}, []string{
			"a.service:3 RS413 a.service: X-IdleStopSec= has no effect: it never sleeps | add X-IdleSec=",
			"a.service:4 RS413 a.service: X-IdleCommand= has no effect: it never sleeps",
			"a.service:5 RS413 a.service: X-IdleAction= has no effect: it never sleeps",
			"b.service:3 RS413 b.service: X-IdleReclaimSec= has no effect: it is stopped when it is idle, and never frozen | set X-IdleAction=freeze",
		}},
		{"bare name", map[string]string{"a.service": "[Service]\nExecStart=web\nExecStartPre=wb\n"}, []string{
			`a.service:3 RS402 a.service: cannot start: exec "wb": not found`,
		}},
		{"not executable", map[string]string{"a.service": "[Service]\nExecStart=/usr/share/plain\n"}, []string{
			`a.service:2 RS402 a.service: cannot start: exec "/usr/share/plain": permission denied | chmod`,
		}},
		{"missing unit", map[string]string{"a.service": "[Unit]\nRequires=bb.service dev-x.device\nWants=cc.service\n" + ok, "bbb.service": ok}, []string{
			`a.service:2 RS401 a.service: cannot start: Requires=bb.service: no file defines it`,
		}},
		{"socket without service", map[string]string{"s.socket": "[Socket]\nListenStream=/run/s\n", "a.socket": "[Socket]\nListenStream=/run/a\nAccept=yes\n", "a@.service": ok}, []string{
			`s.socket:2 RS403 s.socket: cannot start s.service when it is due: no file defines it | add s.service`,
		}},
		{"cycle", map[string]string{
			"a.service": "[Unit]\nAfter=b.service\nWants=b.service\n" + ok, "b.service": "[Unit]\nAfter=a.service\n" + ok + "[Unit]\nWants=a.service\n",
			"x.service": "[Unit]\nAfter=y.service\n" + ok, "y.service": "[Unit]\nAfter=x.service\n" + ok,
		}, []string{
			`a.service:2 RS404 a.service: cannot start all in order: these units wait for each other: `,
		}},
		{"cycle of requirements", map[string]string{
			"a.service": "[Unit]\nAfter=b.service\nRequires=b.service\n" + ok, "b.service": "[Unit]\nBefore=c.service\nAfter=c.service\nRequires=c.service\n" + ok,
			"c.service": ok, "d.service": "[Unit]\nWants=a.service\nAfter=a.service\nBefore=b.service\n" + ok,
		}, []string{
			`b.service:2 RS404 b.service: cannot start: these units require each other and wait for each other: `,
		}},
		{"no user", map[string]string{"a.service": ok + "User=no-such-user\n"}, nil}, // below a root
		{"acceptor", map[string]string{
			"a.socket": "[Socket]\nListenStream=/run/a\nAccept=yes\n", "b.socket": "[Socket]\nListenStream=/run/b\nAccept=yes\n", "b@.service": "->/dev/null",
			"c.socket": "[Socket]\nListenStream=/run/c\nAccept=yes\n", "c@.service": "->d@.service", "d@.service": ok,
		}, []string{
			`a.socket:2 RS405 a.socket: cannot serve connections: Accept=yes starts instances of a@.service: no file defines it | add a@.service`,
			`b.socket:2 RS405 b.socket: cannot serve connections: Accept=yes starts instances of b@.service: it is masked`,
		}},
		{"distributor", map[string]string{
			"a.socket": "[Socket]\nListenStream=1\nDistribute=2\n", "a.service": ok,
			"b.socket": "[Socket]\nListenStream=2\nDistribute=2\nService=worker@.service\n",
			"c.socket": "[Socket]\nListenStream=3\nDistribute=2\n", "c@.service": ok, "c@1.service": "->/dev/null",
			"d.socket": "[Socket]\nListenStream=4\nDistribute=2\n", "d@.service": ok,
		}, []string{
			`a.socket:2 RS403 a.socket: cannot start: Distribute= starts instances of a@.service, and a@0.service is not loaded: no file defines it | add a@.service, as a copy of a.service`,
			`b.socket:2 RS403 b.socket: cannot start: Distribute= starts instances of worker@.service, and worker@0.service is not loaded: no file defines it | add worker@.service`,
			`c.socket:2 RS403 c.socket: cannot start: Distribute= starts instances of c@.service, and c@1.service is not loaded: it is masked`,
		}},
		{"page of a bridge", map[string]string{
			"a.socket": "[Socket]\nListenStream=1\nX-Handover=bridge:3000 starting-page=/missing\n", "a.service": ok,
			"b.socket": "[Socket]\nListenStream=2\nX-Handover=bridge:3001 starting-page=/usr/share/plain\n", "b.service": ok,
			"c.socket": "[Socket]\nListenStream=3\nX-Handover=bridge:3002 starting-page\n", "c.service": ok,
		}, []string{
			`a.socket:3 RS406 a.socket: cannot start its bridge: starting-page=/missing: no such file or directory | add the file`,
		}},
		{"dangling links", map[string]string{"a.service": "->/opt/none.service", "b.service": "->/opt/none.service", "c.service": "->none.service"}, []string{
			`a.service:0 RS305 a.service: cannot read the file: the link leads to `,
			`b.service:0 RS305 b.service: cannot read the file: the link leads to `,
			`c.service:0 RS408 c.service: cannot load: the link leads to none.service, which no file defines | remove the link`,
		}},
		{"environment file", map[string]string{"a.service": ok + "EnvironmentFile=/etc/none\nEnvironmentFile=-/etc/other\n"}, []string{
			`a.service:3 RS406 a.service: cannot start: EnvironmentFile=/etc/none: no such file or directory | write EnvironmentFile=-/etc/none`,
		}},
		{"templates of sockets", map[string]string{
			"port@.socket": "[Socket]\nListenStream=127.0.0.1:%i\n", "port@.service": ok, "more@.socket": "[Socket]\nListenStream=800%i\n", "more@.service": ok,
			"host@.socket": "[Socket]\nListenStream=%i:80\n", "host@.service": ok, "six@.socket": "[Socket]\nListenStream=[%i]:80\n", "six@.service": ok,
			"bridge@.socket": "[Socket]\nListenStream=/run/%i\nX-Handover=bridge:127.0.0.1:1%i\n", "bridge@.service": ok,
			"port2@.socket": "[Socket]\nListenStream=127.0.0.1:%i\n", "port2@.service": ok,
			"none@.socket": "[Socket]\nListenStream=127.0.0.1:port%i\n", "none@.service": ok,
		}, []string{
			`none@.socket:0 RS020 none@1.socket: cannot load: the socket listens on nothing`,
		}},
		{"template", map[string]string{"t@.service": "[Service]\nExecStart=/usr/bin/%i\n"}, []string{
			`t@.service:2 RS402 t@1.service: cannot start: exec "/usr/bin/1"`,
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			files := map[string]string{"usr/bin/web": "#!/bin/sh\n", "usr/share/plain": "x"}
			for n, text := range c.files {
				files[units+n] = text
			}
			root := makeTree(t, files)
			got := lines(filepath.Join(root, units), Verify(load.Config{Root: root}).List)
			bad := len(got) != len(c.want)
			for i := range min(len(got), len(c.want)) {
				bad = bad || !strings.HasPrefix(got[i], c.want[i])
			}
			if bad {
				t.Errorf("findings are\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(c.want, "\n"))
			}
		})
	}
}

// TestNamedUnits: what is named is reported even where verifying everything
// would pass over it.
func TestNamedUnits(t *testing.T) {
	root := makeTree(t, map[string]string{"etc/systemd/system/e.service": "", "usr/lib/systemd/system/web.service": ok, "usr/bin/web": "#!/bin/sh\n"})
	r := Verify(load.Config{Root: root}, "wbe.service", "e.service", "web.service")
	if r.Units != 3 || len(r.List) != 2 || r.List.Errors() == false {
		t.Fatalf("%d units, findings %v", r.Units, r.List)
	}
	if !slices.ContainsFunc(r.List, func(d diag.Diagnostic) bool { return strings.Contains(d.Fix, "web.service") }) {
		t.Errorf("nobody says what wbe.service may have meant: %v", r.List)
	}
}

// TestPaths: files and directories by their paths, with what stands beside
// them and on the usual path.
func TestPaths(t *testing.T) {
	root := makeTree(t, map[string]string{
		"usr/lib/systemd/system/web.service": ok, "usr/bin/web": "#!/bin/sh\n",
		"mine/a.service": "[Unit]\nRequires=b.service web.service\n" + ok, "mine/b.service": ok,
		"mine/c.service": "[Service]\nExecStart=/none\n",
	})
	cfg := load.Config{Root: root}
	if r := Verify(cfg, filepath.Join(root, "mine/a.service")); r.Units != 1 || len(r.List) != 0 {
		t.Errorf("one file: %d units, %v", r.Units, r.List)
	}
	if r := Verify(cfg, filepath.Join(root, "mine")); r.Units != 3 || len(r.List) != 1 || r.List[0].Unit != "c.service" {
		t.Errorf("a directory: %d units, %v", r.Units, r.List)
	}
	if r := Verify(cfg, filepath.Join(root, "mine/none.service")); !r.Errors() {
		t.Errorf("a missing file: %v", r.List)
	}
}

func TestJSON(t *testing.T) {
	for _, list := range []diag.List{nil, {
		{Pos: diag.Pos{File: "/a", Line: 3, Col: 7}, Severity: diag.Warning, Code: "RS001", Unit: "a.service", Msg: "cannot \"x\"", Fix: "y"},
		{Severity: diag.Error, Msg: "z"},
	}} {
		var b bytes.Buffer
		if err := (Report{List: list}).JSON(&b); err != nil {
			t.Fatal(err)
		}
		var got []Finding
		if err := json.Unmarshal(b.Bytes(), &got); err != nil {
			t.Fatalf("%v in %s", err, b.String())
		}
		if len(got) != len(list) {
			t.Fatalf("%d of %d findings in %s", len(got), len(list), b.String())
		}
		if len(got) > 0 && got[0] != (Finding{"/a", 3, 7, "a.service", "warning", "RS001", "cannot \"x\"", "y"}) {
			t.Errorf("first finding is %+v", got[0])
		}
	}
}

// TestComponents compares with the definition: two nodes are in one component
// when each is reached from the other.
func TestComponents(t *testing.T) {
	seed := uint32(1)
	next := func(n int) int { seed = seed*1664525 + 1013904223; return int(seed>>8) % n }
	for range 200 {
		n := 1 + next(9)
		after := make([][]edge, n)
		reach := make([][]bool, n)
		for i := range reach {
			reach[i] = make([]bool, n)
		}
		for range next(2 * n) {
			a, b := next(n), next(n)
			after[a] = append(after[a], edge{b})
			reach[a][b] = true
		}
		for k := range n {
			for i := range n {
				for j := range n {
					reach[i][j] = reach[i][j] || reach[i][k] && reach[k][j]
				}
			}
		}
		in := make([]int, n)
		for c, comp := range components(after) {
			for _, v := range comp {
				in[v] = c + 1
			}
		}
		for i := range n {
			for j := range n {
				same := reach[i][j] && reach[j][i]
				if i != j && same != (in[i] != 0 && in[i] == in[j]) {
					t.Fatalf("nodes %d and %d of %v: components %v", i, j, after, in)
				}
			}
		}
	}
}

// TestCorpus verifies a whole distribution.
func TestCorpus(t *testing.T) {
	root := os.Getenv("ROUSE_CORPUS")
	if root == "" {
		t.Skip("ROUSE_CORPUS does not name a tree with the unit files of a distribution")
	}
	start := time.Now()
	r := Verify(load.Config{Root: root})
	t.Logf("%d units, %d findings in %v", r.Units, len(r.List), time.Since(start))
	if r.Units < 100 {
		t.Errorf("only %d units", r.Units)
	}
	for _, d := range r.List {
		if strings.Contains(d.Msg, "unknown") {
			t.Logf("%s", d.String())
		}
	}
}

// TestUser: on this machine a User= must be there.
func TestUser(t *testing.T) {
	dir := makeTree(t, map[string]string{
		"a.service": "[Service]\nExecStart=/bin/sh\nUser=no-such-user\n", "b.service": "[Service]\nExecStart=/bin/sh\nUser=12345\n",
		"c.service": "[Service]\nExecStart=/bin/sh\nUser=root\n", "d.service": "[Service]\nExecStart=/bin/sh\nGroup=no-such-group\n",
	})
	var got []string
	r := Verify(load.Config{Paths: []string{dir}})
	for _, d := range r.List {
		if d.Code == CodeUser {
			got = append(got, d.String())
		}
	}
	want := []string{
		dir + "/a.service:3:6: a.service: warning: cannot start: User=no-such-user: no such user\n    fix: make it: useradd --system no-such-user",
		dir + "/d.service:3:7: d.service: warning: cannot start: Group=no-such-group: no such group\n    fix: make it: groupadd --system no-such-group",
	}
	if !slices.Equal(got, want) || r.Errors() {
		t.Errorf("findings are %q, want %q", got, want)
	}
}

// TestAddresses: of two sockets with one address, of whatever formats, only one
// can listen.
func TestAddresses(t *testing.T) {
	dir := makeTree(t, map[string]string{
		"inetd.conf": "8001 stream tcp4 nowait root /bin/sh\n8002 stream tcp nowait root:root /bin/sh\n8003 dgram udp4 wait root:no-such-group /bin/sh\n",
		"a.plist": `<plist version="1.0"><dict><key>Label</key><string>a</string><key>ProgramArguments</key><array><string>/bin/sh</string></array>` +
			`<key>Sockets</key><dict><key>x</key><dict><key>SockNodeName</key><string>127.0.0.1</string><key>SockServiceName</key><string>8001</string></dict></dict></dict></plist>`,
		"b.socket": "[Socket]\nListenStream=8003\nService=c.service\n", "c.service": "[Service]\nExecStart=/bin/sh\n",
		"d.socket": "[Unit]\nConflicts=b.socket\n[Socket]\nListenStream=8003\nService=c.service\n",
		"j.conf":   "start on started JOB=8002-tcp* and started JOB=8009-tcp-*\nexec /bin/sh\n",
	})
	got := lines(dir, Verify(load.Config{Paths: []string{dir}}).List)
	want := []string{
		`a.plist:1 RS414 a.socket: cannot listen on 127.0.0.1:8001: 8001-tcp4.socket (/inetd.conf:1:1) does | give one of them another address`,
		`inetd.conf:3 RS407 8003-udp4.service: cannot start: Group=no-such-group: no such group | make it: groupadd --system no-such-group`,
		`j.conf:1 RS409 j.service: cannot start by itself: start on can never come true: nothing defines the job "8009-tcp-*"`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("findings are\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestJobs: files of jobs, by directory and by path, and the events that
// cannot come.
func TestJobs(t *testing.T) {
	dir := makeTree(t, map[string]string{
		"init/a.conf":     "start on started web and started emiter\nstop on nothing\nexec /bin/sh\n",
		"init/b.conf":     "start on startup or never\nexec /bin/sh\nneeds wbe\nsetuid no-such-user\n",
		"init/net/c.conf": "start on b-ready\nexec /bin/sh\nrespawm\n", "init/emitter.conf": "emits b-*\n", "init/web.conf": "start on\n",
		"units/web.service": "[Service]\nExecStart=/bin/sh\n",
	})
	cfg := load.Config{Paths: []string{filepath.Join(dir, "units")}, JobPaths: []string{filepath.Join(dir, "init")}}
	at := func(name string) string { return filepath.Join(dir, "init", name) }
	const (
		a1 = `init/a.conf:1 RS409 a.service: cannot start by itself: start on can never come true: nothing defines the job "emiter" | did you mean "emitter"?`
		a2 = `init/a.conf:2 RS409 a.service: cannot stop by itself: stop on can never come true: no job emits the event "nothing", and it is not a well-known one | write "emits nothing"`
		b1 = `init/b.conf:1 RS409 b.service: cannot start by this part of start on: no job emits the event "never"`
		b2 = `init/b.conf:3 RS401 b.service: cannot start: needs wbe: no file defines it | did you mean "web.service"?`
		b3 = `init/b.conf:4 RS407 b.service: cannot start: setuid no-such-user: no such user`
	)
	for _, c := range []struct {
		names []string
		units int
		want  []string
	}{
		{nil, 5, []string{a1, a2, b1, b2, b3, `init/net/c.conf:3 RU002 net-c.service: cannot read "respawm"`}},
		{[]string{at("a.conf")}, 1, []string{a1, a2}},
		{[]string{at("net/c.conf")}, 1, []string{`init/net/c.conf:3 RU002 net-c.service: cannot read "respawm"`}},
		{[]string{"emitter.service"}, 1, nil},
		{[]string{at("web.conf")}, 1, []string{`init/web.conf:1 RU004 web.service: cannot read start on`}}, // hidden, and wrong
	} {
		r := Verify(cfg, c.names...)
		if c.names != nil {
			r.List = slices.DeleteFunc(r.List, func(d diag.Diagnostic) bool { return !slices.Contains(r.Names, d.Unit) })
		}
		got := lines(dir, r.List)
		bad := len(got) != len(c.want) || r.Units != c.units
		for i := range min(len(got), len(c.want)) {
			bad = bad || !strings.HasPrefix(got[i], c.want[i])
		}
		if bad {
			t.Errorf("%v: %d units, findings are\n%s\nwant\n%s", c.names, r.Units, strings.Join(got, "\n"), strings.Join(c.want, "\n"))
		}
	}
}

// TestJobByPath: a job finds what stands beside it, whatever the format, and
// what is installed.
func TestJobByPath(t *testing.T) {
	root := makeTree(t, map[string]string{
		"bin/sh": "#!/bin/sh\n", "etc/init/installed.conf": "emits E\n", "etc/init/net/mine.conf": "start on E\nexec /bin/sh\n",
		"usr/lib/systemd/system/dbus.service": "[Service]\nExecStart=/bin/sh\n",
		"my/a.conf":                           "start on E and started b and started dbus and started other\nneeds other\nexec /bin/sh\n",
		"my/b.conf":                           "exec /none\n", "my/other.service": "[Service]\nExecStart=/bin/sh\n",
	})
	for _, c := range []struct{ path, unit string }{{"my/a.conf", "a.service"}, {"etc/init/net/mine.conf", "net-mine.service"}} {
		r := Verify(load.Config{Root: root}, filepath.Join(root, c.path))
		if len(r.List) != 0 || r.Units != 1 || !slices.Equal(r.Names, []string{c.unit}) {
			t.Errorf("%s: %d units, %v, findings %v", c.path, r.Units, r.Names, r.List)
		}
	}
	if r := Verify(load.Config{Root: root}, filepath.Join(root, "my/none.conf")); !r.Errors() {
		t.Errorf("a file that is not there: %v", r.List)
	}
}

// TestSuper: the lines of inetd.conf and the entries of xinetd, by file and by
// directory.
func TestSuper(t *testing.T) {
	dir := makeTree(t, map[string]string{
		"inetd.conf":  "8001 stream tcp nowait no-such-user /none x\n8002 stream tcp nowait root /bin/sh\n8003 stream\n",
		"xinetd.d/ok": "service ok\n{\n\ttype = UNLISTED\n\tport = 8004\n\tsocket_type = stream\n\twait = no\n\tuser = no-such-user\n\tserver = /bin/sh\n}\nservice bad\n{\n\tnice = 99\n}\n",
	})
	inetd := []string{
		`inetd.conf:1 RS407 8001-tcp@1.service: cannot start: User=no-such-user: no such user`,
		`inetd.conf:1 RS402 8001-tcp@1.service: cannot start: exec "/none"`,
		`inetd.conf:3 RI001 : cannot read the service "8003"`,
	}
	xinetd := []string{
		`xinetd.d/ok:7 RS407 ok-tcp@1.service: cannot start: User=no-such-user: no such user`,
		`xinetd.d/ok:12 RX003 bad-tcp.socket: cannot read nice = "99": expected a number from -20 to 19`,
	}
	for _, c := range []struct {
		path  string
		units int
		want  []string
	}{
		{"inetd.conf", 4, inetd}, {"xinetd.d", 4, xinetd}, {"xinetd.d/ok", 4, xinetd}, {"", 8, slices.Concat(inetd, xinetd)},
	} {
		r := Verify(load.Config{Paths: []string{}}, filepath.Join(dir, c.path))
		got := lines(dir, r.List)
		bad := len(got) != len(c.want) || r.Units != c.units
		for i := range min(len(got), len(c.want)) {
			bad = bad || !strings.HasPrefix(got[i], c.want[i])
		}
		if bad {
			t.Errorf("%s: %d units, findings are\n%s\nwant\n%s", c.path, r.Units, strings.Join(got, "\n"), strings.Join(c.want, "\n"))
		}
	}
}
