// SPDX-License-Identifier: Apache-2.0

package manager

import (
	"fmt"
	"os"
	"time"

	"github.com/rouse-init/rouse/internal/engine"
	"github.com/rouse-init/rouse/internal/linux/cgroup"
)

// unbornPatience bounds the wait for processes on their way to execve(2).
const unbornPatience = 500 * time.Millisecond

// awaitUnborn waits for what a dead manager has cloned and what has not become
// its program yet: it carries no number, so that without cgroups nothing says
// whose it is, and its order would be performed twice.
func (m *Manager) awaitUnborn() {
	if m.cg != nil || !m.spawnPending() {
		return
	}
	for end := time.Now().Add(unbornPatience); m.unborn() && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
}

func (m *Manager) spawnPending() bool {
	for _, f := range m.pending {
		if _, ok := f.(engine.Spawn); ok {
			return true
		}
	}
	return false
}

// unborn tells whether a child of the guardian is still this program, and
// neither a manager nor a keeper nor a service that runs rouse.
func (m *Manager) unborn() bool {
	self, err := os.Stat("/proc/self/exe")
	if err != nil {
		return false
	}
	children, _ := cgroup.Children(int(m.start.Guardian)) // none without CONFIG_PROC_CHILDREN
	for _, pid := range children {
		if pid == os.Getpid() || m.keepers[int32(pid)] {
			continue
		}
		exe, err := os.Stat(fmt.Sprintf("/proc/%d/exe", pid))
		if err != nil {
			continue // gone
		}
		// In the midst of execve(2) it has the new program and no environment yet.
		if env, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid)); err == nil && len(env) == 0 {
			return true
		}
		if _, ok := orderOf(pid); !ok && os.SameFile(exe, self) {
			return true
		}
	}
	return false
}
