// SPDX-License-Identifier: Apache-2.0

package source

import (
	"bytes"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// ledgerKey is where the guardian keeps the ledger.
const ledgerKey = "ledger"

// maxLedger bounds what is read back.
const maxLedger = 4 << 20

// ledger is what a new manager must know of the last one: which files and
// devices were told to whom, which dates are over, whether idle has been. Each
// change is a new memfd in the place of the old, so that no crash leaves half.
type ledger struct {
	entries map[string]string
	changed bool
}

func newLedger() ledger { return ledger{entries: make(map[string]string)} }

func (l *ledger) set(key, value string) {
	if old, ok := l.entries[key]; !ok || old != value {
		l.entries[key] = value
		l.changed = true
	}
}

func (l *ledger) drop(key string) {
	if _, ok := l.entries[key]; ok {
		delete(l.entries, key)
		l.changed = true
	}
}

// keepOnly drops the entries of one kind that are not wanted any more.
func (l *ledger) keepOnly(kind string, wanted func(name string) bool) {
	for key := range l.entries {
		if name, ok := strings.CutPrefix(key, kind+" "); ok && !wanted(name) {
			l.drop(key)
		}
	}
}

// load reads a ledger that an earlier manager wrote: lines of two quoted words.
func (l *ledger) load(fds []int) {
	if len(fds) == 0 {
		return
	}
	file, err := unix.Dup(fds[0])
	if err != nil {
		return
	}
	f := os.NewFile(uintptr(file), "ledger")
	defer f.Close()
	text, err := io.ReadAll(io.NewSectionReader(f, 0, maxLedger))
	if err != nil {
		return
	}
	for _, line := range strings.Split(string(text), "\n") {
		first, err := strconv.QuotedPrefix(line)
		if err != nil || len(line) <= len(first) {
			continue
		}
		key, err1 := strconv.Unquote(first)
		value, err2 := strconv.Unquote(line[len(first)+1:])
		if err1 == nil && err2 == nil {
			l.entries[key] = value
		}
	}
}

// save has the guardian keep the ledger, if it has changed.
func (s *Set) save() {
	if !s.ledger.changed {
		return
	}
	s.ledger.changed = false
	if len(s.ledger.entries) == 0 {
		s.c.Forget(ledgerKey)
		return
	}
	var b bytes.Buffer
	for _, key := range slices.Sorted(maps.Keys(s.ledger.entries)) {
		b.WriteString(strconv.Quote(key) + " " + strconv.Quote(s.ledger.entries[key]) + "\n")
	}
	fd, err := unix.MemfdCreate("rouse-sources", unix.MFD_CLOEXEC)
	if err != nil {
		s.c.Say("cannot keep the ledger of event sources: %v", err)
		return
	}
	defer unix.Close(fd)
	for text := b.Bytes(); len(text) > 0; {
		n, err := unix.Write(fd, text)
		if err != nil {
			s.c.Say("cannot keep the ledger of event sources: %v", err)
			return
		}
		text = text[n:]
	}
	s.keep(ledgerKey, fd)
}
