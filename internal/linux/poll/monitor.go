// SPDX-License-Identifier: Apache-2.0

package poll

import (
	"fmt"
	"os"
	"strconv"
)

// monitorSlack is what Go's scheduler itself lets its monitor sleep at most,
// in nanoseconds.
const monitorSlack = 10_000_000

// CalmMonitor keeps the monitor of Go's scheduler (runtime.sysmon) from taking
// a processor away from a service that starts. The monitor is a thread that
// looks every 20 µs, for some milliseconds after each system call that took
// long, whether a goroutine could run in the place of one that waits in the
// kernel. A loop that nearly always waits has it running nearly always, for
// nothing, and it took more processor time than the loop did (measured). With
// a timer slack of 10 ms it looks every 10 ms.
//
// The monitor is the first thread that the runtime makes; the kernel lists
// threads by age. It is called before others are made. Where it cannot be done
// (no /proc) all works as well, at a higher price.
func CalmMonitor() error {
	tasks, err := os.Open("/proc/self/task")
	if err != nil {
		return fmt.Errorf("cannot find the scheduler's monitor: %w", err)
	}
	defer tasks.Close()
	names, err := tasks.Readdirnames(2)
	if err != nil || len(names) < 2 {
		return fmt.Errorf("cannot find the scheduler's monitor among %d threads: %w", len(names), err)
	}
	// proc_pid_timerslack_ns(5); /proc has a directory for each thread, too.
	err = os.WriteFile("/proc/"+names[1]+"/timerslack_ns", strconv.AppendInt(nil, monitorSlack, 10), 0)
	if err != nil {
		return fmt.Errorf("cannot calm the scheduler's monitor: %w", err)
	}
	return nil
}
