// SPDX-License-Identifier: Apache-2.0

package upstart

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/rouse-init/rouse/internal/bus"
)

// The limits of what a client may hand over. The kernel takes no argument or
// variable of more than 128 KiB (execve(2)); together they must leave room.
const (
	maxName     = 255
	maxEnv      = 1024
	maxVariable = 128<<10 - 1
	maxEnvBytes = 512 << 10
	// maxWaits is how many calls may wait for their jobs and events.
	maxWaits = 16384
)

// goodEnv answers the call and returns false if env is not KEY=VALUE pairs.
func goodEnv(c *bus.Call, env []string) bool {
	total := 0
	for _, pair := range env {
		key, _, ok := strings.Cut(pair, "=")
		if !ok || !goodKey(key) {
			c.Fail(bus.ErrArgs, "Env must be KEY=VALUE pairs")
			return false
		}
		total += len(pair)
		if len(pair) > maxVariable {
			c.Fail(bus.ErrLimits, "Variable %.64s is longer than %d bytes", key, maxVariable)
			return false
		}
	}
	if len(env) > maxEnv || total > maxEnvBytes {
		c.Fail(bus.ErrLimits, "Environment has %d variables and %d bytes, more than %d or %d", len(env), total, maxEnv, maxEnvBytes)
		return false
	}
	return true
}

// goodKey tells whether a variable can have this name: one word of printable
// ASCII, since udev and dconf do not keep to what a shell can name.
func goodKey(key string) bool {
	for i := range len(key) {
		if key[i] <= ' ' || key[i] > '~' {
			return false
		}
	}
	return key != ""
}

// goodEvent answers the call and returns false if name cannot be an event's.
func goodEvent(c *bus.Call, name string) bool {
	switch {
	case name == "":
		c.Fail(bus.ErrArgs, emptyName)
		return false
	case len(name) > maxName:
		c.Fail(bus.ErrLimits, "Name of event has %d bytes, more than %d", len(name), maxName)
		return false
	case strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f }):
		c.Fail(bus.ErrArgs, "Name of event has control characters")
		return false
	}
	return true
}

// by says who calls, for the records.
func by(c *bus.Call) string {
	if c.PID() == 0 {
		return fmt.Sprintf("uid %d", c.UID())
	}
	return fmt.Sprintf("uid %d, pid %d", c.UID(), c.PID())
}

// waiter is a call that is answered when a job or an event is done. It lets go
// of a client that goes away before.
type waiter struct {
	svc  *Service
	call *bus.Call
}

// wait begins to wait, or answers the call and returns nil where too many do.
func (s *Service) wait(c *bus.Call) *waiter {
	if s.waits >= maxWaits {
		c.Fail(bus.ErrLimits, "%d calls wait for jobs and events already", s.waits)
		return nil
	}
	s.waits++
	w := &waiter{s, c}
	c.OnGone(func() { w.call = nil })
	return w
}

// end ends the wait. It returns the call, nil if nobody is there to answer.
func (w *waiter) end() *bus.Call {
	w.svc.waits--
	return w.call
}

func closeFD(fd int) {
	if fd >= 0 {
		_ = unix.Close(fd)
	}
}
