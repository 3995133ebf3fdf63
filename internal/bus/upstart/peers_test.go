// SPDX-License-Identifier: Apache-2.0

package upstart_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/rouse-init/rouse/internal/bus/bustest"
)

// The clients of other D-Bus libraries (libdbus, GLib, sd-bus) are understood,
// with and without a destination.
func TestPeers(t *testing.T) {
	f := bustest.New()
	s := bustest.Serve(t, f)
	const dest = "com.ubuntu.Upstart"
	for _, c := range []struct {
		args string
		want []string // in this order
	}{
		{"dbus-send --peer=ADDR --print-reply / com.ubuntu.Upstart0_6.GetAllJobs", []string{"UnknownObject"}},
		{"dbus-send --peer=ADDR --print-reply /com/ubuntu/Upstart com.ubuntu.Upstart0_6.GetAllJobs", []string{`object path "/com/ubuntu/Upstart/jobs/apache"`, `jobs/net_2fportmap"`}},
		{"dbus-send --peer=ADDR --print-reply --dest=" + dest + " /com/ubuntu/Upstart/jobs/mysql com.ubuntu.Upstart0_6.Job.Start array:string: boolean:true", []string{`object path "/com/ubuntu/Upstart/jobs/mysql/_"`}},
		{"dbus-send --peer=ADDR --print-reply /com/ubuntu/Upstart/jobs/mysql/_ org.freedesktop.DBus.Properties.GetAll string:com.ubuntu.Upstart0_6.Instance", []string{`"goal"`, `"start"`, `"processes"`, `"main"`, "int32 1236"}},
		{"dbus-send --peer=ADDR --print-reply /com/ubuntu/Upstart/jobs/apache org.freedesktop.DBus.Properties.Get string:com.ubuntu.Upstart0_6.Job string:start_on", []string{`"started"`, `"mysql"`, `"IFACE!=lo"`, `"/AND"`, `"/OR"`}},
		{"dbus-send --peer=ADDR --print-reply /com/ubuntu/Upstart com.ubuntu.Upstart0_6.EmitEvent string:bad array:string:A=b boolean:true", []string{"com.ubuntu.Upstart0_6.Error.EventFailed: Event failed"}},
		{"gdbus introspect --address ADDR --dest " + dest + " --object-path /com/ubuntu/Upstart", []string{"interface com.ubuntu.Upstart0_6 {", "EmitEventWithFile(in  s name,", "in  h file);", "JobAdded(o job);", "readwrite s log_priority = 'message';", "node jobs {"}},
		{"gdbus call --address ADDR --dest " + dest + " --object-path /com/ubuntu/Upstart/jobs/getty --method com.ubuntu.Upstart0_6.Job.GetInstance ['TTY=tty1']", []string{"(objectpath '/com/ubuntu/Upstart/jobs/getty/tty1',)"}},
		{"busctl --address=ADDR tree " + dest, []string{"/com/ubuntu/Upstart/jobs/apache/_", "/com/ubuntu/Upstart/jobs/getty/tty1", "/com/ubuntu/Upstart/jobs/net_2fportmap"}},
		{"busctl --address=ADDR introspect " + dest + " /com/ubuntu/Upstart/jobs/apache/_", []string{"com.ubuntu.Upstart0_6.Instance", ".Reload", ".goal", `"start"`, `1 "main" 1234`, ".Failed"}},
		{"busctl --address=ADDR call " + dest + " /com/ubuntu/Upstart com.ubuntu.Upstart0_6 GetJobByName s typo", []string{"typo.conf:3:1"}},
		{"busctl --address=ADDR set-property " + dest + " /com/ubuntu/Upstart com.ubuntu.Upstart0_6 log_priority s debug", nil},
		{"busctl --address=ADDR get-property " + dest + " /com/ubuntu/Upstart com.ubuntu.Upstart0_6 log_priority", []string{`s "debug"`}},
		{"busctl --address=ADDR list --no-legend", []string{"com.ubuntu.Upstart", "org.freedesktop.systemd1"}},
	} {
		args := strings.Fields(strings.ReplaceAll(c.args, "ADDR", "unix:path="+s.Path))
		path, err := exec.LookPath(args[0])
		if err != nil {
			t.Logf("skipping %s, which is not installed", args[0])
			continue
		}
		cmd := exec.Command(path, args[1:]...)
		cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "SYSTEMD_PAGER=", "SYSTEMD_COLORS=0")
		out, err := cmd.CombinedOutput()
		rest := string(out)
		for _, w := range c.want {
			i := strings.Index(rest, w)
			if i < 0 {
				t.Errorf("%s: want %q in (%v)\n%s", c.args, w, err, out)
				break
			}
			rest = rest[i+len(w):]
		}
		if c.want == nil && err != nil {
			t.Errorf("%s: %v\n%s", c.args, err, out)
		}
	}
}
