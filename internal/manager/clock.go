// SPDX-License-Identifier: Apache-2.0

package manager

import (
	"time"

	"golang.org/x/sys/unix"

	"github.com/rouse-init/rouse/internal/engine"
)

// clock is CLOCK_BOOTTIME. The kernel is asked once per turn, because a
// suspend falls into the wait between two; within a turn the time that has
// passed is added, which takes no system call. It never goes back: the reading
// is older than the point that the addition starts from.
type clock struct {
	boot engine.Time
	at   time.Time // the same instant, or a little later
}

func (c *clock) read() {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		ts = unix.NsecToTimespec(time.Now().UnixNano()) // before Linux 2.6.39
	}
	c.boot, c.at = engine.Time(ts.Nano()), time.Now()
}

func (c *clock) now() engine.Time {
	if c.at.IsZero() {
		c.read()
	}
	return c.boot + engine.Time(time.Since(c.at))
}
