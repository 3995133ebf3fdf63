// SPDX-License-Identifier: Apache-2.0

package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/rouse-init/rouse/internal/bus/wire"
)

// The names on the bus. They are written down here again so that a client
// need not link the server.
const (
	managerPath = "/org/freedesktop/systemd1"
	ifManager   = "org.freedesktop.systemd1.Manager"
	ifUnit      = "org.freedesktop.systemd1.Unit"
	ifRouse     = "dev.rouse.Manager1"
	ifProps     = "org.freedesktop.DBus.Properties"
	unitPrefix  = managerPath + "/unit/"
)

// UnitRow is one line of ListUnits.
type UnitRow struct {
	Name        string `json:"unit"`
	Description string `json:"description"`
	Load        string `json:"load"`
	Active      string `json:"active"`
	Sub         string `json:"sub"`
	Following   string `json:"following,omitempty"`
	Job         uint32 `json:"job,omitempty"`
	JobType     string `json:"job_type,omitempty"`
}

// JobRow is one line of ListJobs.
type JobRow struct {
	ID    uint32 `json:"job"`
	Unit  string `json:"unit"`
	Type  string `json:"type"`
	State string `json:"state"`
}

// Change is one change that enable or its kin made.
type Change struct{ Kind, Path, Source string }

// again calls once more on a new connection when the manager went away: only
// for calls that may be made twice.
func (c *Conn) again(path, iface, member, sig string, args func(*wire.Encoder)) (*wire.Decoder, error) {
	d, err := c.Call(path, iface, member, sig, args)
	if !errors.Is(err, ErrGone) {
		return d, err
	}
	if err := c.redial(reconnectTime); err != nil {
		return nil, err
	}
	return c.Call(path, iface, member, sig, args)
}

// Manager calls a method of the Manager interface.
func (c *Conn) Manager(member, sig string, args func(*wire.Encoder)) (*wire.Decoder, error) {
	return c.Call(managerPath, ifManager, member, sig, args)
}

// Property reads one property of a unit.
func (c *Conn) Property(unit, iface, name string) (wire.Variant, error) {
	return c.property(unitPrefix+wire.Escape(unit), iface, name)
}

// ManagerProperty reads one property of the manager.
func (c *Conn) ManagerProperty(name string) (wire.Variant, error) {
	return c.property(managerPath, ifManager, name)
}

func (c *Conn) property(path, iface, name string) (wire.Variant, error) {
	d, err := c.again(path, ifProps, "Get", "ss", func(e *wire.Encoder) {
		e.String(iface)
		e.String(name)
	})
	if err != nil {
		return wire.Variant{}, err
	}
	v := d.Variant()
	return v, d.Err()
}

// Fragment is the file that defines a unit, "" where none does or it is not
// to be told.
func (c *Conn) Fragment(unit string) string {
	v, err := c.Property(unit, ifUnit, "FragmentPath")
	if err != nil {
		return ""
	}
	path, _ := v.Value.(string)
	return path
}

// Active is the unit's ActiveState.
func (c *Conn) Active(unit string) (string, error) {
	v, err := c.Property(unit, ifUnit, "ActiveState")
	s, _ := v.Value.(string)
	return s, err
}

// Prop is one property with its value.
type Prop struct {
	Name string
	wire.Variant
}

// Props are properties in the order in which the manager tells them.
type Props []Prop

// Get returns the value of a property, nil where it is not there.
func (p Props) Get(name string) any {
	for i := range p {
		if p[i].Name == name {
			return p[i].Value
		}
	}
	return nil
}

// Text is the value of a property that is text; as in the methods below, the
// empty value stands for one of another type.
func (p Props) Text(name string) string { s, _ := p.Get(name).(string); return s }

// Flag is a boolean property.
func (p Props) Flag(name string) bool { b, _ := p.Get(name).(bool); return b }

// List is a property that is a list of strings.
func (p Props) List(name string) []string { l, _ := p.Get(name).([]string); return l }

// Number is a property that is a number of any size.
func (p Props) Number(name string) uint64 {
	switch v := p.Get(name).(type) {
	case byte:
		return uint64(v)
	case uint16:
		return uint64(v)
	case uint32:
		return uint64(v)
	case int32:
		return uint64(v)
	case uint64:
		return v
	case int64:
		return uint64(v)
	}
	return 0
}

// Unit reads all properties of a unit, Manager's where unit is "".
func (c *Conn) Unit(unit string) (Props, error) {
	path := managerPath
	if unit != "" {
		path = unitPrefix + wire.Escape(unit)
	}
	d, err := c.again(path, ifProps, "GetAll", "s", func(e *wire.Encoder) { e.String("") })
	if err != nil {
		return nil, err
	}
	return readProps(d)
}

// readProps reads an a{sv}.
func readProps(d *wire.Decoder) (Props, error) {
	var props Props
	for end := d.Array('{'); d.More(end); {
		d.Struct()
		name := d.String()
		props = append(props, Prop{name, d.Variant()})
	}
	return props, d.Err()
}

// ListUnits lists the units that match, all where a list is empty.
func (c *Conn) ListUnits(states, patterns []string) ([]UnitRow, error) {
	d, err := c.again(managerPath, ifManager, "ListUnitsByPatterns", "asas", func(e *wire.Encoder) {
		e.Strings(states)
		e.Strings(patterns)
	})
	if err != nil {
		return nil, err
	}
	rows := []UnitRow{}
	for end := d.Array('('); d.More(end); {
		d.Struct()
		r := UnitRow{Name: d.String(), Description: d.String(), Load: d.String(), Active: d.String(), Sub: d.String(), Following: d.String()}
		_ = d.Path()
		r.Job, r.JobType = d.Uint32(), d.String()
		_ = d.Path()
		rows = append(rows, r)
	}
	return rows, d.Err()
}

// ListJobs lists the jobs.
func (c *Conn) ListJobs() ([]JobRow, error) {
	d, err := c.again(managerPath, ifManager, "ListJobs", "", nil)
	if err != nil {
		return nil, err
	}
	rows := []JobRow{}
	for end := d.Array('('); d.More(end); {
		d.Struct()
		rows = append(rows, JobRow{d.Uint32(), d.String(), d.String(), d.String()})
		_, _ = d.Path(), d.Path()
	}
	return rows, d.Err()
}

// ListUnitFiles lists unit files as pairs of path and state.
func (c *Conn) ListUnitFiles(states, patterns []string) ([][2]string, error) {
	d, err := c.again(managerPath, ifManager, "ListUnitFilesByPatterns", "asas", func(e *wire.Encoder) {
		e.Strings(states)
		e.Strings(patterns)
	})
	if err != nil {
		return nil, err
	}
	var rows [][2]string
	for end := d.Array('('); d.More(end); {
		d.Struct()
		rows = append(rows, [2]string{d.String(), d.String()})
	}
	return rows, d.Err()
}

// Process is one process of a unit.
type Process struct {
	Cgroup  string
	Pid     uint32
	Command string
}

// Processes lists the processes of a unit that is loaded.
func (c *Conn) Processes(unit string) ([]Process, error) {
	d, err := c.again(managerPath, ifManager, "GetUnitProcesses", "s", func(e *wire.Encoder) { e.String(unit) })
	if err != nil {
		return nil, err
	}
	var rows []Process
	for end := d.Array('('); d.More(end); {
		d.Struct()
		rows = append(rows, Process{d.String(), d.Uint32(), d.String()})
	}
	return rows, d.Err()
}

// UnitByPid is the unit that a process belongs to.
func (c *Conn) UnitByPid(pid uint32) (string, error) {
	d, err := c.again(managerPath, ifManager, "GetUnitByPID", "u", func(e *wire.Encoder) { e.Uint32(pid) })
	if err != nil {
		return "", err
	}
	name, _ := wire.Unescape(strings.TrimPrefix(d.Path(), unitPrefix))
	return name, d.Err()
}

// Change calls one of the methods that change unit files. carries tells
// whether any file has an [Install] section, where the method says so.
func (c *Conn) Change(member, sig string, args func(*wire.Encoder)) (changes []Change, carries bool, err error) {
	d, err := c.Manager(member, sig, args)
	if err != nil {
		return nil, false, err
	}
	switch member {
	case "EnableUnitFiles", "ReenableUnitFiles", "PresetUnitFilesWithMode", "DisableUnitFilesWithFlagsAndInstallInfo":
		carries = d.Bool()
	}
	for end := d.Array('('); d.More(end); {
		d.Struct()
		changes = append(changes, Change{d.String(), d.String(), d.String()})
	}
	return changes, carries, d.Err()
}

// JSON calls a method of dev.rouse.Manager1 that answers with JSON, into v.
func (c *Conn) JSON(member string, v any, args ...string) error {
	sig := ""
	for range args {
		sig += "s"
	}
	d, err := c.again(managerPath, ifRouse, member, sig, func(e *wire.Encoder) {
		for _, a := range args {
			e.String(a)
		}
	})
	if err != nil {
		return err
	}
	text := d.String()
	if d.Err() != nil {
		return d.Err()
	}
	if raw, ok := v.(*json.RawMessage); ok {
		*raw = json.RawMessage(text)
		return nil
	}
	if err := json.Unmarshal([]byte(text), v); err != nil {
		return fmt.Errorf("cannot understand the manager: %w", err)
	}
	return nil
}

// Logs are the last lines that a unit wrote.
func (c *Conn) Logs(unit string, lines uint32) ([]string, error) {
	d, err := c.again(managerPath, ifRouse, "Logs", "su", nameAndLines(unit, lines))
	if err != nil {
		return nil, err
	}
	text := d.Strings()
	return text, d.Err()
}

// FollowLogs opens the file that the unit's output goes to.
func (c *Conn) FollowLogs(unit string) (int, error) {
	d, err := c.again(managerPath, ifRouse, "FollowLogs", "s", func(e *wire.Encoder) { e.String(unit) })
	if err != nil {
		return -1, err
	}
	_ = d.Uint32()
	return c.TakeFD()
}

// Failure tells why a unit failed, in words, what made it start, and the last
// lines that it wrote.
func (c *Conn) Failure(unit string, lines uint32) (failure, cause string, text []string, err error) {
	d, err := c.again(managerPath, ifRouse, "Failure", "su", nameAndLines(unit, lines))
	if err != nil {
		return "", "", nil, err
	}
	failure, cause, text = d.String(), d.String(), d.Strings()
	return failure, cause, text, d.Err()
}

func nameAndLines(unit string, lines uint32) func(*wire.Encoder) {
	return func(e *wire.Encoder) {
		e.String(unit)
		e.Uint32(lines)
	}
}
