// SPDX-License-Identifier: Apache-2.0

package test

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// machine is a rouse that is process 1 over a small root of its own, in user,
// process, mount, network and host name namespaces: a container by hand.
type machine struct {
	*process
	root   string
	pid    int // of process 1, as the test sees it
	trace  *os.File
	reader *bufio.Reader
	seen   []string // of the trace
	tty    *os.File // the other side of /dev/console
}

// machineNames are what the program is called in a machine.
var machineNames = []string{"init", "rouse", "initctl", "start", "stop", "restart", "reload", "status", "telinit", "runlevel", "shutdown", "reboot", "halt", "poweroff"}

// machinePrograms are the machine's other programs. Jobs write to /trace, a pipe.
var machinePrograms = []string{"sh", "sleep", "cat", "env", "echo", "true"}

// machineEnvironment is what process 1 is started with.
var machineEnvironment = []string{"HOME=/", "TERM=vt52", "PATH=/nowhere", "BOOT_IMAGE=/vmlinuz", "UPSTART_SESSION=", "ROUSE_SOCKET="}

// newMachine makes the root. Files without a leading slash are jobs.
func newMachine(t *testing.T, files map[string]string) *machine {
	t.Helper()
	needNamespaces(t)
	m := &machine{root: filepath.Join(t.TempDir(), "root")}
	m.process = &process{t: t, lines: make(chan struct{}, 1), ended: make(chan struct{})}
	for _, dir := range []string{"bin", "dev", "etc/init", "old", "proc", "run", "sbin", "tmp", "var/log"} {
		noError(t, os.MkdirAll(filepath.Join(m.root, dir), 0o755))
	}
	for _, name := range machinePrograms {
		copyProgram(t, m.root, needProgram(t, name, name), "/bin/"+name)
	}
	copyFile(t, rouse, filepath.Join(m.root, "sbin/init"))
	for _, name := range machineNames[1:] {
		noError(t, os.Symlink("init", filepath.Join(m.root, "sbin", name)))
	}
	for _, name := range []string{"etc/passwd", "run/utmp", "var/log/wtmp"} {
		noError(t, os.WriteFile(filepath.Join(m.root, name), nil, 0o644))
	}
	m.write(files)
	path := filepath.Join(m.root, "trace")
	noError(t, unix.Mkfifo(path, 0o666))
	var err error
	m.trace, err = os.OpenFile(path, os.O_RDWR|syscall.O_NONBLOCK, 0)
	noError(t, err)
	t.Cleanup(func() { _ = m.trace.Close() })
	m.reader = bufio.NewReader(m.trace)
	return m
}

// write writes files into the root; each appears at once and whole.
func (m *machine) write(files map[string]string) {
	m.t.Helper()
	for name, text := range files {
		if !strings.HasPrefix(name, "/") {
			name = "/etc/init/" + name
		}
		path := filepath.Join(m.root, name)
		noError(m.t, os.MkdirAll(filepath.Dir(path), 0o755))
		noError(m.t, os.WriteFile(path+"~", []byte(text), 0o644))
		noError(m.t, os.Rename(path+"~", path))
	}
}

func noError(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// needNamespaces skips where a container cannot be made by hand.
func needNamespaces(t *testing.T) {
	t.Helper()
	needProgram(t, "nsenter", "nsenter")
	err := tryNamespaces()
	need(t, "namespaces", err == nil, fmt.Sprintf("needs user, process and mount namespaces: %v", err))
}

var tryNamespaces = sync.OnceValue(func() error {
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	probe := exec.Command(exe, "service", "root", "")
	probe.SysProcAttr = ownNamespaces()
	if out, err := probe.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, bytes.TrimSpace(out))
	}
	return nil
})

func ownNamespaces() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{
		Cloneflags:  unix.CLONE_NEWUSER | unix.CLONE_NEWPID | unix.CLONE_NEWNS | unix.CLONE_NEWNET | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
		Setsid:      true,
		Pdeathsig:   unix.SIGKILL,
	}
}

func selfProgram(t *testing.T) string {
	t.Helper()
	exe, err := os.Executable()
	noError(t, err)
	return exe
}

// boot starts a machine and waits until everybody can speak with it.
func boot(t *testing.T, files map[string]string, args ...string) *machine {
	t.Helper()
	m := newMachine(t, files)
	m.boot(args...)
	return m
}

func (m *machine) boot(args ...string) {
	m.t.Helper()
	tty := m.console()
	m.cmd = exec.Command(selfProgram(m.t), append([]string{"service", "root", m.root, tty, "/sbin/init"}, args...)...)
	m.cmd.Env = machineEnvironment
	m.cmd.SysProcAttr = ownNamespaces()
	m.cmd.Stdout, m.cmd.Stderr = m.process, m.process
	noError(m.t, m.cmd.Start())
	m.pid = m.cmd.Process.Pid
	go func() { _ = m.cmd.Wait(); close(m.ended) }()
	m.t.Cleanup(m.end)
	m.up()
}

// up waits for the answer of the manager.
func (m *machine) up() {
	m.t.Helper()
	for deadline := time.Now().Add(patience); ; {
		code, out := m.in("initctl", "version")
		if code == 0 {
			return
		}
		select {
		case <-m.ended:
			m.t.Fatalf("process 1 ended (%v):\n%s", m.cmd.ProcessState, m.output())
		default:
		}
		if time.Now().After(deadline) {
			m.t.Fatalf("no manager: %s\n%s", out, m.output())
		}
	}
}

// end ends the machine, which has had its chance, and shows what it said.
func (m *machine) end() {
	_ = m.cmd.Process.Kill()
	<-m.ended
	if m.t.Failed() {
		m.t.Logf("the machine said:\n%s\ntrace: %q", m.output(), m.seen)
	}
}

// console makes the terminal that becomes /dev/console; the test has its
// other side.
func (m *machine) console() string {
	m.t.Helper()
	var err error
	m.tty, err = os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY|syscall.O_NONBLOCK, 0)
	need(m.t, "ptmx", err == nil, fmt.Sprintf("needs a pseudo terminal: %v", err))
	m.t.Cleanup(func() { _ = m.tty.Close() })
	fd := int(m.tty.Fd())
	noError(m.t, unix.SetNonblock(fd, true)) // undoes what Fd did
	noError(m.t, unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0))
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	noError(m.t, err)
	other, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|syscall.O_NOCTTY, 0)
	noError(m.t, err)
	m.t.Cleanup(func() { _ = other.Close() }) // open, or reads of m.tty fail while nobody has it
	return other.Name()
}

// in runs a program in the machine: the exit status and all that it printed.
func (m *machine) in(args ...string) (int, string) {
	m.t.Helper()
	cmd := m.command(args...)
	out, err := cmd.CombinedOutput()
	code := 0
	if e := (&exec.ExitError{}); err != nil {
		if !asExit(err, &e) {
			m.t.Fatal(err)
		}
		code = e.ExitCode()
	}
	return code, string(out)
}

func (m *machine) command(args ...string) *exec.Cmd {
	cmd := exec.Command("nsenter", append([]string{"-t", fmt.Sprint(m.pid), "-U", "-m", "-p", "-n", "-u", "-i", "--preserve-credentials", "--root", "--wd", "--"}, args...)...)
	cmd.Env = []string{"PATH=/sbin:/bin"}
	cmd.Path = nsenterPath()
	return cmd
}

var nsenterPath = sync.OnceValue(func() string { path, _ := exec.LookPath("nsenter"); return path })

// ok runs a program that has to succeed and returns what it printed.
func (m *machine) ok(args ...string) string {
	m.t.Helper()
	code, out := m.in(args...)
	if code != 0 {
		m.t.Fatalf("%s: status %d: %s", strings.Join(args, " "), code, out)
	}
	return out
}

// says runs a program and compares what it prints.
func (m *machine) says(want string, args ...string) {
	m.t.Helper()
	if out := m.ok(args...); out != want {
		m.t.Errorf("%s: %q, want %q", strings.Join(args, " "), out, want)
	}
}

// awaits waits for the lines in the trace, in their order; others may come
// in between.
func (m *machine) awaits(want ...string) {
	m.t.Helper()
	noError(m.t, m.trace.SetReadDeadline(time.Now().Add(patience)))
	for _, w := range want {
		for {
			line, err := m.reader.ReadString('\n')
			if err != nil {
				m.t.Fatalf("%q is not in the trace %q: %v", w, m.seen, err)
			}
			line = strings.TrimSuffix(line, "\n")
			m.seen = append(m.seen, line)
			if line == w {
				break
			}
		}
	}
}

// never fails the test if one of the lines has come, up to now.
func (m *machine) never(lines ...string) {
	m.t.Helper()
	for _, l := range lines {
		if slices.Contains(m.seen, l) {
			m.t.Errorf("%q is in the trace %q", l, m.seen)
		}
	}
}

// await asks for the status of a job until it has the goal and state.
func (m *machine) await(job, want string) {
	m.t.Helper()
	for deadline := time.Now().Add(patience); ; {
		_, out := m.in("status", job)
		if strings.Contains(out, want) {
			return
		}
		if time.Now().After(deadline) {
			m.t.Fatalf("the status of %s is %q, not %q", job, out, want)
		}
	}
}

// shows waits until the console has printed a text.
func (m *machine) shows(want string) {
	m.t.Helper()
	noError(m.t, m.tty.SetReadDeadline(time.Now().Add(patience)))
	var got []byte
	for buf := make([]byte, 256); !bytes.Contains(got, []byte(want)); {
		n, err := m.tty.Read(buf)
		if err != nil {
			m.t.Fatalf("the console showed %q, not %q: %v", got, want, err)
		}
		got = append(got, buf[:n]...)
	}
}

// ends waits for the end of process 1 and returns how it ended.
func (m *machine) ends() syscall.WaitStatus {
	m.t.Helper()
	select {
	case <-m.ended:
	case <-time.After(patience):
		m.t.Fatalf("the machine does not end:\n%s", m.output())
	}
	ws, _ := m.cmd.ProcessState.Sys().(syscall.WaitStatus)
	return ws
}

// signal sends process 1 a signal, as the kernel or somebody outside does.
func (m *machine) signal(sig syscall.Signal) {
	m.t.Helper()
	noError(m.t, m.cmd.Process.Signal(sig))
}

// sortedLines are the lines of a text in their order, on one line, but for
// those that begin in one of these ways.
func sortedLines(text string, but ...string) string {
	lines := slices.DeleteFunc(strings.Split(strings.TrimSpace(text), "\n"), func(line string) bool {
		return slices.ContainsFunc(but, func(prefix string) bool { return strings.HasPrefix(line, prefix) })
	})
	slices.Sort(lines)
	return strings.Join(lines, " ")
}

// read is a file of the machine.
func (m *machine) read(name string) string {
	m.t.Helper()
	b, err := os.ReadFile(filepath.Join(m.root, name))
	noError(m.t, err)
	return string(b)
}
