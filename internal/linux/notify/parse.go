// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"unicode/utf8"

	"github.com/rouse-init/rouse/internal/unit"
)

// parse reads the lines of one datagram (sd_notify(3)). Fields that are not
// known, and values that make no sense, are passed over: services say things
// that are newer than we are.
func (m *Message) parse(data []byte) error {
	data = bytes.TrimSuffix(data, []byte{0})
	if bytes.IndexByte(data, 0) >= 0 {
		return fmt.Errorf("cannot use a notification of process %d: it holds a NUL", m.Pid)
	}
	lines := 0
	barrier := false
	for line := range bytes.Lines(data) {
		line = bytes.TrimSuffix(line, []byte{'\n'})
		name, value, ok := bytes.Cut(line, []byte{'='})
		if !ok {
			continue
		}
		lines++
		if string(name) == "BARRIER" && string(value) == "1" {
			barrier = true
			continue
		}
		m.field(string(name), value)
	}
	if !barrier {
		return nil
	}
	// sd_notify(3): alone in its message, with exactly one descriptor.
	if lines != 1 || len(m.FDs) != 1 {
		return errors.New("cannot use a notification: BARRIER=1 must be alone, with one descriptor")
	}
	m.Barrier, m.FDs = m.FDs[0], nil
	return nil
}

func (m *Message) field(name string, value []byte) {
	one := string(value) == "1"
	switch name {
	case "READY":
		m.Ready = one
	case "RELOADING":
		m.Reloading = one
	case "STOPPING":
		m.Stopping = one
	case "WATCHDOG":
		m.Watchdog = m.Watchdog || one
		m.WatchdogTrigger = m.WatchdogTrigger || string(value) == "trigger"
	case "X_ROUSE_BUSY":
		m.Busy = busy(string(value))
	case "MONOTONIC_USEC":
		m.MonotonicUS = number(value)
	case "WATCHDOG_USEC":
		m.WatchdogUS = number(value)
	case "EXTEND_TIMEOUT_USEC":
		m.ExtendUS = number(value)
	case "STATUS":
		m.StatusSaid = utf8.Valid(value)
		if m.StatusSaid {
			m.Status = string(value)
		}
	case "ERRNO":
		m.Errno = small(value, 0)
	case "EXIT_STATUS":
		m.ExitStatus = exitStatus(value)
	case "BUSERROR":
		if utf8.Valid(value) {
			m.BusError = string(value)
		}
	case "MAINPID":
		m.MainPid = small(value, 0)
	case "MAINPIDFD":
		m.MainPidFD = one
	case "NOTIFYACCESS":
		m.NotifyAccess = access(string(value))
	case "FDSTORE":
		m.FDStore = one
	case "FDSTOREREMOVE":
		m.FDStoreRemove = one
	case "FDNAME":
		if acceptableName(value) {
			m.FDName = string(value)
		}
	case "FDPOLL":
		m.FDPoll = string(value) != "0"
	}
}

func busy(value string) uint8 {
	switch value {
	case "1":
		return 1
	case "0":
		return 2
	}
	return 0
}

func access(value string) int8 {
	switch value {
	case "none":
		return int8(unit.NotifyNone)
	case "main":
		return int8(unit.NotifyMain)
	case "exec":
		return int8(unit.NotifyExec)
	case "all":
		return int8(unit.NotifyAll)
	}
	return -1
}

func number(value []byte) uint64 {
	n, err := strconv.ParseUint(string(value), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// small is a number above 0 that fits in an int32, or the default.
func small(value []byte, otherwise int32) int32 {
	n, err := strconv.ParseInt(string(value), 10, 32)
	if err != nil || n <= 0 {
		return otherwise
	}
	return int32(n)
}

func exitStatus(value []byte) int32 {
	n, err := strconv.ParseUint(string(value), 10, 8)
	if err != nil {
		return -1
	}
	return int32(n)
}

// acceptableName is the rule for FDNAME= and FileDescriptorName=: at most 255
// bytes of ASCII without control characters and ":".
func acceptableName(value []byte) bool {
	if len(value) == 0 || len(value) > 255 {
		return false
	}
	for _, c := range value {
		if c < ' ' || c >= 0x7f || c == ':' {
			return false
		}
	}
	return true
}
