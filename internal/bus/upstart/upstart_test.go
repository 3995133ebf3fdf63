// SPDX-License-Identifier: Apache-2.0

package upstart_test

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/rouse-init/rouse/internal/bus/bustest"
	"github.com/rouse-init/rouse/internal/bus/client"
	"github.com/rouse-init/rouse/internal/bus/upstart"
	"github.com/rouse-init/rouse/internal/unit"
)

func dial(t testing.TB, s *bustest.Server) *client.Upstart {
	t.Helper()
	u, err := client.DialUpstart("unix:path=" + s.Path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(u.Close)
	return u
}

// shape writes an interface as one line per member, sorted.
func shape(t *testing.T) map[string][]string {
	t.Helper()
	got := make(map[string][]string)
	for _, i := range upstart.Interfaces() {
		var lines []string
		for _, m := range i.Methods {
			in, out, _ := strings.Cut(m.Args, " > ")
			lines = append(lines, fmt.Sprintf("method %s %s(%s) %s(%s)", m.Name, m.In, strings.TrimSpace(in), m.Out, out))
		}
		for _, p := range i.Props {
			access := "read"
			if p.Set != nil {
				access = "readwrite"
			}
			lines = append(lines, fmt.Sprintf("property %s %s %s", p.Name, p.Sig, access))
		}
		for _, s := range i.Signals {
			lines = append(lines, fmt.Sprintf("signal %s %s(%s)", s.Name, s.Sig, s.Args))
		}
		got[i.Name] = lines
	}
	return got
}

// The interfaces are those of Upstart 1.13, member by member.
func TestInterfaces(t *testing.T) {
	got := shape(t)
	for name, want := range map[string][]string{
		"com.ubuntu.Upstart0_6": {
			"method ReloadConfiguration () ()", "method GetJobByName s(name) o(job)", "method GetAllJobs () ao(jobs)",
			"method GetState () s(state)", "method Restart () ()", "method GetEnv ass(job_details name) s(value)",
			"method SetEnv assb(job_details var replace) ()", "method SetEnvList asasb(job_details vars replace) ()",
			"method UnsetEnv ass(job_details name) ()", "method UnsetEnvList asas(job_details name) ()",
			"method ListEnv as(job_details) as(env)", "method ResetEnv as(job_details) ()",
			"method EmitEvent sasb(name env wait) ()", "method EmitEventWithFile sasbh(name env wait file) ()",
			"method NotifyDiskWriteable () ()", "method NotifyDBusAddress s(address) ()",
			"method NotifyCGroupManagerAddress s(address) ()", "method EndSession () ()",
			"property version s read", "property log_priority s readwrite",
			"signal JobAdded o(job)", "signal JobRemoved o(job)", "signal EventEmitted sas(name env)", "signal Restarted ()",
		},
		"com.ubuntu.Upstart0_6.Job": {
			"method GetInstance as(env) o(instance)", "method GetInstanceByName s(name) o(instance)", "method GetAllInstances () ao(instances)",
			"method Start asb(env wait) o(instance)", "method Stop asb(env wait) ()", "method Restart asb(env wait) o(instance)",
			"property name s read", "property description s read", "property author s read", "property version s read",
			"property usage s read", "property start_on aas read", "property stop_on aas read", "property emits as read",
			"signal InstanceAdded o(instance)", "signal InstanceRemoved o(instance)",
		},
		"com.ubuntu.Upstart0_6.Instance": {
			"method Start b(wait) ()", "method Stop b(wait) ()", "method Restart b(wait) ()", "method Reload () ()",
			"property name s read", "property goal s read", "property state s read", "property processes a(si) read",
			"signal GoalChanged s(goal)", "signal StateChanged s(state)", "signal Failed i(status)",
		},
		"dev.rouse.Job1":      {"property unit s read", "property file s read", "property task b read"},
		"dev.rouse.Instance1": {"property unit s read", "property notes as read"},
	} {
		if g := got[name]; !slices.Equal(g, want) {
			t.Errorf("%s has\n%s\nwant\n%s", name, strings.Join(g, "\n"), strings.Join(want, "\n"))
		}
	}
	if len(got) != 5 {
		t.Errorf("%d interfaces", len(got))
	}
}

func TestPaths(t *testing.T) {
	for _, c := range []struct{ job, instance, want string }{
		{"plain-name", "", "/com/ubuntu/Upstart/jobs/plain_2dname/_"},
		{"net/apache2", "tty1", "/com/ubuntu/Upstart/jobs/net_2fapache2/tty1"},
		{"7zip", "0", "/com/ubuntu/Upstart/jobs/7zip/0"},
		{"a_b", "é", "/com/ubuntu/Upstart/jobs/a_5fb/_c3_a9"},
	} {
		if got := upstart.InstancePath(c.job, c.instance); got != c.want {
			t.Errorf("path of %q %q is %s, want %s", c.job, c.instance, got, c.want)
		}
	}
}

// is returns a check for a refusal: its name without prefix, and its text.
func is(name, msg string) func(error) bool {
	return func(err error) bool {
		var refusal *client.Error
		return errors.As(err, &refusal) && refusal.Msg == msg &&
			(refusal.Name == client.UpstartError+name || refusal.Name == "org.freedesktop.DBus.Error."+name)
	}
}

func TestGoals(t *testing.T) {
	f := bustest.New()
	u := dial(t, bustest.Serve(t, f))
	job := func(name string) *client.UpstartJob {
		j, err := u.JobByName(name)
		if err != nil {
			t.Fatal(err)
		}
		return j
	}
	none := func(i *client.UpstartInstance, err error) error { return err }
	good := func(err error) bool { return err == nil }
	_, unknown := u.JobByName("nope")
	_, broken := u.JobByName("typo")
	_, nameless := u.JobByName("")
	_, unnamed := job("getty").Instance(nil)
	_, absent := job("getty").Instance([]string{"TTY=tty9"})
	_, resting := job("mysql").Instance(nil)
	tty2, started := job("getty").Start([]string{"TTY=tty2"}, true)
	_, startBroken := u.Job("typo").Start(nil, true)
	for _, c := range []struct {
		what string
		err  error
		ok   func(error) bool
	}{
		{"unknown job", unknown, is("UnknownJob", "Unknown job: nope")},
		{"job without a name", nameless, is("InvalidArgs", "Name may not be empty string")},
		{"job with an error", broken, is("UnknownJob", "Unknown job: typo: /etc/init/typo.conf:3:1: Unknown stanza")},
		{"start it all the same", startBroken, is("UnknownJob", "Unknown job: typo: /etc/init/typo.conf:3:1: Unknown stanza")},
		{"instance without its variable", unnamed, is("InvalidArgs", "Unknown parameter: TTY")},
		{"instance that is not", absent, is("UnknownInstance", "Unknown instance: tty9")},
		{"job that rests", resting, is("UnknownInstance", "Unknown instance: job mysql is not running")},
		{"start", none(job("mysql").Start(nil, true)), good},
		{"start again", none(job("mysql").Start(nil, true)), is("AlreadyStarted", "Job is already running: mysql")},
		{"start without name", none(job("getty").Start(nil, false)), is("InvalidArgs", "Unknown parameter: TTY")},
		{"start an instance", started, good},
		{"start it again", tty2.Start(true), is("AlreadyStarted", "Job is already running: getty (tty2)")},
		{"restart it", tty2.Restart(false), good},
		{"reload it", tty2.Reload(), good},
		{"stop it", tty2.Stop(true), good},
		{"start what fails", none(job("broken").Start(nil, true)), is("JobFailed", "Job failed to start")},
		{"bad variables", none(job("mysql").Start([]string{"A"}, true)), is("InvalidArgs", "Env must be KEY=VALUE pairs")},
		{"variable without name", job("mysql").Stop([]string{"=A"}, true), is("InvalidArgs", "Env must be KEY=VALUE pairs")},
		{"stop", job("mysql").Stop(nil, true), good},
		{"stop again", job("mysql").Stop(nil, true), is("UnknownInstance", "Unknown instance: ")},
		{"restart what rests", none(job("mysql").Restart(nil, true)), is("UnknownInstance", "Unknown instance: ")},
		{"start with a slash", none(job("net/portmap").Start(nil, true)), good},
		{"emit", u.EmitEvent("ok", []string{"A=b"}, true), good},
		{"emit what fails", u.EmitEvent("bad", nil, true), is("EventFailed", "Event failed")},
		{"emit what fails, without waiting", u.EmitEvent("bad", nil, false), good},
		{"emit nothing", u.EmitEvent("", nil, true), is("InvalidArgs", "Name may not be empty string")},
		{"emit bad variables", u.EmitEvent("x", []string{"nope"}, true), is("InvalidArgs", "Env must be KEY=VALUE pairs")},
		{"emit too long a name", u.EmitEvent(strings.Repeat("x", 256), nil, true), is("LimitsExceeded", "Name of event has 256 bytes, more than 255")},
		{"emit too much", u.EmitEvent("x", slices.Repeat([]string{"A=b"}, 1025), true), is("LimitsExceeded", "Environment has 1025 variables and 3075 bytes, more than 1024 or 524288")},
	} {
		if !c.ok(c.err) {
			t.Errorf("%s: %v", c.what, c.err)
		}
	}
	if tty2.Path != "/com/ubuntu/Upstart/jobs/getty/tty2" || tty2.Job != "getty" || tty2.Name != "tty2" {
		t.Errorf("instance is %+v", tty2)
	}
	if _, err := tty2.Status(); !client.IsUpstartError(err, "UnknownMethod") {
		t.Errorf("status of an instance that is gone: %v", err)
	}
}

// A job that runs while its file gets an error can be seen and stopped, but
// not started or restarted.
func TestBrokenWhileRunning(t *testing.T) {
	f := bustest.New()
	typo := *f.Upstart.Broken["typo"]
	u := dial(t, bustest.Serve(t, f))
	i := slices.IndexFunc(f.Upstart.Units, func(u *unit.Unit) bool { return u.Name == "apache.service" })
	broken := *f.Upstart.Units[i]
	broken.Load, broken.LoadErr = typo.Load, typo.LoadErr
	f.Upstart.Units[i] = &broken

	job, err := u.JobByName("apache")
	if err != nil {
		t.Fatal(err)
	}
	inst, err := job.Instance(nil)
	if err != nil {
		t.Fatal(err)
	}
	if st, err := inst.Status(); err != nil || st.State != "running" {
		t.Errorf("status: %+v, %v", st, err)
	}
	if _, err := job.Restart(nil, true); !client.IsUpstartError(err, "UnknownJob") {
		t.Errorf("restart: %v", err)
	}
	if err := job.Stop(nil, true); err != nil {
		t.Errorf("stop: %v", err)
	}
	if _, err := u.JobByName("apache"); !client.IsUpstartError(err, "UnknownJob") {
		t.Errorf("after the stop: %v", err)
	}
}

func TestProperties(t *testing.T) {
	s := bustest.Serve(t, bustest.New())
	u := dial(t, s)
	jobs, err := u.AllJobs()
	var names []string
	for _, j := range jobs {
		names = append(names, j.Name)
	}
	if got := strings.Join(names, " "); got != "apache broken getty hang mysql net/portmap nginx task" || err != nil {
		t.Errorf("jobs are %s, %v", got, err)
	}
	info, err := u.Job("apache").Info()
	want := client.UpstartJobInfo{
		Name: "apache", Description: "web server", Author: "A. Patchy", Version: "2.4", Usage: "PORT=80 - where to listen",
		StartOn: [][]string{{"started", "mysql"}, {"net-up", "IFACE!=lo"}, {"/AND"}, {"now"}, {"/OR"}},
		StopOn:  [][]string{{"runlevel", "RUNLEVEL=[!2345]"}}, Emits: []string{"apache-ready"},
	}
	if fmt.Sprintf("%+v", info) != fmt.Sprintf("%+v", want) || err != nil {
		t.Errorf("apache is %+v, %v", info, err)
	}
	if info, err := u.Job("nginx").Info(); info.Name != "nginx" || info.StartOn != nil || err != nil {
		t.Errorf("nginx is %+v, %v", info, err)
	}
	list, err := u.Job("getty").Instances()
	if err != nil || len(list) != 1 || list[0].Name != "tty1" {
		t.Fatalf("instances of getty are %v, %v", list, err)
	}
	st, err := list[0].Status()
	if got := fmt.Sprintf("%+v", st); got != "{Name:tty1 Goal:start State:running Processes:[{Name:main Pid:1235}]}" || err != nil {
		t.Errorf("status is %s, %v", got, err)
	}
	for job, want := range map[string]client.UpstartMore{
		"net/portmap": {Unit: "net-portmap.service", File: "/etc/init/net/portmap.conf"},
		"nginx":       {Unit: "nginx.service"},
		"task":        {Unit: "task.service", File: "/etc/init/task.conf", Task: true},
	} {
		if more, err := u.Job(job).More(); more != want || err != nil {
			t.Errorf("more of %s is %+v, %v", job, more, err)
		}
	}
	if unit, notes, err := list[0].More(); unit != "getty@tty1.service" || len(notes) != 1 || notes[0] != "expected 2 forks, saw 1" || err != nil {
		t.Errorf("more of tty1 is %q, %q, %v", unit, notes, err)
	}
	if v, err := u.Version(); v != "init (rouse 0.1)" || err != nil {
		t.Errorf("version is %q, %v", v, err)
	}
	if err := u.SetLogPriority("loud"); !is("InvalidArgs", "The log priority given was not recognised")(err) {
		t.Errorf("bad priority: %v", err)
	}
	if err := u.SetLogPriority("debug"); err != nil {
		t.Error(err)
	}
	if p, err := u.LogPriority(); p != "debug" || err != nil {
		t.Errorf("priority is %q, %v", p, err)
	}
	state, err := u.State()
	if !strings.Contains(state, `{"name":"getty","unit":"getty.service","file":"/etc/init/getty.conf","instances":[{"name":"tty1","unit":"getty@tty1.service","goal":"start","state":"running","processes":[{"name":"main","pid":1235}],"notes":["expected 2 forks, saw 1"]}]}`) || err != nil {
		t.Errorf("state is %s, %v", state, err)
	}
}

func TestEnvironment(t *testing.T) {
	f := bustest.New()
	s := bustest.Serve(t, f)
	u := dial(t, s)
	denied := is("PermissionDenied", "Not permissible to modify PID 1 job environment")
	for what, err := range map[string]error{
		"set": u.SetEnv(nil, []string{"A=b"}, true), "unset": u.UnsetEnv(nil, []string{"A"}), "reset": u.ResetEnv(nil),
	} {
		if !denied(err) {
			t.Errorf("%s for all jobs of the machine: %v", what, err)
		}
	}
	s.Do(func() { f.Upstart.Session = true })
	apache, tty1 := client.JobDetails("apache", ""), client.JobDetails("getty", "tty1")
	for _, err := range []error{
		u.SetEnv(nil, []string{"A=1", "EMPTY"}, true), u.SetEnv(nil, []string{"A=2", "B=3"}, false), u.UnsetEnv(nil, []string{"TERM"}),
		u.SetEnv(apache, []string{"JUST=here"}, true), u.SetEnv(tty1, []string{"X=y"}, true), u.ResetEnv(tty1),
	} {
		if err != nil {
			t.Error(err)
		}
	}
	for _, c := range []struct {
		details []string
		want    string
	}{{nil, "A=1 B=3 EMPTY= PATH=/usr/bin:/bin"}, {apache, "JUST=here"}, {tty1, ""}} {
		if env, err := u.ListEnv(c.details); strings.Join(env, " ") != c.want || err != nil {
			t.Errorf("variables of %v are %v, %v", c.details, env, err)
		}
	}
	if v, err := u.Env(nil, "EMPTY"); v != "" || err != nil {
		t.Errorf("EMPTY is %q, %v", v, err)
	}
	_, unset := u.Env(nil, "EMPT")
	_, job := u.ListEnv(client.JobDetails("nope", ""))
	_, instance := u.ListEnv(client.JobDetails("getty", "tty7"))
	_, words := u.ListEnv([]string{"a", "b", "c"})
	for what, bad := range map[string]bool{
		"unset variable":   !is("InvalidArgs", "No such variable: EMPT")(unset),
		"unknown job":      !is("UnknownJob", "Unknown job: nope")(job),
		"unknown instance": !is("UnknownJobInstance", "Unknown instance: tty7 of job getty")(instance),
		"three words":      !client.IsUpstartError(words, "InvalidArgs"),
		"no variable":      !client.IsUpstartError(u.SetEnv(nil, []string{"a b=c"}, true), "InvalidArgs"),
		"no name":          !client.IsUpstartError(u.UnsetEnv(nil, []string{"a=b"}), "InvalidArgs"),
	} {
		if bad {
			t.Errorf("%s is answered otherwise", what)
		}
	}
}

func TestManagerCalls(t *testing.T) {
	f := bustest.New()
	s := bustest.Serve(t, f)
	u := dial(t, s)
	pipe := make([]int, 2)
	if err := unix.Pipe2(pipe, unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	_, _ = unix.Write(pipe[1], []byte("hello"))
	if _, err := u.Version(); err != nil { // we are connected, both ends
		t.Fatal(err)
	}
	fds := openFDs(t)
	for _, err := range []error{
		u.EmitEventWithFile("socket", []string{"PORT=80"}, true, pipe[0]), u.ReloadConfiguration(), u.NotifyDiskWriteable(),
		u.NotifyDBusAddress("unix:path=/x"), u.NotifyCGroupManagerAddress("unix:path=/y"), u.Restart(),
	} {
		if err != nil {
			t.Error(err)
		}
	}
	if err := u.EmitEventWithFile("", nil, true, pipe[0]); !client.IsUpstartError(err, "InvalidArgs") {
		t.Errorf("event without name: %v", err)
	}
	if n := openFDs(t); n != fds {
		t.Errorf("%d descriptors, %d before", n, fds)
	}
	if err := u.NotifyDBusAddress("carrier pigeon"); !client.IsUpstartError(err, "InvalidArgs") {
		t.Errorf("bad address: %v", err)
	}
	if err := u.EndSession(); !client.IsUpstartError(err, "PermissionDenied") {
		t.Errorf("end of a session that is none: %v", err)
	}
	s.Do(func() { f.Upstart.Session = true })
	if err := u.EndSession(); err != nil {
		t.Error(err)
	}
	var calls string
	s.Do(func() { calls = strings.Join(f.Upstart.Calls, "; ") })
	if want := `emit socket [PORT=80] wait=true fd "hello" <nil>; reload; flush logs; bus unix:path=/x; reexec; bus carrier pigeon; end session`; calls != want {
		t.Errorf("manager was asked for\n%s\nwant\n%s", calls, want)
	}
	_ = unix.Close(pipe[0])
	_ = unix.Close(pipe[1])
}

func openFDs(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}
