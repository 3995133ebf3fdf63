// SPDX-License-Identifier: Apache-2.0

package show

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rouse-init/rouse/internal/format/systemd"
	"github.com/rouse-init/rouse/internal/load"
)

func loader(t *testing.T) (*load.Loader, string) {
	t.Helper()
	dir, err := filepath.Abs("testdata")
	if err != nil {
		t.Fatal(err)
	}
	facts := &systemd.Facts{RuntimeDir: "/run/user/1"}
	return load.New(load.Config{Scope: load.User, Paths: []string{dir}, Options: systemd.Options{Facts: facts}}), dir
}

// TestShowAsSystemctl: the lines of systemctl-show.txt are those that
// systemctl show printed for the units beside it, in its order.
func TestShowAsSystemctl(t *testing.T) {
	l, dir := loader(t)
	text, err := os.ReadFile("testdata/systemctl-show.txt")
	if err != nil {
		t.Fatal(err)
	}
	var props []Property
	name, at := "", 0
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSuffix(line, "\n")
		if n, ok := strings.CutPrefix(line, "== "); ok {
			l.Load(n)
			u, ok := l.Unit(n)
			if !ok {
				t.Fatalf("%s is not loaded", n)
			}
			props, name, at = Show(u), n, 0
			continue
		}
		want := strings.ReplaceAll(line, "DIR/", dir+"/")
		found := false
		for i := at; i < len(props) && !found; i++ {
			if props[i].Name+"="+props[i].Value == want {
				at, found = i+1, true
			}
		}
		if !found {
			t.Errorf("%s lacks %s (in this order)", name, want)
			for _, p := range props {
				if strings.HasPrefix(want, p.Name+"=") {
					t.Logf("  it has %s=%s", p.Name, p.Value)
				}
			}
		}
	}
}

func TestCat(t *testing.T) {
	l, dir := loader(t)
	u, list := l.One("svc.service")
	if list.Errors() {
		t.Fatal(list)
	}
	var b strings.Builder
	if err := Cat(&b, u); err != nil {
		t.Fatal(err)
	}
	got := strings.ReplaceAll(b.String(), dir, "DIR")
	if !strings.HasPrefix(got, "# DIR/svc.service\n[Unit]\n") || !strings.HasSuffix(got, "\n\n# DIR/svc.service.d/x.conf\n[Service]\nCPUWeight=50\n") {
		t.Errorf("cat prints\n%s", got)
	}
}

func TestWords(t *testing.T) {
	for want, words := range map[string][]string{
		"": nil, "a b": {"a", "b"}, `"a b" c`: {"a b", "c"}, `""`: {""}, `"x\"y" "\$z"`: {`x"y`, "$z"}, "A=1": {"A=1"},
	} {
		if got := Words(words); got != want {
			t.Errorf("Words(%q) = %s, want %s", words, got, want)
		}
	}
}

func TestSelect(t *testing.T) {
	all := []Property{{"A", "1"}, {"B", "2"}, {"A", "3"}}
	if got := Select(all, "B", "A", "C"); len(got) != 3 || got[0].Value != "2" || got[2].Value != "3" {
		t.Errorf("Select gives %v", got)
	}
}

// TestShowJob: what an Upstart job has is shown, and its respawn as Restart=.
func TestShowJob(t *testing.T) {
	dir := t.TempDir()
	conf, override := filepath.Join(dir, "net/web.conf"), filepath.Join(dir, "net/web.override")
	for path, text := range map[string]string{
		conf:     "description \"a web server\"\nauthor me\nstart on (started db or runlevel [2345])\nstop on runlevel [016]\nemits ready-*\nexport PORT\ninstance $PORT\nexpect fork\nrespawn\nrespawn limit 3 60\nnormal exit 0 TERM\npre-stop exec /bin/sync\nexec /bin/true\n",
		override: "kill timeout 20\n",
	} {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	u, list := load.New(load.Config{Paths: []string{dir}}).One("net-web.service")
	var got []string
	for _, p := range Select(Show(u), "X-Job", "X-Instance", "X-StartOn", "X-StopOn", "X-Emits", "X-Export", "X-Expect", "X-RespawnLimit", "X-NormalExit", "X-ExecPreStop",
		"Restart", "TimeoutStopUSec", "Description", "FragmentPath", "DropInPaths", "LoadState") {
		got = append(got, p.Name+"="+strings.ReplaceAll(p.Value, dir+"/", ""))
	}
	want := `X-Job=net/web
X-Instance=$PORT
X-StartOn=(started db or runlevel [2345])
X-StopOn=runlevel [016]
X-Emits=ready-*
X-Export=PORT
X-Expect=fork
X-RespawnLimit=3 in 1min
X-NormalExit=0 TERM
X-ExecPreStop={ path=/bin/sync ; argv[]=/bin/sync ; ignore_errors=yes ; start_time=[n/a] ; stop_time=[n/a] ; pid=0 ; code=(null) ; status=0/0 }
Restart=always
TimeoutStopUSec=20s
Description=a web server
FragmentPath=net/web.conf
DropInPaths=net/web.override
LoadState=loaded`
	if strings.Join(got, "\n") != want {
		t.Errorf("properties are\n%s\nwant\n%s\n(%v)", strings.Join(got, "\n"), want, list)
	}
	var b strings.Builder
	if err := Cat(&b, u); err != nil || !strings.HasPrefix(b.String(), "# "+conf+"\n") || !strings.Contains(b.String(), "\n\n# "+override+"\nkill timeout 20\n") {
		t.Errorf("cat prints %v\n%s", err, b.String())
	}
}
