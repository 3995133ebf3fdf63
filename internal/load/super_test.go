// SPDX-License-Identifier: Apache-2.0

package load

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rouse-init/rouse/internal/format/systemd"
	"github.com/rouse-init/rouse/internal/unit"
)

const (
	inetdLine   = "8001 stream tcp4 nowait root /bin/cat\n"
	xinetdEntry = "service x\n{\n\ttype = UNLISTED\n\tport = 8002\n\tsocket_type = stream\n\twait = no\n\tuser = root\n\tserver = /bin/cat\n}\n"
)

// TestSuperFiles: which files are those of super-servers, and what starts.
func TestSuperFiles(t *testing.T) {
	for _, c := range []struct {
		name  string
		files tree
		path  string // below the directory
		start string
	}{
		{"inetd.conf in a directory", tree{"inetd.conf": inetdLine}, "", "8001-tcp4.socket"},
		{"as a file", tree{"inetd.conf": inetdLine}, "inetd.conf", "8001-tcp4.socket"},
		{"under another name", tree{"mine.conf": "# mine\n" + inetdLine}, "mine.conf", "8001-tcp4.socket"},
		{"inetd.d", tree{"inetd.d/a": inetdLine, "inetd.d/b~": "nonsense\n", "inetd.d/c.dpkg-old": "nonsense\n"}, "", "8001-tcp4.socket"},
		{"xinetd.conf", tree{"xinetd.conf": xinetdEntry}, "", "x-tcp.socket"},
		{"xinetd.d in a directory", tree{"xinetd.d/x": xinetdEntry}, "", "x-tcp.socket"},
		{"xinetd.d itself", tree{"xinetd.d/x": xinetdEntry}, "xinetd.d", "x-tcp.socket"},
		{"a file of it", tree{"xinetd.d/x": xinetdEntry, "xinetd.d/y": "nonsense\n"}, "xinetd.d/x", "x-tcp.socket"},
		{"under another name", tree{"mine.conf": xinetdEntry}, "mine.conf", "x-tcp.socket"},
		{"with a mistake in the first line", tree{"mine.conf": "8003 stram tcp4 nowait root /bin/cat\n" + inetdLine}, "mine.conf", "8001-tcp4.socket"},
		{"with a mistake in the first head", tree{"mine.conf": strings.Replace(xinetdEntry, "service", "serivce", 1) + xinetdEntry}, "mine.conf", "x-tcp.socket"},
		{"what is off", tree{"inetd.conf": inetdLine + "#<off># 8003 stream tcp4 nowait root /bin/cat\n"}, "", "8001-tcp4.socket"},
		{"the service exec is no job", tree{"inetd.conf": "exec\tstream\ttcp4\tnowait\troot\t/bin/cat\n"}, "", "exec-tcp4.socket"},
		{"beside units", tree{"inetd.conf": inetdLine, "a.service": simple, "b.service": simple + install}, "", "8001-tcp4.socket b.service"},
		{"beside units without [Install]", tree{"inetd.conf": inetdLine, "a.service": simple}, "", "8001-tcp4.socket a.service"},
		{"beside default.target", tree{"inetd.conf": inetdLine, "default.target": "[Unit]\n"}, "", "8001-tcp4.socket default.target"},
		{"beside jobs", tree{"inetd.conf": inetdLine, "j.conf": "start on startup\nexec j\n"}, "", "8001-tcp4.socket"},
	} {
		dir := c.files.make(t)
		p, _, list := in(filepath.Join(dir, c.path)).Plan()
		if got := strings.Join(p.Start, " "); got != c.start || list.Errors() != strings.Contains(c.name, "mistake") {
			t.Errorf("%s (%s): starts %q, want %q; %v", c.name, c.path, got, c.start, list)
		}
	}
}

// TestSuperGiven: a file that is said to be of a super-server is, with whatever
// in it, and has to be readable.
func TestSuperGiven(t *testing.T) {
	dir := tree{"a.conf": "exec stream tcp4 nowait\nstart on startup\n" + inetdLine, "b.conf": "", "c.conf": "->/nonexistent"}.make(t)
	a, b, c := filepath.Join(dir, "a.conf"), filepath.Join(dir, "b.conf"), filepath.Join(dir, "c.conf")
	cfg := Config{Paths: []string{a, b}, InetdOptions: InetdOptions{Inetd: []string{a}, Xinetd: []string{b}}}
	l := New(cfg)
	if got := l.SuperSockets(); !slices.Equal(got, []string{"8001-tcp4.socket"}) || len(l.JobNames()) != 0 {
		t.Errorf("sockets %v, jobs %v", got, l.JobNames())
	}
	if err := cfg.InetdOptions.Readable(); err != nil {
		t.Error(err)
	}
	cfg.InetdOptions.Inetd = append(cfg.InetdOptions.Inetd, c)
	if err := cfg.InetdOptions.Readable(); err == nil || err.Error() != "open "+c+": no such file or directory" {
		t.Errorf("of a file that is not there: %v", err)
	}
}

// TestSuperAccount: who is not root serves as nobody else, and says so when the
// file is read.
func TestSuperAccount(t *testing.T) {
	dir := tree{
		"inetd.conf":  "8001 stream tcp4 nowait root /bin/cat\n8002 stream tcp4 nowait me:us /bin/cat\n8003 stream tcp4 nowait me:root /bin/cat\n8004 stream tcp4 nowait 1000 /bin/cat\n",
		"xinetd.conf": "service echo\n{\n\ttype = UNLISTED INTERNAL\n\tport = 8005\n\tsocket_type = stream\n\twait = no\n\tuser = root\n}\n",
	}.make(t)
	for uid, want := range map[string]string{"0": "", "1000": "RS313 inetd.conf, RS313 inetd.conf"} {
		cfg := Config{Scope: User, Paths: []string{dir}}
		cfg.Options.Facts = &systemd.Facts{User: "me", UID: uid, Group: "us", GID: "1000"}
		l := New(cfg)
		units, list := l.All()
		if got := told(dir, list); got != want {
			t.Errorf("uid %s: told %s", uid, got)
		}
		for _, u := range units {
			if bad := u.Name == "8001-tcp4.socket" || u.Name == "8003-tcp4.socket"; u.Kind == unit.KindSocket && (u.Load != unit.Loaded) != (bad && uid != "0") {
				t.Errorf("uid %s: %s is %v", uid, u.Name, u.Load)
			}
		}
		if inst, _ := l.Instance("8002-tcp4@.service", "1"); inst[0].Service.Exec.User != "me" || (inst[0].Service.Exec.Group == "") != (uid != "0") {
			t.Errorf("uid %s: runs as %q, group %q", uid, inst[0].Service.Exec.User, inst[0].Service.Exec.Group)
		}
	}
}

// TestSuperGroup: a group that cannot be had is told where it stands, with the
// one that can.
func TestSuperGroup(t *testing.T) {
	dir := tree{"xinetd.conf": "service x\n{\n\ttype = UNLISTED\n\tport = 8001\n\tsocket_type = stream\n\twait = no\n\tuser = me\n\tgroup = root\n\tserver = /bin/cat\n}\n"}.make(t)
	cfg := Config{Scope: User, Paths: []string{dir}}
	cfg.Options.Facts = &systemd.Facts{User: "me", UID: "1000", Group: "us", GID: "1000"}
	_, list := New(cfg).All()
	if len(list) != 1 || list[0].Code != codeAccount || list[0].Pos.Line != 8 || list[0].Fix != "run rouse as root, or write us" {
		t.Errorf("told: %v", list)
	}
}

// TestSuperOrder: units come before jobs, those before xinetd, and that before
// inetd.
func TestSuperOrder(t *testing.T) {
	const entry = "service ftp\n{\n\tsocket_type = stream\n\twait = no\n\tuser = root\n\tserver = /bin/x\n\ttype = UNLISTED\n\tport = 21\n}\n"
	const line = "ftp stream tcp nowait root /bin/i\n"
	dir := tree{"xinetd.conf": entry, "inetd.conf": line}.make(t)
	l := in(dir)
	_, list := l.All()
	if got := told(dir, list); got != codeShadowed+" inetd.conf" {
		t.Errorf("told: %s", got)
	}
	inst, _ := l.Instance("ftp-tcp@.service", "1-2")
	if len(inst) == 0 || inst[0].Service == nil || inst[0].Service.Commands[0].Path != "/bin/x" {
		t.Errorf("ftp of inetd hides that of xinetd: %+v", inst)
	}
	put(t, filepath.Join(dir, "ftp-tcp@.service"), "[Service]\nExecStart=/bin/u\n")
	p, _, list := in(dir).Plan()
	if len(p.Start) != 0 || len(list) != 2 {
		t.Errorf("beside a unit of the name: starts %v, %v", p.Start, list)
	}
}

// TestSuperSystem: the files of /etc belong to the machine's own super-server,
// unless that is us.
func TestSuperSystem(t *testing.T) {
	root := tree{
		"etc/inetd.conf": "ftp stream tcp4 nowait root /bin/i\nlocal:8001 stream tcp4 nowait root /bin/i\n", "etc/services": "ftp 2121/tcp alias # x\n",
		"etc/hosts": "127.9.9.9 Local\n",
	}.make(t)
	if got := New(Config{Root: root}).SuperSockets(); got != nil {
		t.Errorf("not asked for, and read: %v", got)
	}
	l := New(Config{Root: root, Inetd: true, Program: "/rouse"})
	if got := l.SuperSockets(); !slices.Equal(got, []string{"8001-tcp4-local.socket", "ftp-tcp4.socket"}) {
		t.Errorf("sockets: %v", got)
	}
	u := one(t, l, "ftp-tcp4.socket")
	if u.Load != unit.Loaded || u.Socket.Listens[0].Address != "0.0.0.0:2121" {
		t.Errorf("ftp of the root's services: %+v", u.Socket)
	}
	if u := one(t, l, "8001-tcp4-local.socket"); u.Load != unit.Loaded || u.Socket.Listens[0].Address != "127.9.9.9:8001" {
		t.Errorf("a host of the root's: %v %+v", u.LoadErr, u.Socket)
	}
	if target := one(t, l, "sockets.target"); !hasDep(target, unit.Wants, "ftp-tcp4.socket") {
		t.Error("sockets.target does not want the services of inetd")
	}
}

// TestSuperReload: what changed in the file is found by a reload, and told.
func TestSuperReload(t *testing.T) {
	dir := tree{"inetd.conf": inetdLine, "8001-tcp4.socket.d/x.conf": "[Socket]\nBacklog=1\n"}.make(t)
	l := in(dir)
	_, list := l.All()
	if got := told(dir, list); got != codeOverride+" 8001-tcp4.socket.d/x.conf" {
		t.Errorf("of the drop-in it is told %s", got)
	}
	if l.Changed("8001-tcp4.socket") {
		t.Error("changed before it was")
	}
	put(t, filepath.Join(dir, "inetd.conf"), "8002 stream tcp4 nowait root /bin/cat # longer\n")
	if !l.Changed("8001-tcp4.socket") {
		t.Error("the change was not noticed")
	}
	_, gone, _ := l.Reload("8001-tcp4.socket")
	if !slices.Contains(gone, "8001-tcp4.socket") || !slices.Equal(l.SuperSockets(), []string{"8002-tcp4.socket"}) {
		t.Errorf("gone %v, now %v", gone, l.SuperSockets())
	}
}

// TestSuperBroken: a file that cannot be read, and a line that cannot, cost
// nothing else.
func TestSuperBroken(t *testing.T) {
	dir := tree{"inetd.conf": "8001 stream tcp4 nowait\n" + strings.Replace(inetdLine, "8001", "8009", 1) + "8002 stream tcp4 nowiat root /bin/cat\n", "xinetd.conf": "->/nonexistent"}.make(t)
	l := in(filepath.Join(dir, "inetd.conf"))
	units, list := l.All()
	if got := told(dir, list); got != "RI001 inetd.conf, RI001 inetd.conf" {
		t.Errorf("told: %s", got)
	}
	bad, good := 0, 0
	for _, u := range units {
		switch {
		case u.Kind == unit.KindSocket && u.Load == unit.BadSetting:
			bad++
		case u.Kind == unit.KindSocket && u.Load == unit.Loaded:
			good++
		}
	}
	if bad != 1 || good != 1 {
		t.Errorf("%d bad and %d good sockets", bad, good)
	}
}
