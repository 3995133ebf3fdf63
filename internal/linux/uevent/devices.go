// SPDX-License-Identifier: Apache-2.0

package uevent

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// maxDevices bounds the list of one subsystem.
const maxDevices = 16384

// Devices lists the devices of a subsystem below sys (/sys), as "add" events
// with what their uevent file says. Devices that vanish meanwhile are left out.
func Devices(sys, subsystem string) ([]Event, error) {
	var links []string
	var last error
	for _, dir := range []string{"class/" + subsystem, "bus/" + subsystem + "/devices", "block"} {
		if dir == "block" && subsystem != "block" {
			continue
		}
		dir = filepath.Join(sys, dir)
		names, err := list(dir)
		if err != nil {
			last = err
			continue
		}
		for _, name := range names {
			links = append(links, filepath.Join(dir, name))
		}
	}
	if links == nil {
		return nil, last
	}
	root, err := filepath.EvalSymlinks(sys)
	if err != nil {
		return nil, fmt.Errorf("cannot list devices: %w", err)
	}
	var events []Event
	seen := make(map[string]bool)
	for _, link := range links {
		target, err := filepath.EvalSymlinks(link)
		path, below := strings.CutPrefix(target, root)
		if err != nil || !below || !strings.HasPrefix(path, "/devices/") || seen[path] {
			continue
		}
		seen[path] = true
		events = append(events, device(target, path, subsystem))
	}
	return events, nil
}

func list(dir string) ([]string, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	names, err := f.Readdirnames(maxDevices)
	if len(names) > 0 {
		return names, nil
	}
	return nil, err
}

// device makes the event that the kernel would send for a device that came now.
func device(dir, path, subsystem string) Event {
	e := Event{Action: "add", Path: path, Subsystem: subsystem, Properties: []string{
		"ACTION=add", "DEVPATH=" + path, "SUBSYSTEM=" + subsystem,
	}}
	text, err := os.ReadFile(filepath.Join(dir, "uevent")) // not all have one
	if err != nil {
		return e
	}
	for _, line := range strings.Split(string(text), "\n") {
		if key, _, ok := strings.Cut(line, "="); ok && key != "" && len(e.Properties) < maxProperties {
			e.Properties = append(e.Properties, line)
		}
	}
	return e
}

// UdevRuns tells whether udevd runs, as libudev sees it: by its control socket.
func UdevRuns(run string) bool {
	_, err := os.Lstat(filepath.Join(run, "udev/control"))
	return err == nil
}
