// SPDX-License-Identifier: Apache-2.0

package sockdiag

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Conn is one accepted connection of a listener.
type Conn struct {
	Key   int // index of the key
	Inode uint32
}

// Connections lists the accepted connections of the listeners, by one dump
// for each family.
func (d *Diag) Connections(keys []Key) ([]Conn, error) {
	var out []Conn
	d.index(keys)
	err := d.eachInet(keys, false, func(m inetMsg) {
		if i := d.find(keys, m.local, m.port); i >= 0 && m.inode != 0 {
			out = append(out, Conn{i, m.inode})
		}
	})
	if err != nil {
		return nil, err
	}
	err = d.eachUnix(keys, func(m unixMsg) {
		if i := findUnix(keys, m); i >= 0 && m.inode != 0 && m.state == tcpEstablished {
			out = append(out, Conn{i, m.inode})
		}
	})
	return out, err
}

// Taken is a copy of a service's descriptor of a connection. It keeps the
// connection open, so it must be closed when the service runs again.
type Taken struct {
	Key int
	FD  int
}

// Take fetches a descriptor of each connection from the processes of a frozen
// service, so that its data can be watched for. It needs the rights of
// ptrace(2); the error names the first process that refused, beside what
// could be had. Connections that no process has any more are left out.
func Take(conns []Conn, pids []int) ([]Taken, error) {
	missing := make(map[string]int, len(conns))
	for _, c := range conns {
		missing["socket:["+strconv.FormatUint(uint64(c.Inode), 10)+"]"] = c.Key
	}
	var out []Taken
	var refused error
	for _, pid := range pids {
		if len(missing) == 0 {
			break
		}
		got, err := takeFrom(pid, missing)
		out = append(out, got...)
		if err != nil && refused == nil && !errors.Is(err, os.ErrNotExist) && !errors.Is(err, unix.ESRCH) {
			refused = fmt.Errorf("cannot watch the connections of process %d: %w", pid, err)
		}
	}
	return out, refused
}

// takeFrom takes what the process has of the missing ones, and strikes them
// out.
func takeFrom(pid int, missing map[string]int) ([]Taken, error) {
	dir := "/proc/" + strconv.Itoa(pid) + "/fd"
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	names, err := f.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	var out []Taken
	pidfd := -1
	for _, n := range names {
		l, err := os.Readlink(dir + "/" + n)
		if err != nil || !strings.HasPrefix(l, "socket:") {
			continue
		}
		key, ok := missing[l]
		if !ok {
			continue
		}
		if pidfd < 0 {
			if pidfd, err = unix.PidfdOpen(pid, 0); err != nil {
				return out, err
			}
			defer unix.Close(pidfd)
		}
		num, err := strconv.Atoi(n)
		if err != nil {
			return out, err
		}
		fd, err := unix.PidfdGetfd(pidfd, num, 0)
		if err != nil {
			return out, err
		}
		delete(missing, l)
		out = append(out, Taken{key, fd})
	}
	return out, nil
}
