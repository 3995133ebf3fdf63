// SPDX-License-Identifier: Apache-2.0

package manager

import (
	"errors"
	"io/fs"
	"os"

	"github.com/rouse-init/rouse/internal/guardian"
	"github.com/rouse-init/rouse/internal/linux/condition"
)

// ownRun tells whether this is process 1 of a machine or of a container that
// says so: then all of /run is ours. A PID namespace alone says nothing.
func (m *Manager) ownRun() bool {
	return m.cfg.Mode == ModeInit && m.start.Pid1 && (guardian.FirstNamespace() || condition.Container() != "")
}

// The places by which programs made for systemd find its manager: sd_booted(3)
// and the private socket of systemctl(1).
const (
	bootedDir     = "/run/systemd/system"
	systemdSocket = "/run/systemd/private"
)

// usualSocket is where process 1 has its control socket, if it was not told
// another place.
const usualSocket = "/run/rouse/private"

// standIn lets systemctl, and the scripts of packages that call it, find us. Who
// gives the control socket a place of its own does not want that.
func (m *Manager) standIn() {
	if m.cfg.Socket != usualSocket || !m.ownRun() {
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
