// SPDX-License-Identifier: Apache-2.0

package manager

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/rouse-init/rouse/internal/engine"
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
	lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", m.start.Guardian))
	for _, list := range lists {
		text, err := os.ReadFile(list)
		if err != nil {
			continue // CONFIG_PROC_CHILDREN, or the thread has ended
		}
		for _, word := range strings.Fields(string(text)) {
			pid, err := strconv.Atoi(word)
			if err != nil || pid == os.Getpid() || m.keepers[int32(pid)] {
				continue
			}
			exe, err := os.Stat(fmt.Sprintf("/proc/%d/exe", pid))
			if err == nil && os.SameFile(exe, self) && !numbered(pid) {
				return true
			}
		}
	}
	return false
}

// numbered tells whether a process has the number of an order.
func numbered(pid int) bool {
	for _, s := range environOf(pid) {
		if strings.HasPrefix(s, tokenVariable+"=") {
			return true
		}
	}
	return false
}
