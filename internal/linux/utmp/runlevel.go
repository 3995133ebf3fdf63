// SPDX-License-Identifier: Apache-2.0

package utmp

import (
	"errors"
	"io/fs"
	"time"
)

// The runlevel is kept in one record whose process id is no process: the low
// byte is the runlevel, the next one the runlevel before, 0 for none.

// Levels reads the runlevel and the one before it, "N" where there was none.
// ok is false where the file has no such record.
func Levels(path string) (now, before string, ok bool, err error) {
	list, err := Read(path)
	if err != nil {
		return "", "", false, err
	}
	for i := len(list) - 1; i >= 0; i-- {
		if r := &list[i]; r.Type == Runlevel && r.PID&0xff != 0 {
			return level(byte(r.PID)), level(byte(r.PID >> 8)), true, nil
		}
	}
	return "", "", false, nil
}

func level(b byte) string {
	if b == 0 {
		return "N"
	}
	return string(rune(b))
}

// SetLevels records a change of the runlevel in both files. A file that does
// not exist is not wanted. host is the release of the kernel.
func SetLevels(utmp, wtmp, now, before, host string, at time.Time) error {
	r := special("runlevel", "~~", host, at)
	r.PID = int32(now[0])
	if before != "N" && before != "" {
		r.PID |= int32(before[0]) << 8
	}
	return errors.Join(wanted(Put(utmp, r)), wanted(Add(wtmp, r)))
}

// AddShutdown records in wtmp that the machine goes down.
func AddShutdown(wtmp, host string, at time.Time) error {
	r := special("shutdown", "~~", host, at)
	r.Line = "~~"
	return wanted(Add(wtmp, r))
}

func special(user, id, host string, at time.Time) Record {
	return Record{Type: Runlevel, Line: "~", ID: id, User: user, Host: host, Time: at}
}

func wanted(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
