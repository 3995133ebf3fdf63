// SPDX-License-Identifier: Apache-2.0

// Package uevent hears of devices: the netlink messages of the kernel, and
// those that udevd sends on when its rules have run. It judges who sent a
// message and reads it, lists the devices that are there, and decides nothing.
// Descriptors are raw and non-blocking.
package uevent

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
)

// maxProperties bounds one message; the kernel itself stops at 64.
const maxProperties = 512

// Event is one change of a device.
type Event struct {
	Action    string // "add", "remove", "change", "move", ...
	Path      string // DEVPATH: below /sys, with a leading "/"
	Subsystem string
	// Properties are all variables, KEY=value, in the order of the message.
	Properties []string
	// Udev: udevd sent it, after its rules.
	Udev bool
}

// udevHead is the header of udevd's messages (libudev's monitor): "libudev\0",
// a magic number, the size of the header, where the properties are, and
// hashes for filters. Only the magic number is in network byte order.
const (
	udevPrefix   = "libudev\x00"
	udevMagic    = 0xfeedcafe
	udevHeadSize = 40
)

// Parse reads one message, from the kernel or from udevd.
func Parse(msg []byte) (Event, error) {
	if bytes.HasPrefix(msg, []byte(udevPrefix)) {
		return parseUdev(msg)
	}
	head, rest, ok := bytes.Cut(msg, []byte{0})
	action, path, at := strings.Cut(string(head), "@")
	if !ok || !at || action == "" || !strings.HasPrefix(path, "/") {
		return Event{}, fmt.Errorf("expected ACTION@DEVPATH, found %.60q", head)
	}
	return parseProperties(rest, false)
}

func parseUdev(msg []byte) (Event, error) {
	if len(msg) < udevHeadSize {
		return Event{}, fmt.Errorf("expected a header of %d bytes, found %d", udevHeadSize, len(msg))
	}
	if magic := binary.BigEndian.Uint32(msg[8:]); magic != udevMagic {
		return Event{}, fmt.Errorf("expected the magic number %#x, found %#x", uint32(udevMagic), magic)
	}
	off, size := binary.NativeEndian.Uint32(msg[16:]), binary.NativeEndian.Uint32(msg[20:])
	if off < udevHeadSize || uint64(off)+uint64(size) > uint64(len(msg)) {
		return Event{}, fmt.Errorf("expected properties inside of %d bytes, found %d at %d", len(msg), size, off)
	}
	return parseProperties(msg[off:off+size], true)
}

// parseProperties reads KEY=value strings, each ended by a zero byte.
func parseProperties(b []byte, udev bool) (Event, error) {
	e := Event{Udev: udev}
	for len(b) > 0 {
		item, rest, _ := bytes.Cut(b, []byte{0})
		b = rest
		key, value, ok := strings.Cut(string(item), "=")
		if !ok || key == "" {
			continue // udevd's own padding, or nothing that has a name
		}
		if len(e.Properties) == maxProperties {
			return Event{}, fmt.Errorf("expected at most %d properties", maxProperties)
		}
		e.Properties = append(e.Properties, string(item))
		switch key {
		case "ACTION":
			e.Action = value
		case "DEVPATH":
			e.Path = value
		case "SUBSYSTEM":
			e.Subsystem = value
		}
	}
	if e.Action == "" || e.Subsystem == "" || !strings.HasPrefix(e.Path, "/") {
		return Event{}, fmt.Errorf("expected ACTION, DEVPATH and SUBSYSTEM, found %.200q", e.Properties)
	}
	return e, nil
}

// Get is the value of a property.
func (e *Event) Get(key string) (string, bool) {
	for _, p := range e.Properties {
		if k, v, _ := strings.Cut(p, "="); k == key {
			return v, true
		}
	}
	return "", false
}
