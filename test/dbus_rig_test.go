// SPDX-License-Identifier: Apache-2.0

package test

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
)

// messageBus is a private message bus: a real dbus-daemon, beside rouse or
// started by it, and a directory for its socket and its .service files.
type messageBus struct {
	t       *testing.T
	dir     string
	address string
	cmd     *exec.Cmd // of a daemon beside rouse
}

// The name that the services of these stories have, their object and its
// interface.
const (
	busName = "org.example.Echo"
	busPath = "/org/example/Echo"
)

// A unit and a job that have busName, and a unit that is enabled, so that
// nothing else in its directory is started for lack of an [Install] section.
const (
	busUnit   = "[Service]\nType=dbus\nBusName=" + busName + "\nExecStart=@S\n"
	busJob    = "dbus system-bus " + busName + "\nexec @S\n"
	neighbour = "[Service]\nType=oneshot\nExecStart=/bin/true\n[Install]\nWantedBy=default.target\n"
)

const busConfig = `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
 <type>session</type>
 <listen>unix:path=%[1]s/bus</listen>
 <auth>EXTERNAL</auth>
 <servicedir>%[1]s/services</servicedir>
 <policy context="default">
  <allow user="*"/><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/>
 </policy>
 <limit name="service_start_timeout">25000</limit>
</busconfig>
`

// newBus makes the place for a bus that nobody has started yet.
func newBus(t *testing.T) *messageBus {
	t.Helper()
	needProgram(t, "dbus", "dbus-daemon")
	needProgram(t, "dbus", "dbus-send")
	dir, err := os.MkdirTemp("", "rb") //nolint:usetesting // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	for _, err := range []error{
		os.Chmod(dir, 0o755), // strangers are let in
		os.Mkdir(filepath.Join(dir, "services"), 0o755),
		os.WriteFile(filepath.Join(dir, "bus.conf"), fmt.Appendf(nil, busConfig, dir), 0o644),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return &messageBus{t: t, dir: dir, address: "unix:path=" + filepath.Join(dir, "bus")}
}

// daemon is the command line of the bus for a unit.
func (b *messageBus) daemon() string {
	path, _ := exec.LookPath("dbus-daemon")
	return path + " --config-file=" + filepath.Join(b.dir, "bus.conf") + " --nopidfile --systemd-activation"
}

// begin starts the daemon beside rouse; it is ready when it listens.
func (b *messageBus) begin() *messageBus {
	b.t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		b.t.Fatal(err)
	}
	defer r.Close()
	args := strings.Fields(b.daemon() + " --nofork --print-address=1")
	b.cmd = exec.Command(args[0], args[1:]...)
	b.cmd.Stdout, b.cmd.Stderr = w, b.t.Output()
	err = b.cmd.Start()
	_ = w.Close()
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(b.kill)
	if _, err := r.Read(make([]byte, 1)); err != nil {
		b.t.Fatalf("dbus-daemon does not begin: %v", err)
	}
	return b
}

// kill ends the daemon beside rouse without a warning.
func (b *messageBus) kill() {
	if b.cmd != nil {
		_ = b.cmd.Process.Kill()
		_ = b.cmd.Wait()
		b.cmd = nil
	}
}

// up runs a directory with this bus. In its text @B is the directory of the
// bus and @S the service that has busName, to which words for its part may be
// added; for @D see jobs. With a daemon beside rouse it returns when rouse is
// on the bus.
func (b *messageBus) up(files map[string]string, args ...string) (*process, string) {
	b.t.Helper()
	texts := map[string]string{}
	for name, text := range files {
		texts[name] = strings.NewReplacer("@B", b.dir, "@S", self(b.t, "bus", b.address, busName, "@D/trace")).Replace(text)
	}
	p, dir := jobs(b.t, texts, append([]string{"--bus", b.address, "--bus-services", filepath.Join(b.dir, "services")}, args...)...)
	if b.cmd != nil {
		b.awaitOwner("org.freedesktop.systemd1")
		b.awaitOwner("com.ubuntu.Upstart")
	}
	return p, dir
}

// offer writes a .service file as packages install them.
func (b *messageBus) offer(name, unit string) *messageBus {
	b.t.Helper()
	put(b.t, filepath.Join(b.dir, "services", name+".service"),
		"[D-BUS Service]\nName="+name+"\nExec=/bin/false\nUser=root\nSystemdService="+unit+"\n")
	return b
}

// put writes a file.
func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// run runs a program of others as a client of the bus: as both its session's
// and its system's.
func (b *messageBus) run(program string, args ...string) (int, string) {
	b.t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C",
		"DBUS_SESSION_BUS_ADDRESS=" + b.address, "DBUS_SYSTEM_BUS_ADDRESS=" + b.address}
	out, err := cmd.CombinedOutput()
	if e := (&exec.ExitError{}); err != nil && !asExit(err, &e) {
		b.t.Error(err)
		return -1, string(out)
	}
	return cmd.ProcessState.ExitCode(), string(out)
}

// send calls a method of busName with dbus-send and waits for the reply.
func (b *messageBus) send(method string, args ...string) (int, string) {
	b.t.Helper()
	return b.sendTo(busName, method, args...)
}

func (b *messageBus) sendTo(name, method string, args ...string) (int, string) {
	b.t.Helper()
	return b.run("dbus-send", append([]string{"--session", "--print-reply=literal", "--reply-timeout=30000", "--dest=" + name,
		busPath, busName + "." + method}, args...)...)
}

// tell calls a method of busName without waiting for its end.
func (b *messageBus) tell(method string) {
	b.t.Helper()
	if code, out := b.run("dbus-send", "--session", "--type=method_call", "--dest="+busName, busPath, busName+"."+method); code != 0 {
		b.t.Fatalf("dbus-send: status %d: %s", code, out)
	}
}

// echo calls Echo, which must answer; the pid that it answers with.
func (b *messageBus) echo() int {
	b.t.Helper()
	code, out := b.send("Echo", "string:hello")
	f := strings.Fields(out)
	if code != 0 || len(f) != 2 || f[1] != "hello" {
		b.t.Fatalf("dbus-send: status %d: %s", code, out)
	}
	pid, err := strconv.Atoi(f[0])
	if err != nil {
		b.t.Fatal(err)
	}
	return pid
}

// awaitOffer waits until the bus can start busName.
func (b *messageBus) awaitOffer() *messageBus {
	b.t.Helper()
	return b.awaitDriver("ListActivatableNames", busName)
}

// awaitOwner waits until somebody has the name.
func (b *messageBus) awaitOwner(name string) *messageBus {
	b.t.Helper()
	return b.awaitDriver("ListNames", name)
}

// awaitDriver waits until the bus itself, which may not be there yet, answers
// with this word.
func (b *messageBus) awaitDriver(method, want string) *messageBus {
	b.t.Helper()
	var out string
	eventually(b.t, func() bool {
		_, out = b.run("dbus-send", "--session", "--print-reply=literal", "--dest=org.freedesktop.DBus", "/", "org.freedesktop.DBus."+method)
		return slices.Contains(strings.Fields(strings.NewReplacer("[", " ", "]", " ").Replace(out)), want)
	}, func() string { return method + " has no " + want + ": " + out })
	return b
}

// sending is a dbus-send that has not got its reply yet.
type sending struct {
	done chan struct{}
	code int
	out  string
}

// sendAsync begins a call of Echo, which is to be answered later.
func (b *messageBus) sendAsync(name string) *sending {
	s := &sending{done: make(chan struct{})}
	go func() {
		defer close(s.done)
		s.code, s.out = b.sendTo(name, "Echo", "string:hello")
	}()
	return s
}

// replied waits for the reply, which must have want in it.
func (s *sending) replied(t *testing.T, code int, want string) {
	t.Helper()
	select {
	case <-s.done:
	case <-time.After(patience):
		t.Fatal("dbus-send got no reply")
	}
	if s.code != code || !strings.Contains(s.out, want) {
		t.Errorf("dbus-send: status %d, want %d with %q: %s", s.code, code, want, s.out)
	}
}

// busObject is what a service of these stories does.
type busObject struct {
	conn *dbus.Conn
	name string
}

// Echo answers with the pid and the text.
func (o *busObject) Echo(text string) (string, *dbus.Error) {
	return strconv.Itoa(os.Getpid()) + " " + text, nil
}

// GiveUp gives the name up, and goes on running.
func (o *busObject) GiveUp() *dbus.Error {
	if _, err := o.conn.ReleaseName(o.name); err != nil {
		return dbus.MakeFailedError(err)
	}
	return nil
}

// Tell sends a signal.
func (o *busObject) Tell(text string) *dbus.Error {
	if err := o.conn.Emit(busPath, busName+".Told", text); err != nil {
		return dbus.MakeFailedError(err)
	}
	return nil
}

// busService plays "ADDRESS NAME TRACE [WORD...]": it writes "start" to the
// file TRACE, takes the name, and answers until it is asked to end; then it
// writes "end". The words: "wait=FILE" takes the name when the file is there;
// "stay" outlives the bus and takes the name again when it is back.
func busService(args []string) int {
	address, name, trace, words := args[0], args[1], args[2], args[3:]
	note := func(text string) {
		f, err := os.OpenFile(trace, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
		if err != nil {
			os.Exit(3)
		}
		defer f.Close()
		fmt.Fprintln(f, text)
	}
	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM)
	note("start")
	stay := false
	for _, w := range words {
		if file, ok := strings.CutPrefix(w, "wait="); ok {
			for _, err := os.Stat(file); err != nil; _, err = os.Stat(file) {
				select {
				case <-term:
					return 0
				case <-time.After(tick):
				}
			}
		}
		stay = stay || w == "stay"
	}
	for {
		c, err := dbus.Connect(address)
		if err == nil {
			if err = takeName(c, name); err == nil {
				select {
				case <-term:
					note("end")
					return 0
				case <-c.Context().Done():
				}
			}
			_ = c.Close()
		}
		if !stay {
			fmt.Fprintln(os.Stderr, "the bus is gone:", err)
			return 4
		}
		select {
		case <-term:
			return 0
		case <-time.After(tick):
		}
	}
}

func takeName(c *dbus.Conn, name string) error {
	o := &busObject{c, name}
	if err := c.Export(o, busPath, busName); err != nil {
		return err
	}
	reply, err := c.RequestName(name, dbus.NameFlagDoNotQueue)
	if err == nil && reply != dbus.RequestNameReplyPrimaryOwner {
		err = fmt.Errorf("the name %s has an owner (%d)", name, reply)
	}
	return err
}
