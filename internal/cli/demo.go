// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/rouse-init/rouse/internal/bus/client"
)

func newDemo() *cobra.Command {
	return &cobra.Command{
		Use:   "demo",
		Short: "Show in a few seconds what rouse does, without root, files or packages",
		Long: `Start a private manager with three sleeping services made from this program,
talk to them, let them fall asleep, wake them again, and kill the manager in
the middle of a request. The exit status is 0 only if all of it held.`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			d := demo{out: os.Stdout}
			defer d.close()
			if err := d.run(); err != nil {
				return fmt.Errorf("the demo did not hold: %w", err)
			}
			return nil
		},
	}
}

// demo is one run of the show.
type demo struct {
	out     io.Writer
	dir     string
	manager *exec.Cmd
	log     *strings.Builder
	conn    *client.Conn
	shows   []*demoShow
}

// demoShow is one of the services.
type demoShow struct {
	name, about      string
	network, address string
	unit             string // "" for one process per connection
	pid              string // who answered last
}

const demoIdle = 400 * time.Millisecond

func (d *demo) say(format string, args ...any) { _, _ = fmt.Fprintf(d.out, format+"\n", args...) }

func (d *demo) run() error {
	steps := []func() error{d.start, d.knock, d.sleep, d.knockAgain, d.killManager, d.perConnection, d.stop}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	d.say("\nAll of it held.")
	return nil
}

// start writes the units and starts a manager of our own over them.
func (d *demo) start() error {
	var err error
	if d.dir, err = os.MkdirTemp("", "rouse-demo-"); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if err := d.write(self); err != nil {
		return err
	}
	d.manager = exec.Command(self, "--socket", filepath.Join(d.dir, "control"), "up", filepath.Join(d.dir, "units"))
	d.log = &strings.Builder{}
	stderr, err := d.manager.StderrPipe()
	if err != nil {
		return err
	}
	if err := d.manager.Start(); err != nil {
		return err
	}
	if err := waitReady(stderr, d.log); err != nil {
		return err
	}
	if d.conn, err = client.Dial(filepath.Join(d.dir, "control")); err != nil {
		return err
	}
	d.say("A private manager holds three sockets. No service runs.")
	for _, s := range d.shows {
		d.say("  %-5s %-28s %s", s.name, s.address, s.about)
		if s.unit != "" {
			if err := d.expect(s.unit, "inactive"); err != nil {
				return err
			}
		}
	}
	return nil
}

// waitReady reads the manager's messages up to "ready"; the rest is kept for
// the case that something goes wrong.
func waitReady(stderr io.Reader, log *strings.Builder) error {
	r := bufio.NewReader(stderr)
	for {
		line, err := r.ReadString('\n')
		log.WriteString(line)
		if strings.HasSuffix(strings.TrimSpace(line), "ready") {
			go func() { _, _ = io.Copy(io.Discard, r) }() // until the manager ends
			return nil
		}
		if err != nil {
			return fmt.Errorf("the manager ended: %s", log)
		}
	}
}

func (d *demo) write(self string) error {
	units := filepath.Join(d.dir, "units")
	if err := os.Mkdir(units, 0o755); err != nil {
		return err
	}
	port := [2]int{}
	for i := range port {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		port[i] = l.Addr().(*net.TCPAddr).Port
		_ = l.Close() // only its number is wanted
	}
	fd, bind := fmt.Sprintf("127.0.0.1:%d", port[0]), fmt.Sprintf("127.0.0.1:%d", port[1])
	sock := filepath.Join(d.dir, "conn.sock")
	d.shows = []*demoShow{
		{name: "fd", about: "takes the socket that it is given (LISTEN_FDS)", network: "tcp", address: fd, unit: "fd.service"},
		{name: "bind", about: "just binds, and knows nothing of rouse", network: "tcp", address: bind, unit: "bind.service"},
		{name: "conn", about: "one process for each connection", network: "unix", address: sock},
	}
	exe := quoteWord(self) + " demo-service "
	idle := fmt.Sprintf("X-IdleSec=%s\n", demoIdle)
	files := map[string]string{
		"fd.socket":     "[Socket]\nListenStream=" + fd + "\n" + idle,
		"fd.service":    "[Service]\nExecStart=" + exe + "fd\n",
		"bind.socket":   "[Socket]\nListenStream=" + bind + "\nX-Handover=bind\n" + idle,
		"bind.service":  "[Service]\nX-Readiness=listen\nExecStart=" + exe + "bind " + bind + "\n",
		"conn.socket":   "[Socket]\nListenStream=" + sock + "\nAccept=yes\n",
		"conn@.service": "[Service]\nStandardInput=socket\nStandardError=journal\nExecStart=" + exe + "conn\n",
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(units, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// ask sends one line and returns the answer and how long it took.
func (s *demoShow) ask(line string) (string, time.Duration, error) {
	began := time.Now()
	c, err := net.DialTimeout(s.network, s.address, 5*time.Second)
	if err != nil {
		return "", 0, err
	}
	defer func() { _ = c.Close() }()
	if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return "", 0, err
	}
	if _, err := fmt.Fprintln(c, line); err != nil {
		return "", 0, err
	}
	answer, err := bufio.NewReader(c).ReadString('\n')
	if err != nil {
		return "", 0, fmt.Errorf("%s did not answer: %w", s.name, err)
	}
	return strings.TrimSpace(answer), time.Since(began), nil
}

func (d *demo) knock() error {
	d.say("\nKnocking.")
	for _, s := range d.shows {
		pid, cold, err := s.ask("hello")
		if err != nil {
			return err
		}
		again, warm, err := s.ask("hello")
		if err != nil {
			return err
		}
		s.pid = pid
		if s.unit == "" {
			d.say("  %-5s answered in %6.2f ms by process %s, then in %6.2f ms by process %s", s.name, ms(cold), pid, ms(warm), again)
			if pid == again {
				return errors.New("one process served two connections")
			}
			continue
		}
		d.say("  %-5s woke and answered in %6.2f ms (process %s); awake it takes %.2f ms", s.name, ms(cold), pid, ms(warm))
		if pid != again {
			return fmt.Errorf("%s was started twice", s.name)
		}
	}
	return nil
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// sleep waits until idleness has put them to sleep.
func (d *demo) sleep() error {
	began := time.Now()
	for _, s := range d.shows {
		if s.unit == "" {
			continue
		}
		if err := d.await(s.unit, "inactive"); err != nil {
			return err
		}
	}
	d.say("\nNobody is connected: after %.1f s all are asleep again, and their processes gone.", time.Since(began).Seconds())
	return nil
}

func (d *demo) knockAgain() error {
	for _, s := range d.shows[:2] {
		pid, cold, err := s.ask("hello")
		if err != nil {
			return err
		}
		if pid == s.pid {
			return fmt.Errorf("%s had not slept", s.name)
		}
		s.pid = pid
		d.say("  %-5s woke once more, in %.2f ms (process %s)", s.name, ms(cold), pid)
	}
	return nil
}

// killManager kills it while a request is being served.
func (d *demo) killManager() error {
	for _, s := range d.shows[:2] {
		before, err := d.managerPid()
		if err != nil {
			return err
		}
		if s.pid, _, err = s.ask("hello"); err != nil {
			return err
		}
		type reply struct {
			pid string
			err error
		}
		done := make(chan reply, 1)
		go func() {
			pid, _, err := s.ask("slow")
			done <- reply{pid, err}
		}()
		// The request is on its way once another connection is answered.
		if _, _, err := s.ask("hello"); err != nil {
			return err
		}
		began := time.Now()
		if err := syscall.Kill(before, syscall.SIGKILL); err != nil {
			return err
		}
		d.conn.Close()
		after, err := d.managerPid()
		if err != nil {
			return err
		}
		back := time.Since(began)
		r := <-done
		if r.err != nil {
			return fmt.Errorf("a request was lost: %w", r.err)
		}
		pid, _, err := s.ask("hello")
		if err != nil {
			return err
		}
		if r.pid != pid || pid != s.pid || after == before {
			return fmt.Errorf("%s was restarted", s.name)
		}
		d.say("\nKilled the manager (process %d) in the middle of a request to %s:\n  the answer came, process %s goes on, a new manager (process %d) knew all of it after %.0f ms.",
			before, s.name, pid, after, ms(back))
	}
	return nil
}

// managerPid asks the manager who it is; a new one may not be there yet.
func (d *demo) managerPid() (int, error) {
	deadline := time.Now().Add(10 * time.Second)
	for {
		var s managerStatus
		err := d.conn.JSON("Status", &s)
		if err == nil {
			return int(s.ManagerPid), nil
		}
		if time.Now().After(deadline) {
			return 0, fmt.Errorf("the manager does not answer: %w", err)
		}
		time.Sleep(time.Millisecond)
		d.conn.Close()
		if c, err := client.Dial(filepath.Join(d.dir, "control")); err == nil {
			d.conn = c
		}
	}
}

// perConnection shows that the new manager accepts connections as before.
func (d *demo) perConnection() error {
	_, _, err := d.shows[2].ask("hello")
	return err
}

func (d *demo) expect(unit, want string) error {
	got, err := d.conn.Active(unit)
	if err == nil && got != want {
		err = fmt.Errorf("%s is %s, not %s", unit, got, want)
	}
	return err
}

// await polls the state of a unit; the demo has nobody else to wait for.
func (d *demo) await(unit, want string) error {
	deadline := time.Now().Add(10 * time.Second)
	for {
		err := d.expect(unit, want)
		if err == nil || time.Now().After(deadline) {
			return err
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// stop asks the guardian to stop everything.
func (d *demo) stop() error {
	began := time.Now()
	m := d.manager
	d.manager = nil
	if err := m.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	if err := m.Wait(); err != nil {
		return fmt.Errorf("the manager did not stop in order: %w", err)
	}
	d.say("\nAsked to stop: everything was down after %.0f ms.", ms(time.Since(began)))
	return nil
}

func (d *demo) close() {
	if d.manager != nil {
		_ = d.manager.Process.Signal(syscall.SIGTERM)
		_ = d.manager.Wait()
	}
	if d.dir != "" {
		_ = os.RemoveAll(d.dir)
	}
}
