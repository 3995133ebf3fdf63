// SPDX-License-Identifier: Apache-2.0

package source

import (
	"errors"
	"maps"
	"path"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/rouse-init/rouse/internal/linux/poll"
	"github.com/rouse-init/rouse/internal/linux/uevent"
)

const ueventKey = "uevent"

// devicesMost is how many messages are read in one turn.
const devicesMost = 128

// devices are all device events; there are some only while a job wants one.
type devices struct {
	fd     int
	reader uevent.Reader
	wanted map[string]bool // names of events
	// there are the paths of devices by subsystem, to find what was missed.
	there map[string]map[string]bool
}

// wantDevices listens for the devices of operands.
func (s *Set) wantDevices(list []Wanted) {
	if len(list) == 0 {
		s.ledger.keepOnly("device", func(string) bool { return false })
		if s.devices != nil {
			s.closeDevices()
			s.c.Forget(ueventKey)
		}
		return
	}
	if s.devices == nil {
		if err := s.openDevices(); err != nil {
			s.complain(list[0], err.Error(), "")
			return
		}
	}
	d := s.devices
	d.wanted = make(map[string]bool)
	by := make(map[string][]Wanted)
	for _, w := range list {
		subsystem, _, _ := deviceEvent(w.Event)
		d.wanted[w.Event] = true
		by[subsystem] = append(by[subsystem], w)
	}
	maps.DeleteFunc(d.there, func(subsystem string, _ map[string]bool) bool { return by[subsystem] == nil })
	s.ledger.keepOnly("device", func(subsystem string) bool { return by[subsystem] != nil })
	// Where udevd runs, `udevadm trigger` repeats what is there. Where it does
	// not, nobody would ever tell.
	udev := uevent.UdevRuns(s.run)
	for _, subsystem := range slices.Sorted(maps.Keys(by)) {
		units := unitsOf(by[subsystem])
		told := strings.Fields(s.ledger.entries["device "+subsystem])
		s.ledger.set("device "+subsystem, strings.Join(units, " "))
		if d.there[subsystem] == nil || fresh(units, told) {
			s.listDevices(subsystem, !udev && fresh(units, told))
		}
	}
}

// listDevices notes the devices of a subsystem, and tells them.
func (s *Set) listDevices(subsystem string, tell bool) {
	there := make(map[string]bool)
	s.devices.there[subsystem] = there
	list, err := uevent.Devices(s.sys, subsystem)
	if err != nil {
		return // there is no such subsystem, yet
	}
	for i := range list {
		there[list[i].Path] = true
		if tell {
			s.tellDevice(&list[i])
		}
	}
}

// readDevices tells the messages that came.
func (s *Set) readDevices() {
	d := s.devices
	for range devicesMost {
		e, err := d.reader.Next(d.fd)
		switch {
		case errors.Is(err, unix.EAGAIN):
			s.flush()
			return
		case errors.Is(err, uevent.ErrLost):
			s.c.Say("%v; the devices are listed anew", err)
			s.compareDevices()
		case err != nil:
			if text := "a message about a device is not believed: " + err.Error(); !s.said[text] {
				s.said[text] = true
				s.c.Say("%s", text)
			}
		case d.there[e.Subsystem] == nil:
		case !e.Udev && uevent.UdevRuns(s.run):
			// udevd tells it again when its rules have run.
		default:
			s.noteDevice(&e)
			s.tellDevice(&e)
		}
	}
	s.flush()
}

func (s *Set) noteDevice(e *uevent.Event) {
	there := s.devices.there[e.Subsystem]
	switch e.Action {
	case "add":
		there[e.Path] = true
	case "remove":
		delete(there, e.Path)
	case "move":
		old, _ := e.Get("DEVPATH_OLD")
		delete(there, old)
		there[e.Path] = true
	}
}

// compareDevices tells what came and went while messages were lost.
func (s *Set) compareDevices() {
	d := s.devices
	for _, subsystem := range slices.Sorted(maps.Keys(d.there)) {
		list, err := uevent.Devices(s.sys, subsystem)
		if err != nil {
			continue
		}
		before := d.there[subsystem]
		now := make(map[string]bool)
		for i := range list {
			now[list[i].Path] = true
			if !before[list[i].Path] {
				s.tellDevice(&list[i])
			}
		}
		for _, old := range slices.Sorted(maps.Keys(before)) {
			if !now[old] {
				s.tellDevice(&uevent.Event{Action: "remove", Path: old, Subsystem: subsystem})
			}
		}
		d.there[subsystem] = now
	}
}

// tellDevice queues the event of a device, if a job wants it.
func (s *Set) tellDevice(e *uevent.Event) {
	action := e.Action
	if past, ok := map[string]string{"add": "added", "remove": "removed", "change": "changed"}[action]; ok {
		action = past
	}
	name := e.Subsystem + "-device-" + action
	if s.devices.wanted[name] {
		s.tell(name, deviceEnv(e), "")
	}
}

// deviceEnv are the variables of a device event: first those of Upstart's
// bridge, in its order, then the other properties.
func deviceEnv(e *uevent.Event) []string {
	env := []string{"KERNEL=" + printable(strings.ReplaceAll(path.Base(e.Path), "!", "/")), "DEVPATH=" + printable(e.Path)}
	if name, ok := e.Get("DEVNAME"); ok {
		if !strings.HasPrefix(name, "/") { // the kernel's is below /dev
			name = "/dev/" + name
		}
		env = append(env, "DEVNAME="+printable(name))
	}
	env = append(env, "SUBSYSTEM="+printable(e.Subsystem), "ACTION="+printable(e.Action))
	for _, p := range e.Properties {
		key, value, _ := strings.Cut(p, "=")
		switch key {
		case "DEVPATH", "DEVNAME", "SUBSYSTEM", "ACTION":
			continue
		}
		if validName(key) {
			env = append(env, key+"="+printable(value))
		}
	}
	return env
}

// printable leaves out what is not to be printed: hardware says strange things
// of itself (upstart-udev-bridge(8), --no-strip).
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return -1
		}
		return r
	}, text)
}

func validName(key string) bool {
	return key != "" && strings.Trim(key, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.") == ""
}

func (s *Set) openDevices() error {
	fd := s.adopt(ueventKey)
	if fd < 0 {
		var err error
		if fd, err = uevent.Open(); err != nil {
			return err
		}
		s.keep(ueventKey, fd)
	}
	if err := s.c.Loop.Add(fd, poll.In, func(uint32) { s.readDevices() }); err != nil {
		unix.Close(fd)
		return err
	}
	s.devices = &devices{fd: fd, there: make(map[string]map[string]bool)}
	return nil
}

func (s *Set) closeDevices() {
	if s.devices != nil {
		s.c.Loop.Remove(s.devices.fd)
		unix.Close(s.devices.fd)
		s.devices = nil
	}
}
