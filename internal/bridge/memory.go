// SPDX-License-Identifier: Apache-2.0

package bridge

import (
	"bufio"
	"os"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// forgetStart gives back the memory that only the start of the program needed:
// a bridge runs for long beside many others and uses a small part of a large
// program. The pages of the program's file are unmapped, and come back from the
// page cache 16 at a time as they are used (madvise(2), MADV_DONTNEED). Only
// mappings are touched that are read-only and equal to the file.
//
// It does not collect garbage: of that there is less than what the first
// collection needs for itself, a megabyte, and a bridge makes none later.
func forgetStart() {
	self, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return
	}
	fd, err := unix.Open("/proc/self/smaps", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return
	}
	smaps := os.NewFile(uintptr(fd), "smaps")
	type span struct{ from, to uint64 }
	var list []span
	var now span
	for lines := bufio.NewScanner(smaps); lines.Scan(); {
		line := lines.Text()
		switch {
		case strings.HasSuffix(line, " "+self) && (strings.Contains(line, " r-xp ") || strings.Contains(line, " r--p ")):
			now.from, now.to = parseRange(line)
		case strings.HasPrefix(line, "VmFlags:"):
			now = span{}
		case now.to > 0 && strings.HasPrefix(line, "Anonymous:"):
			if strings.Join(strings.Fields(line), " ") == "Anonymous: 0 kB" {
				list = append(list, now)
			}
			now = span{}
		}
	}
	smaps.Close()
	// Last, since all that runs after it brings pages back.
	for _, s := range list {
		_, _, _ = unix.RawSyscall(unix.SYS_MADVISE, uintptr(s.from), uintptr(s.to-s.from), unix.MADV_DONTNEED)
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
