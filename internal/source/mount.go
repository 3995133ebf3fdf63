// SPDX-License-Identifier: Apache-2.0

package source

import (
	"fmt"
	"hash/fnv"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/sys/mountinfo"
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
	seen map[uint64]bool // by mountKey
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
	there, _ := s.readMounts()
	for _, m := range there {
		s.mounts.seen[mountKey(m)] = true
	}
	s.noteMounts()
}

// lookAtMounts tells what is new.
func (s *Set) lookAtMounts() {
	list, ok := s.readMounts()
	if !ok {
		return // what was seen stays seen
	}
	now := make(map[uint64]bool)
	told := 0
	for _, m := range list {
		key := mountKey(m)
		now[key] = true
		if s.mounts.seen[key] {
			continue
		}
		if told++; told <= mountsMost {
			s.tell(mountEvent, []string{"MOUNTPOINT=" + m.Mountpoint, "TYPE=" + m.FSType, "DEVICE=" + m.Source}, "")
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
func (s *Set) readMounts() (list []*mountinfo.Info, ok bool) {
	f, err := os.Open(s.mountinfo)
	if err == nil {
		defer f.Close()
		list, err = mountinfo.GetMountsFromReader(f, nil)
	}
	if err != nil {
		s.c.Say("cannot read the table of mounts: %v", err)
		return nil, false
	}
	return list, true
}

// mountKey tells a mount from others, also from those that get its number later.
// Its options may change.
func mountKey(m *mountinfo.Info) uint64 {
	h := fnv.New64a()
	_, _ = fmt.Fprintf(h, "%d %d:%d %q %q %q %q", m.ID, m.Major, m.Minor, m.Root, m.Mountpoint, m.FSType, m.Source)
	return h.Sum64()
}

func (s *Set) closeMounts() {
	if s.mounts == nil {
		return
	}
	s.c.Loop.Remove(s.mounts.fd)
	unix.Close(s.mounts.fd)
	s.mounts = nil
}
