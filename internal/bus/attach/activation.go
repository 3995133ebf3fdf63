// SPDX-License-Identifier: Apache-2.0

package attach

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rouse-init/rouse/internal/bus/wire"
)

// activator is what dbus-daemon --systemd-activation and a manager talk by,
// in signals, so that neither waits for the other.
const activator = "org.freedesktop.systemd1.Activator"

// activation is the bus's wish to have a unit started. The bus sends it once
// for all messages that it holds; what is no unit name is refused here.
func (b *Bus) activation(unitName string) {
	if !validUnit(unitName) {
		b.ActivationFailed(unitName, "", fmt.Sprintf("SystemdService=%q is not the name of a unit", unitName))
		return
	}
	if b.cfg.Events.Activation != nil {
		b.cfg.Events.Activation(unitName)
	}
}

// validUnit tells whether s has only what unit names are made of.
func validUnit(s string) bool {
	return len(s) > 0 && len(s) <= 255 && !strings.ContainsFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune(`:-_.\@`, r))
	})
}

// ActivationFailed has the bus answer all messages that wait for the unit with
// an error. code is a D-Bus error name, "" for that of a unit that failed.
func (b *Bus) ActivationFailed(unitName, code, msg string) {
	if code == "" {
		code = "org.freedesktop.DBus.Error.Spawn.Failed"
	}
	var e wire.Encoder
	e.String(unitName)
	e.String(code)
	e.String(msg)
	b.Send(&wire.Message{
		Type: wire.Signal, Flags: wire.NoReply, Path: systemdPath, Interface: activator, Member: "ActivationFailure",
		Destination: driver, Signature: "sss", Body: e.Data(),
	}, nil)
}

// ActivationDir is the directory for .service files that do not outlive the
// machine, or the session of runtimeDir ($XDG_RUNTIME_DIR). The one of the
// session is read by dbus-daemon 1.14; that of the system, for all that
// dbus-daemon(1) says, only since our dev.rouse.conf names it, too (tried).
func ActivationDir(session bool, runtimeDir string) string {
	if session {
		return filepath.Join(runtimeDir, "dbus-1", "services")
	}
	return "/run/dbus-1/system-services"
}

// fileMark is the first line of the files that are ours, so that others are
// never touched.
const fileMark = "# Written by rouse; it is removed when its unit is.\n"

// WriteActivationFiles offers names to a bus: units has the unit for each
// name. Files that it wrote before and that are not wanted any more are
// removed; files of others stay, also where they say something else. With any
// name the manager's own is offered: the bus waits for it while the manager
// starts again. The bus reads them on Bus.Reload, which is needed if changed.
//
// A file that a package installed for the same name is not replaced: on the
// system bus of dbus-daemon 1.14 it comes first, and where it has Exec= and no
// SystemdService= the bus starts the program by itself.
func WriteActivationFiles(dir string, units map[string]string) (changed bool, err error) {
	want := make(map[string]string, len(units)+1)
	var failed []error
	for name, unitName := range units {
		if !validName(name) || !validUnit(unitName) {
			failed = append(failed, fmt.Errorf("cannot offer bus name %q for unit %q: not a name", name, unitName))
			continue
		}
		want[name] = fileMark + "[D-BUS Service]\nName=" + name + "\nExec=/bin/false\nUser=root\nSystemdService=" + unitName + "\n"
	}
	if len(want) > 0 {
		const self = "org.freedesktop.systemd1"
		want[self] = fileMark + "[D-BUS Service]\nName=" + self + "\nExec=/bin/false\nUser=root\n"
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return false, fmt.Errorf("cannot offer bus names: %w", err)
		}
	}
	changed, err = removeFiles(dir, want)
	failed = append(failed, err)
	for _, name := range slices.Sorted(maps.Keys(want)) {
		wrote, err := writeFile(filepath.Join(dir, name+".service"), want[name])
		changed = changed || wrote
		failed = append(failed, err)
	}
	return changed, errors.Join(failed...)
}

// removeFiles removes our files for names that are not wanted.
func removeFiles(dir string, want map[string]string) (changed bool, err error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	failed := []error{err}
	for _, entry := range entries {
		name, ok := strings.CutSuffix(entry.Name(), ".service")
		if _, keep := want[name]; !ok || keep || !entry.Type().IsRegular() {
			continue
		}
		path := filepath.Join(dir, entry.Name())
		if data, err := os.ReadFile(path); err == nil && bytes.HasPrefix(data, []byte(fileMark)) {
			failed = append(failed, os.Remove(path))
			changed = true
		}
	}
	return changed, errors.Join(failed...)
}

// writeFile makes the file say text, unless it is somebody else's.
func writeFile(path, text string) (wrote bool, err error) {
	data, err := os.ReadFile(path)
	if err == nil && (string(data) == text || !bytes.HasPrefix(data, []byte(fileMark))) {
		return false, nil
	}
	tmp := path + ".new" // not read by a bus: it does not end in .service
	if err := os.WriteFile(tmp, []byte(text), 0o644); err != nil {
		return false, fmt.Errorf("cannot offer bus name: %w", err)
	}
	if err := os.Rename(tmp, path); err != nil {
		return false, fmt.Errorf("cannot offer bus name: %w", err)
	}
	return true, nil
}
