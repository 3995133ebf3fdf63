// SPDX-License-Identifier: Apache-2.0

package test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
)

// initctl on a bus: the same lines as on the private socket.
func TestBusInitctl(t *testing.T) {
	t.Parallel()
	b := newBus(t).begin()
	p, _ := b.up(map[string]string{"echo.conf": busJob, "task.conf": "start on go\ntask\nexec true\n"})
	for _, bus := range []string{"--session", "--system"} {
		for _, c := range []struct{ args, want string }{
			{"status echo", "echo stop/waiting"},
			{"start echo", "echo start/running, process N"},
			{"status echo", "echo start/running, process N"},
			{"list", "echo start/running, process N\ntask stop/waiting"},
			{"emit go", ""},
			{"show-config task", "task\n  start on go"},
			{"stop echo", "echo stop/waiting"},
		} {
			code, out := b.run(rouse, append([]string{"initctl", bus}, strings.Fields(c.args)...)...)
			if got := strings.TrimSuffix(masked(out), "\n"); code != 0 || got != c.want {
				t.Errorf("initctl %s %s: status %d: %q, want %q", bus, c.args, code, got, c.want)
			}
		}
		code, out := b.run(rouse, "initctl", bus, "start", "nosuch")
		if code != 1 || out != "initctl: Unknown job: nosuch\n" {
			t.Errorf("initctl %s start nosuch: status %d: %q", bus, code, out)
		}
	}
	p.says("echo stop/waiting", "status", "echo")
}

// The clients of systemd on a bus.
func TestBusSystemdClients(t *testing.T) {
	t.Parallel()
	busctl, systemctl := needProgram(t, "systemd", "busctl"), needProgram(t, "systemd", "systemctl")
	b := newBus(t).begin()
	p, _ := b.up(map[string]string{"echo.conf": busJob, "web.service": "[Service]\nExecStart=/bin/sleep 1000\n[Install]\nWantedBy=default.target\n"})
	b.awaitOwner("org.freedesktop.systemd1")
	const unitPath = "/org/freedesktop/systemd1/unit/web_2eservice"
	for _, c := range []struct {
		program, args, want string
	}{
		{systemctl, "--user is-active web", "active\n"},
		{systemctl, "--user restart web", ""},
		{systemctl, "--user start echo", ""},
		{systemctl, "--user show -p ActiveState,BusName,Type echo", "ActiveState=active\nType=dbus\nBusName=" + busName + "\n"},
		{systemctl, "--user --no-legend list-units echo.service web.service",
			"  echo.service loaded active running echo.service\n  web.service  loaded active running web.service\n"},
		{systemctl, "--user stop web", ""},
		{busctl, "--user get-property org.freedesktop.systemd1 " + unitPath + " org.freedesktop.systemd1.Unit ActiveState", "s \"inactive\"\n"},
		{busctl, "--user call com.ubuntu.Upstart /com/ubuntu/Upstart com.ubuntu.Upstart0_6 GetJobByName s echo", "o \"/com/ubuntu/Upstart/jobs/echo\"\n"},
		{busctl, "--user call " + busName + " " + busPath + " " + busName + " Nothing", "Call failed"},
	} {
		code, out := b.run(c.program, append([]string{"--no-pager"}, strings.Fields(c.args)...)...)
		if (code != 0) != strings.Contains(out, "failed") || !strings.Contains(out, c.want) {
			t.Errorf("%s %s: status %d: %q, want %q", c.program, c.args, code, out, c.want)
		}
	}
	for _, what := range []string{"org.freedesktop.systemd1", "com.ubuntu.Upstart"} {
		if code, out := b.run(busctl, "--user", "--no-pager", "tree", what); code != 0 || !strings.Contains(out, "/jobs/echo") && !strings.Contains(out, "/unit/web_2eservice") {
			t.Errorf("busctl tree %s: status %d: %s", what, code, out)
		}
	}
	p.await("web.service", "ActiveState", "inactive")
}

// A stranger may look, and may call services, which starts them; but not
// order the manager about.
func TestBusStranger(t *testing.T) {
	t.Parallel()
	need(t, "root", os.Getuid() == 0, "only root can be somebody else")
	setpriv, busctl := needProgram(t, "root", "setpriv"), needProgram(t, "systemd", "busctl")
	b := newBus(t).begin()
	p, _ := b.up(map[string]string{
		"web.conf": "exec sleep 1000\n", "echo.conf": busJob,
		"run.service": "[Service]\nExecStart=/bin/sleep 1000\n[Install]\nWantedBy=default.target\n",
	})
	b.awaitOffer()
	stranger := func(args ...string) (int, string) {
		return b.run(setpriv, append([]string{"--reuid=65534", "--regid=65534", "--clear-groups"}, args...)...)
	}
	manager := func(words string) []string {
		return append([]string{busctl, "--address=" + b.address, "call", "org.freedesktop.systemd1",
			"/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager"}, strings.Fields(words)...)
	}
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{manager("GetUnit s run.service"), 0, "run_2eservice"},
		{manager("StartUnit ss web.service replace"), 1, "denied"},
		{manager("StopUnit ss run.service replace"), 1, "denied"},
		{manager("Reload"), 1, "denied"},
		{[]string{rouse, "initctl", "--session", "status", "web"}, 0, "web stop/waiting"},
		{[]string{rouse, "initctl", "--session", "list"}, 0, "web stop/waiting"},
		{[]string{rouse, "initctl", "--session", "start", "web"}, 1, "is for root and the user of this manager only"},
		{[]string{rouse, "initctl", "--session", "emit", "shutdown"}, 1, "is for root and the user of this manager only"},
		{[]string{"dbus-send", "--session", "--print-reply=literal", "--dest=" + busName, busPath, busName + ".Echo", "string:hi"}, 0, " hi"},
	} {
		if code, out := stranger(c.args...); code != c.code || !strings.Contains(out, c.want) {
			t.Errorf("%s: status %d, want %d with %q: %s", strings.Join(c.args[1:], " "), code, c.code, c.want, out)
		}
	}
	p.says("web stop/waiting", "status", "web")
	p.await("run.service", "ActiveState", "active")
	p.await("echo.service", "ActiveState", "active")
}

// dial is a connection of the test to the bus.
func (b *messageBus) dial() *dbus.Conn {
	b.t.Helper()
	c, err := dbus.Connect(b.address)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = c.Close() })
	return c
}

// com.ubuntu.Upstart sends its signals on the bus.
func TestBusSignals(t *testing.T) {
	t.Parallel()
	b := newBus(t).begin()
	p, _ := b.up(map[string]string{"web.conf": "start on go\nexec sleep 1000\n"})
	b.awaitOwner("com.ubuntu.Upstart")
	c := b.dial()
	signals := make(chan *dbus.Signal, 1000)
	c.Signal(signals)
	if err := c.AddMatchSignal(dbus.WithMatchSender("com.ubuntu.Upstart")); err != nil {
		t.Fatal(err)
	}
	var state string
	if err := c.Object("com.ubuntu.Upstart", "/com/ubuntu/Upstart").Call("com.ubuntu.Upstart0_6.GetState", 0).Store(&state); err != nil {
		t.Fatal(err)
	}
	p.ok("emit", "go", "K=v")
	p.ok("stop", "web")
	put(t, p.cmd.Args[len(p.cmd.Args)-1]+"/new.conf", "exec true\n")
	const instance, job = " /com/ubuntu/Upstart/jobs/web/_", " /com/ubuntu/Upstart/jobs/web"
	awaitSignals(t, signals,
		"EventEmitted / go [K=v]", "EventEmitted / starting [JOB=web INSTANCE=]", "InstanceAdded"+job+instance, "GoalChanged"+instance+" start",
		"EventEmitted / started [JOB=web INSTANCE=]", "StateChanged"+instance+" running",
		"EventEmitted / stopping [JOB=web INSTANCE= RESULT=ok]", "GoalChanged"+instance+" stop",
		"EventEmitted / stopped [JOB=web INSTANCE= RESULT=ok]", "StateChanged"+instance+" waiting", "InstanceRemoved"+job+instance,
		"JobAdded / /com/ubuntu/Upstart/jobs/new",
	)
}

// awaitSignals waits for signals in this order, among others; "/" stands for
// the manager's object.
func awaitSignals(t *testing.T, signals <-chan *dbus.Signal, want ...string) {
	t.Helper()
	timeout := time.After(patience)
	var seen []string
	for len(want) > 0 {
		select {
		case s := <-signals:
			words := []string{s.Name[strings.LastIndexByte(s.Name, '.')+1:], strings.Replace(string(s.Path), "/com/ubuntu/Upstart", "/", 1)}
			if s.Path != "/com/ubuntu/Upstart" {
				words[1] = string(s.Path)
			}
			line := strings.Join(append(words, bodyWords(s.Body)...), " ")
			seen = append(seen, line)
			if line == want[0] {
				want = want[1:]
			}
		case <-timeout:
			t.Fatalf("no %q in\n%s", want[0], strings.Join(seen, "\n"))
		}
	}
}

// bodyWords are the arguments of a signal as words.
func bodyWords(body []any) []string {
	var out []string
	for _, v := range body {
		out = append(out, fmt.Sprint(v))
	}
	return out
}

// Signals of others on the bus are events.
func TestBusEvents(t *testing.T) {
	t.Parallel()
	b := newBus(t).begin()
	_, dir := b.up(map[string]string{
		"echo.conf": busJob,
		"any.conf":  "start on dbus SIGNAL=Told INTERFACE=org.example.* ARG0=go*\ninstance $ARG0\nexport ARG0\ntask\nexec echo \"$SIGNAL $INTERFACE $OBJPATH $ARG0 $ARG1 $ARG2\" >>@D/any\n",
		"of.conf":   "start on dbus SENDER=" + busName + " SIGNAL=Told\ntask\nexec echo \"$SENDER $ARG0\" >>@D/of\n",
	})
	b.awaitOffer()
	b.echo()
	b.run(rouse, "initctl", "--session", "version") // whatever it asked of the bus before is done
	signal := func(args ...string) {
		if code, out := b.run("dbus-send", append([]string{"--session", "--type=signal"}, args...)...); code != 0 {
			t.Error(out)
		}
	}
	signal("/a/b", "org.example.X.Told", "string:stay")
	signal("/a/b", "org.other.X.Told", "string:go")
	signal("/a/b", "org.example.X.Untold", "string:go")
	signal("/a/b", "org.example.X.Told", "string:gone", "uint32:7", "boolean:true")
	awaitText(t, dir+"/any", "Told org.example.X /a/b gone 7 TRUE")
	if code, out := b.send("Tell", "string:news"); code != 0 {
		t.Fatal(out)
	}
	awaitText(t, dir+"/of", busName+" news")
	awaitText(t, dir+"/any", "Told org.example.X /a/b gone 7 TRUE")
}
