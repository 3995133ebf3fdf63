// SPDX-License-Identifier: Apache-2.0

package utmp

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Limits on a file that other programs write.
const (
	maxFile = 4 << 20
	// lockTime is how long a lock is waited for. Whoever may read the file
	// may hold one.
	lockTime = time.Second
)

// Read reads all records of a file.
func Read(path string) ([]Record, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return read(f, host())
}

func read(f io.Reader, l layout) ([]Record, error) {
	b, err := io.ReadAll(io.LimitReader(f, maxFile))
	if err != nil {
		return nil, err
	}
	var list []Record
	for ; len(b) >= l.size; b = b[l.size:] {
		list = append(list, parse(b, l))
	}
	return list, nil
}

// Put puts a record into a file of present state (utmp): in the place of the
// one of the same kind, or at the end. It does not make the file: where there
// is none nobody wants it.
func Put(path string, r Record) error {
	return edit(path, func(f *os.File) error {
		list, err := read(f, host())
		if err != nil {
			return err
		}
		at := len(list)
		for i := range list {
			if replaces(&r, &list[i]) {
				at = i
				break
			}
		}
		_, err = f.WriteAt(r.Append(nil), int64(at*Size()))
		return err
	})
}

// replaces tells whether a new record stands for the same thing as an old
// one: getutid(3).
func replaces(r, old *Record) bool {
	switch r.Type {
	case Runlevel, BootTime:
		return old.Type == r.Type
	default:
		return (old.Type == Login || old.Type == User || old.Type == Dead) && old.ID == r.ID
	}
}

// Add appends a record to a file of history (wtmp), which must exist.
func Add(path string, r Record) error {
	return edit(path, func(f *os.File) error {
		end, err := f.Seek(0, io.SeekEnd)
		if err != nil {
			return err
		}
		end -= end % int64(Size()) // half a record of somebody who died
		_, err = f.WriteAt(r.Append(nil), end)
		return err
	})
}

// edit opens and locks a file.
func edit(path string, change func(*os.File) error) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := lock(int(f.Fd())); err != nil {
		return fmt.Errorf("cannot lock %s: %w", path, err)
	}
	return change(f)
}

// lock takes the lock of the whole file that other programs respect.
func lock(fd int) error {
	for end := time.Now().Add(lockTime); ; {
		err := unix.FcntlFlock(uintptr(fd), unix.F_OFD_SETLK, &unix.Flock_t{Type: unix.F_WRLCK})
		if !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EACCES) || time.Now().After(end) {
			return err
		}
		_, _ = unix.Poll(nil, 10)
	}
}
