// SPDX-License-Identifier: Apache-2.0

package guardian

import (
	"strings"

	"golang.org/x/sys/unix"

	"github.com/rouse-init/rouse/internal/guardian/wire"
)

// store is the descriptor store. Entries keep the order in which their keys
// came, which is the order in which a new manager gets them.
type store struct {
	entries []entry
	index   map[string]int32 // of the key in entries
	dead    int              // entries without descriptors
}

// entry is one key and its descriptors; none: dropped.
type entry struct {
	key string
	fds []int32
}

// put takes fds.
func (s *store) put(key string, fds []int) {
	held := make([]int32, len(fds))
	for i, fd := range fds {
		held[i] = int32(fd)
	}
	if i, ok := s.index[key]; ok {
		s.entries[i].close()
		s.entries[i].fds = held
		return
	}
	if s.index == nil {
		s.index = make(map[string]int32)
	}
	s.index[key] = int32(len(s.entries))
	s.entries = append(s.entries, entry{key: key, fds: held})
}

func (s *store) drop(key string) {
	i, ok := s.index[key]
	if !ok {
		return
	}
	s.entries[i].close()
	s.entries[i] = entry{}
	delete(s.index, key)
	s.dead++
}

// compact removes what was dropped. It moves entries, so it must not be
// called while a cursor walks them.
func (s *store) compact() {
	if s.dead < 64 || s.dead < len(s.entries)/2 {
		return
	}
	live := make([]entry, 0, len(s.index))
	for _, e := range s.entries {
		if len(e.fds) > 0 {
			s.index[e.key] = int32(len(live))
			live = append(live, e)
		}
	}
	s.entries, s.dead = live, 0
}

// hangUp ends the connections of a dead manager that are stored for what is
// left to be read from them.
func (s *store) hangUp() {
	for i := range s.entries {
		if !strings.HasPrefix(s.entries[i].key, wire.HangUp) {
			continue
		}
		for _, fd := range s.entries[i].fds {
			_ = unix.Shutdown(int(fd), unix.SHUT_WR)
		}
	}
}

func (e *entry) close() {
	for _, fd := range e.fds {
		_ = unix.Close(int(fd))
	}
}
