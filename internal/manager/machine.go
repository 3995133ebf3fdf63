// SPDX-License-Identifier: Apache-2.0

package manager

import (
	"errors"
	"io/fs"
	"os"
)

// ownMachine tells whether this is the manager of process 1 of a machine, so
// that all of /run is ours.
func (m *Manager) ownMachine() bool {
	return m.cfg.Mode == ModeInit && m.start.Pid1 && namespace("pid") == firstPidNamespace
}

// The places by which programs made for systemd find its manager: sd_booted(3)
// and the private socket of systemctl(1).
const (
	bootedDir     = "/run/systemd/system"
	systemdSocket = "/run/systemd/private"
)

// standIn lets systemctl, and the scripts of packages that call it, find us.
func (m *Manager) standIn() {
	if !m.ownMachine() {
		return
	}
	err := os.MkdirAll(bootedDir, 0o755)
	if err == nil {
		err = os.Symlink(m.cfg.Socket, systemdSocket)
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		m.say("systemctl will not find this manager: %v", err)
	}
}
