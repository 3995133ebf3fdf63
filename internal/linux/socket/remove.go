// SPDX-License-Identifier: Apache-2.0

package socket

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/rouse-init/rouse/internal/diag"
	"github.com/rouse-init/rouse/internal/linux/sockdiag"
	"github.com/rouse-init/rouse/internal/unit"
)

// Remove performs RemoveOnStop=: it removes the nodes and message queues that
// ls stand for, and the symbolic links of s that lead to them. Call it while
// the descriptors are still open, since they tell which nodes are theirs: one
// that somebody has put into the place meanwhile stays, and so does all that s
// names but ls has not (a start that failed half-way). What fails is noted.
func Remove(s *unit.Socket, ls []Listener) diag.List {
	if !s.RemoveOnStop {
		return nil
	}
	var notes diag.List
	note := func(pos diag.Pos, what string, err error) {
		if err == nil || errors.Is(err, unix.ENOENT) {
			return
		}
		notes.Add(diag.Diagnostic{Pos: pos, Severity: diag.Warning, Msg: fmt.Sprintf("cannot remove %s: %v, ignoring", what, err)})
	}
	var removed []string
	for _, l := range ls {
		switch path := l.node(); {
		case path != "" && l.ownsNode(path):
			note(l.pos(s), path, unix.Unlink(path))
			removed = append(removed, path)
		case path != "" && !isNode(path):
			removed = append(removed, path) // by somebody else
		case l.Kind == unit.ListenMessageQueue:
			if owns, err := ownsQueue(l.FD, l.Address); err != nil || owns {
				if err == nil {
					err = unlinkQueue(l.Address)
				}
				note(l.pos(s), l.Address, err)
			}
		}
	}
	for _, link := range s.Symlinks {
		if to, err := os.Readlink(link); err == nil && slices.Contains(removed, to) {
			note(s.Pos, link, unix.Unlink(link))
		}
	}
	return notes
}

// node is the path of the file system that the listener has made, "" for none.
func (l Listener) node() string {
	switch l.Kind {
	case unit.ListenStream, unit.ListenDatagram, unit.ListenSeqpacket, unit.ListenFIFO:
		if strings.HasPrefix(l.Address, "/") {
			return l.Address
		}
	case unit.ListenSpecial, unit.ListenNetlink, unit.ListenMessageQueue, unit.ListenUSBFunction:
	}
	return ""
}

// ownsNode tells whether the node at path is the listener's own.
func (l Listener) ownsNode(path string) bool {
	if l.Kind == unit.ListenFIFO {
		return sameFile(l.FD, path)
	}
	return sockdiag.OwnsNode(l.FD, path)
}

// pos is the line of the listener, as far as the definition still has it.
func (l Listener) pos(s *unit.Socket) diag.Pos {
	if l.Index < len(s.Listens) && s.Listens[l.Index].Address == l.Address {
		return s.Listens[l.Index].Pos
	}
	return s.Pos
}

func isNode(path string) bool {
	var st unix.Stat_t
	return unix.Lstat(path, &st) == nil
}
