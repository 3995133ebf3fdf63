// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/rouse-init/rouse/internal/bus/client"
)

// host is a rouse that runs the farm.
type host struct {
	dir   string
	cmd   *exec.Cmd
	ended chan error
	conn  *client.Conn
	// The processes of rouse.
	guardian, manager int
	killed            int
}

func (h *host) socket() string { return filepath.Join(h.dir, "s") }

// startHost runs rouse until it is ready. What it and the images say goes to
// rouse.log in the farm.
func startHost(dir, rouse string) (*host, error) {
	if rouse == "" {
		rouse = filepath.Join(dir, "rouse")
		build := exec.Command("go", "build", "-o", rouse, "github.com/rouse-init/rouse/cmd/rouse")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("go build: %w\n%s", err, out)
		}
	}
	h := &host{dir: dir, ended: make(chan error, 1)}
	log, err := os.Create(filepath.Join(dir, "rouse.log"))
	if err != nil {
		return nil, err
	}
	h.cmd = exec.Command(rouse, "--socket", h.socket(), "up", filepath.Join(dir, "units"))
	out, err := h.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	h.cmd.Stderr = h.cmd.Stdout
	if err := h.cmd.Start(); err != nil {
		return nil, err
	}
	ready := make(chan bool, 1)
	go func() {
		for s := bufio.NewScanner(io.TeeReader(out, log)); s.Scan(); {
			if s.Text() == "rouse: ready" {
				ready <- true
			}
		}
		log.Close()
		h.ended <- h.cmd.Wait()
	}()
	select {
	case <-ready:
	case err := <-h.ended:
		return nil, fmt.Errorf("rouse ended before it was ready: %w; see %s", err, log.Name())
	}
	return h, h.connect()
}

func (h *host) connect() (err error) {
	if h.conn, err = client.Dial(h.socket()); err != nil {
		return err
	}
	return h.look()
}

// look finds out which processes rouse has.
func (h *host) look() error {
	var status struct {
		Guardian int `json:"guardian_pid"`
		Manager  int `json:"manager_pid"`
	}
	if err := h.conn.JSON("Status", &status); err != nil {
		return err
	}
	h.guardian, h.manager = status.Guardian, status.Manager
	return nil
}

// killManager kills the manager, as no manager should be, and waits for the
// next one.
func (h *host) killManager() error {
	old := h.manager
	if err := syscall.Kill(old, syscall.SIGKILL); err != nil {
		return err
	}
	h.killed++
	for h.manager == old {
		if err := h.look(); err != nil {
			return err
		}
	}
	return nil
}

// stop stops rouse and with it all images.
func (h *host) stop() error {
	h.conn.Close()
	if err := h.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case err := <-h.ended:
		return err
	case <-time.After(2 * time.Minute):
		return errors.New("rouse does not stop")
	}
}

// tier is how deep a server sleeps.
type tier int

const (
	awake tier = iota
	frozen
	reclaimed
	stopped
	tiers // how many there are
)

func (t tier) String() string { return [...]string{"awake", "frozen", "reclaimed", "stopped"}[t] }

// tierOf asks the manager how a server is.
func tierOf(conn *client.Conn, unit string) (tier, error) {
	active, err := conn.Active(unit)
	if err != nil {
		return 0, err
	}
	if active == "inactive" || active == "failed" {
		return stopped, nil
	}
	v, err := conn.Property(unit, "org.freedesktop.systemd1.Unit", "FreezerState")
	if err != nil || v.Value != "frozen" {
		return awake, err
	}
	v, err = conn.Property(unit, "dev.rouse.Unit1", "SleepTier")
	if err == nil && v.Value == "reclaimed" {
		return reclaimed, nil
	}
	return frozen, nil
}

// awakeByKind counts the servers of each kind that run, are about to, or are
// on their way to sleep: what X-RunningMax= counts. A sleeper that is stopped
// is none of them, although it must run for that.
func awakeByKind(conn *client.Conn) (map[string]int, error) {
	var list []struct {
		Service, Active, Freezer string
	}
	if err := conn.JSON("Sleepers", &list); err != nil {
		return nil, err
	}
	n := map[string]int{}
	for _, s := range list {
		if (s.Active == "active" || s.Active == "activating") && s.Freezer != "frozen" {
			kind, _, _ := strings.Cut(s.Service, "@")
			n[kind]++
		}
	}
	return n, nil
}
