// SPDX-License-Identifier: Apache-2.0

package source

import (
	"fmt"
	"hash/fnv"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/rouse-init/rouse/internal/linux/poll"
)

// mountEvent comes for each file system that is mounted where the manager sees
// it, with MOUNTPOINT=, TYPE= and DEVICE=, which are those of mounted(7).
const mountEvent = "mount"

// mountsMost bounds what is told of one look: a user may mount by FUSE as often
// as he likes.
const mountsMost = 256

// mounts are all mount events; there are some only while a job wants one.
type mounts struct {
	fd   int             // of the table; the kernel announces its changes as EPOLLPRI (proc(5))
	seen map[uint64]bool // by what mountKey makes of a line
}

// mounted is one line of /proc/PID/mountinfo.
type mounted struct {
	key                 uint64
	point, kind, device string
}

// wantMounts watches the table of mounts. What is there already is no event.
func (s *Set) wantMounts(list []Wanted) {
	if len(list) == 0 {
		if s.mounts != nil {
			s.closeMounts()
		}
		s.ledger.drop(mountEvent)
		return
	}
	if s.mounts != nil {
		return
	}
	fd, err := unix.Open(s.mountinfo, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err == nil {
		err = s.c.Loop.Add(fd, poll.Pri, func(uint32) { s.lookAtMounts(); s.flush() })
	}
	if err != nil {
		s.complain(list[0], fmt.Sprintf("cannot watch for mounts: %v", err), "")
		if fd >= 0 {
			unix.Close(fd)
		}
		return
	}
	s.mounts = &mounts{fd: fd, seen: make(map[uint64]bool)}
	before, told := s.ledger.entries[mountEvent]
	for _, word := range strings.Fields(before) {
		if key, err := strconv.ParseUint(word, 36, 64); err == nil {
			s.mounts.seen[key] = true
		}
	}
	if told { // what has come since the last manager looked
		s.lookAtMounts()
		return
	}
	for _, m := range s.readMounts() {
		s.mounts.seen[m.key] = true
	}
	s.noteMounts()
}

// lookAtMounts tells what is new.
func (s *Set) lookAtMounts() {
	now := make(map[uint64]bool)
	told := 0
	for _, m := range s.readMounts() {
		now[m.key] = true
		if s.mounts.seen[m.key] {
			continue
		}
		if told++; told <= mountsMost {
			s.tell(mountEvent, []string{"MOUNTPOINT=" + m.point, "TYPE=" + m.kind, "DEVICE=" + m.device}, "")
		}
	}
	if told > mountsMost {
		s.c.Say("%d file systems were mounted at once; events were made of the first %d", told, mountsMost)
	}
	s.mounts.seen = now
	s.noteMounts()
}

// noteMounts writes down what the next manager need not be told.
func (s *Set) noteMounts() {
	var words []string
	for key := range s.mounts.seen {
		words = append(words, strconv.FormatUint(key, 36))
	}
	slices.Sort(words)
	s.ledger.set(mountEvent, strings.Join(words, " "))
}

// readMounts reads the table; reading asks no file system.
func (s *Set) readMounts() (list []mounted) {
	text, err := os.ReadFile(s.mountinfo)
	if err != nil {
		s.c.Say("cannot read the table of mounts: %v", err)
		return nil
	}
	for line := range strings.Lines(string(text)) {
		if m, ok := parseMount(line); ok {
			list = append(list, m)
		}
	}
	return list
}

// parseMount reads "ID PARENT MAJOR:MINOR ROOT POINT OPTIONS [TAG...] - TYPE
// DEVICE OPTIONS".
func parseMount(line string) (m mounted, ok bool) {
	first, second, found := strings.Cut(line, " - ")
	a, b := strings.Fields(first), strings.Fields(second)
	if !found || len(a) < 6 || len(b) < 2 {
		return m, false
	}
	h := fnv.New64a()
	for _, word := range []string{a[0], a[2], a[3], a[4], b[0], b[1]} {
		_, _ = h.Write([]byte(word + " "))
	}
	return mounted{key: h.Sum64(), point: unmangle(a[4]), kind: b[0], device: unmangle(b[1])}, true
}

// unmangle undoes the octal escapes of blanks and backslashes (proc(5)).
func unmangle(s string) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil && n != 0 {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

func (s *Set) closeMounts() {
	if s.mounts == nil {
		return
	}
	s.c.Loop.Remove(s.mounts.fd)
	unix.Close(s.mounts.fd)
	s.mounts = nil
}
