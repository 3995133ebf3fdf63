// SPDX-License-Identifier: Apache-2.0

package sysv

import (
	"errors"
	"slices"
	"strings"

	"github.com/rouse-init/rouse/internal/bus/client"
	"github.com/rouse-init/rouse/internal/bus/wire"
	"github.com/rouse-init/rouse/internal/load"
)

// remote is a Manager behind a socket. It is asked in both of its languages:
// Upstart's for events, systemd's for what no event leads to.
type remote struct{ *client.Upstart }

// Connect finds the manager of the machine.
func Connect(place client.UpstartPlace) (Manager, error) {
	up, err := place.Dial()
	if err != nil {
		return nil, err
	}
	return remote{up}, nil
}

// Emit emits nothing where the manager knows no events: one that speaks
// systemd's language only.
func (m remote) Emit(name string, env []string) error {
	err := m.EmitEvent(name, env, false)
	if foreign(err) {
		return nil
	}
	return err
}

// foreign tells that the manager does not know com.ubuntu.Upstart.
func foreign(err error) bool {
	return client.IsUpstartError(err, "UnknownObject") || client.IsUpstartError(err, "UnknownMethod") || client.IsUpstartError(err, "UnknownInterface")
}

func (m remote) Handles(event, value string) (bool, error) {
	jobs, err := m.AllJobs()
	if foreign(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	for _, j := range jobs {
		info, err := j.Info()
		var refused *client.Error
		if errors.As(err, &refused) {
			continue // it has gone since
		}
		if err != nil {
			return false, err
		}
		for _, term := range info.StartOn {
			if handles(term, event, value) {
				return true, nil
			}
		}
	}
	return false, nil
}

// handles tells whether a term of an expression can come true by the event
// with this value of its first variable, RUNLEVEL.
func handles(term []string, event, value string) bool {
	if len(term) == 0 || term[0] != event {
		return false
	}
	for i, cond := range term[1:] {
		key, pattern, named := strings.Cut(cond, "=")
		not := strings.HasSuffix(key, "!")
		switch {
		case !named && i == 0:
			pattern = cond
		case !named || strings.TrimSuffix(key, "!") != "RUNLEVEL":
			continue
		}
		if load.Glob(pattern, value) == not {
			return false
		}
	}
	return true
}

func (m remote) Power(what string) error {
	member := map[string]string{"poweroff": "PowerOff", "reboot": "Reboot", "halt": "Halt"}[what]
	_, err := m.Conn().Manager(member, "", nil)
	return err
}

// ownDefaults are the default targets of machines that have runlevels.
var ownDefaults = []string{"multi-user.target", "graphical.target", "runlevel2.target", "runlevel3.target", "runlevel4.target", "runlevel5.target"}

func (m remote) Target(level string) (target, why string, err error) {
	conn := m.Conn()
	var status struct {
		Scope string `json:"scope"`
	}
	err = conn.JSON("Status", &status)
	var refused *client.Error
	switch {
	case errors.As(err, &refused): // systemd itself
	case err != nil:
		return "", "", err
	case status.Scope != "init":
		return "", "this manager is not that of a machine", nil
	}
	if level == "1" || level == "S" {
		return "rescue.target", "", nil
	}
	d, err := conn.Manager("GetDefaultTarget", "", nil)
	if errors.As(err, &refused) {
		return "", "the machine has no default target", nil
	}
	if err != nil {
		return "", "", err
	}
	if def := d.String(); !slices.Contains(ownDefaults, def) {
		return "", "the default target is " + def, nil
	}
	target = "runlevel" + level + ".target"
	props, err := conn.Unit(target)
	if err != nil && !errors.As(err, &refused) {
		return "", "", err
	}
	if props.Text("FragmentPath") == "" { // one that we make up ourselves leads to nothing
		return "", "no file defines " + target, nil
	}
	return target, "", nil
}

func (m remote) Isolate(unit string) error {
	_, err := m.Conn().Manager("StartUnit", "ss", func(e *wire.Encoder) {
		e.String(unit)
		e.String("isolate")
	})
	return err
}

func (m remote) Reload() error { return m.ReloadConfiguration() }

func (m remote) Reexec() error {
	if err := m.Restart(); err != nil && !errors.Is(err, client.ErrGone) {
		return err
	}
	return nil
}
