// SPDX-License-Identifier: Apache-2.0

// Package test runs the built binary as a user would: one file per story.
package test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

var rouse string // the binary under test

// TestMain builds it, or plays the part of a service that a test asked for.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "service" {
		os.Exit(service(os.Args[2], os.Args[3:]))
	}
	dir, err := os.MkdirTemp("", "rouse-test-")
	if err != nil {
		panic(err)
	}
	rouse = filepath.Join(dir, "rouse")
	build := exec.Command("go", "build", "-o", rouse, "../cmd/rouse")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "go build: %v\n%s", err, out)
		os.Exit(1)
	}
	_ = os.Chmod(dir, 0o755)
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// need skips the test, or fails it where ROUSE_TEST_REQUIRE names the need.
func need(t *testing.T, name string, have bool, why string) {
	t.Helper()
	if have {
		return
	}
	for _, r := range strings.Split(os.Getenv("ROUSE_TEST_REQUIRE"), ",") {
		if r == name {
			t.Fatalf("ROUSE_TEST_REQUIRE asks for %s, but %s", name, why)
		}
	}
	t.Skip(why)
}

func needProgram(t *testing.T, name, program string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		path, err = exec.LookPath("/usr/sbin/" + program)
	}
	need(t, name, err == nil, program+" is not installed")
	return path
}

// long is how long the endurance stories run: ROUSE_TEST_SECONDS, else short.
func long(short time.Duration) time.Duration {
	if n, err := strconv.Atoi(os.Getenv("ROUSE_TEST_SECONDS")); err == nil {
		return time.Duration(n) * time.Second
	}
	return short
}

// process is a rouse in the foreground.
type process struct {
	t      *testing.T
	cmd    *exec.Cmd
	socket string
	mu     sync.Mutex
	out    bytes.Buffer
	lines  chan struct{}
	ended  chan struct{}
}

// up writes the units and runs them until the test ends.
func up(t *testing.T, units map[string]string, args ...string) *process {
	t.Helper()
	dir := t.TempDir()
	for name, text := range units {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	p := start(t, append(append([]string{"up"}, args...), dir)...)
	p.awaitLine("rouse: ready")
	return p
}

// start runs rouse with a control socket of its own.
func start(t *testing.T, args ...string) *process {
	t.Helper()
	return startIn(t, nil, args...)
}

// startIn is start with variables in its environment besides those of the test.
func startIn(t *testing.T, env []string, args ...string) *process {
	t.Helper()
	dir, err := os.MkdirTemp("", "r") //nolint:usetesting // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	p := &process{t: t, socket: filepath.Join(dir, "s"), lines: make(chan struct{}, 1), ended: make(chan struct{})}
	p.cmd = exec.Command(rouse, append([]string{"--socket", p.socket}, args...)...)
	p.cmd.Stdout, p.cmd.Stderr = p, p
	if len(env) > 0 {
		p.cmd.Env = append(os.Environ(), env...)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { _ = p.cmd.Wait(); close(p.ended) }()
	t.Cleanup(func() {
		p.stop()
		_ = os.RemoveAll(dir)
	})
	return p
}

// Write collects what rouse and its services print.
func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	p.out.Write(b)
	p.mu.Unlock()
	select {
	case p.lines <- struct{}{}:
	default:
	}
	return len(b), nil
}

func (p *process) output() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.String()
}

const patience = 30 * time.Second

// awaitLine waits until want has been printed.
func (p *process) awaitLine(want string) {
	p.t.Helper()
	timeout := time.After(patience)
	for !strings.Contains(p.output(), want) {
		select {
		case <-p.lines:
		case <-p.ended:
			p.t.Fatalf("rouse ended before it said %q:\n%s", want, p.output())
		case <-timeout:
			p.t.Fatalf("rouse did not say %q:\n%s", want, p.output())
		}
	}
}

// stop asks it to stop and fails the test if it does not.
func (p *process) stop() {
	select {
	case <-p.ended:
		return
	default:
	}
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.ended:
	case <-time.After(patience):
		p.t.Errorf("rouse did not stop:\n%s", p.output())
		_ = p.cmd.Process.Kill()
	}
	if p.t.Failed() {
		p.t.Logf("rouse said:\n%s", p.output())
	}
}

// ctl runs a client verb; the exit status and all that it printed.
func (p *process) ctl(args ...string) (int, string) {
	p.t.Helper()
	out, err := exec.Command(rouse, append([]string{"--socket", p.socket}, args...)...).CombinedOutput()
	code := 0
	if e := (&exec.ExitError{}); err != nil {
		if !asExit(err, &e) {
			p.t.Fatal(err)
		}
		code = e.ExitCode()
	}
	return code, string(out)
}

func asExit(err error, e **exec.ExitError) bool {
	x, ok := err.(*exec.ExitError) //nolint:errorlint // exec returns it bare
	*e = x
	return ok
}

// property is one property of a unit.
func (p *process) property(unit, name string) string {
	p.t.Helper()
	code, out := p.ctl("show", "-p", name, "--value", unit)
	if code != 0 {
		p.t.Fatalf("show %s: status %d: %s", unit, code, out)
	}
	return strings.TrimSpace(out)
}

// await asks again and again until the property has the value.
func (p *process) await(unit, name, want string) {
	p.t.Helper()
	deadline := time.Now().Add(patience)
	for {
		got := p.property(unit, name)
		if got == want {
			return
		}
		if time.Now().After(deadline) {
			p.t.Fatalf("%s of %s is %q, not %q", name, unit, got, want)
		}
	}
}

// freePort finds a port that nobody has.
func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// self is the command line of a service played by the test binary.
func self(t *testing.T, args ...string) string {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return exe + " service " + strings.Join(args, " ")
}

// ask sends a line over a new connection and returns the answer.
func ask(network, address, line string) (string, error) {
	c, err := net.DialTimeout(network, address, 10*time.Second)
	if err != nil {
		return "", err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		return "", err
	}
	if _, err := fmt.Fprintln(c, line); err != nil {
		return "", err
	}
	answer, err := bufio.NewReader(c).ReadString('\n')
	return strings.TrimSpace(answer), err
}

// networkOf tells paths from addresses.
func networkOf(address string) string {
	if strings.HasPrefix(address, "/") {
		return "unix"
	}
	return "tcp"
}

// service plays a part: "fd" serves descriptor 3, "bind ADDRESS" binds by
// itself, "either ADDRESS" does where it was passed nothing, "conn" serves standard input, "daemon FILE" forks away for good,
// "root DIR" becomes process 1 over a root of its own, "bus" is in
// dbus_rig_test.go, "member" in distribute_rig_test.go.
func service(part string, args []string) int {
	var l net.Listener
	var err error
	switch part {
	case "fd":
		l, err = net.FileListener(os.NewFile(3, "socket"))
	case "bind":
		l, err = net.Listen(networkOf(args[0]), args[0])
	case "either":
		if os.Getenv("LISTEN_FDS") != "" {
			l, err = net.FileListener(os.NewFile(3, "socket"))
		} else {
			l, err = net.Listen(networkOf(args[0]), args[0])
		}
	case "udp":
		return echoDatagrams(args[0])
	case "conn":
		echo(struct {
			io.Reader
			io.Writer
		}{os.Stdin, os.Stdout})
		return 0
	case "exit":
		n, _ := strconv.Atoi(args[0])
		return n
	case "count":
		return countService(args)
	case "env":
		return dumpEnvironment(args[0])
	case "root":
		return enterRoot(args)
	case "bus":
		return busService(args)
	case "datagram":
		return datagramService(args)
	case "front":
		return front(args[0])
	case "member":
		return member(args)
	case "friend":
		// Connects first and says that it is ready after that.
		c, err := net.Dial("unix", args[0])
		if err != nil {
			return 1
		}
		defer c.Close()
		if n, err := net.Dial("unixgram", os.Getenv("NOTIFY_SOCKET")); err == nil {
			fmt.Fprint(n, "READY=1")
		}
		l, err = net.FileListener(os.NewFile(3, "socket"))
		if err != nil {
			return 1
		}
	default:
		return jobService(part, args)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM)
	var busy sync.WaitGroup
	go func() {
		<-term
		if part == "friend" {
			os.Exit(0) // two friends would wait for each other
		}
		_ = l.Close()
	}()
	for {
		c, err := l.Accept()
		if err != nil {
			break
		}
		busy.Go(func() {
			defer c.Close()
			echo(c)
		})
	}
	busy.Wait() // graceful: what was accepted is answered
	return 0
}

// echo answers each line with the pid and the line.
func echo(c io.ReadWriter) {
	for s := bufio.NewScanner(c); s.Scan(); {
		line := s.Text()
		if rest, ok := strings.CutPrefix(line, "slow "); ok {
			d, _ := time.ParseDuration(rest)
			time.Sleep(d)
		}
		if line == "die" {
			os.Exit(7)
		}
		if _, err := fmt.Fprintln(c, os.Getpid(), line); err != nil {
			return
		}
	}
}

func dumpEnvironment(file string) int {
	if err := os.WriteFile(file, []byte(strings.Join(os.Environ(), "\n")), 0o644); err != nil {
		return 1
	}
	return 0
}
