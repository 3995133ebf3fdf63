// SPDX-License-Identifier: Apache-2.0

package bridge

import (
	"bufio"
	"bytes"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
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
	var from, to uint64
	for lines := bufio.NewScanner(bytes.NewReader(smaps)); lines.Scan(); {
		line := lines.Text()
		switch {
		case strings.HasSuffix(line, " "+self) && (strings.Contains(line, " r-xp ") || strings.Contains(line, " r--p ")):
			from, to = parseRange(line)
		case strings.HasPrefix(line, "VmFlags:"):
			from, to = 0, 0
		case to > 0 && strings.HasPrefix(line, "Anonymous:"):
			if strings.Join(strings.Fields(line), " ") == "Anonymous: 0 kB" {
				_, _, _ = unix.Syscall(unix.SYS_MADVISE, uintptr(from), uintptr(to-from), unix.MADV_DONTNEED)
			}
			from, to = 0, 0
		}
	}
}

// parseRange is the memory that a line of /proc/self/maps begins with; zero
// where it makes no sense.
func parseRange(line string) (from, to uint64) {
	word, _, _ := strings.Cut(line, " ")
	first, last, _ := strings.Cut(word, "-")
	from, err1 := strconv.ParseUint(first, 16, 64)
	to, err2 := strconv.ParseUint(last, 16, 64)
	if err1 != nil || err2 != nil || to <= from {
		return 0, 0
	}
	return from, to
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
