// SPDX-License-Identifier: Apache-2.0

package bridge

import (
	"bufio"
	"bytes"
	"os"
	"runtime"
	"runtime/debug"
	"strings"

	"golang.org/x/sys/unix"
)

// forgetStart gives back the memory that only the start of the program needed:
// a bridge runs for long beside many others and uses a small part of a large
// program. The pages of the program's file are unmapped, and come back from the
// page cache one by one as they are used (madvise(2), MADV_DONTNEED). Only
// mappings are touched that are read-only and equal to the file.
func forgetStart() {
	debug.FreeOSMemory()
	self, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return
	}
	smaps, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		return
	}
	var mapping []byte
	for lines := bufio.NewScanner(bytes.NewReader(smaps)); lines.Scan(); {
		line := lines.Text()
		switch {
		case strings.HasSuffix(line, " "+self) && (strings.Contains(line, " r-xp ") || strings.Contains(line, " r--p ")):
			mapping = parseRange(line)
		case strings.HasPrefix(line, "VmFlags:"):
			mapping = nil
		case mapping != nil && strings.HasPrefix(line, "Anonymous:"):
			if strings.Join(strings.Fields(line), " ") == "Anonymous: 0 kB" {
				_ = unix.Madvise(mapping, unix.MADV_DONTNEED)
			}
			mapping = nil
		}
	}
}

// growStack has the stack of this goroutine grow at once as far as it ever
// will: growing reads tables of the program that nothing else needs.
//
//go:noinline
func growStack() {
	var room [12 << 10]byte
	for i := range room {
		room[i] = byte(i)
	}
	runtime.KeepAlive(&room[len(os.Args)])
}
