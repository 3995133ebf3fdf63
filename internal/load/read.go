// SPDX-License-Identifier: Apache-2.0

package load

import (
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"syscall"

	"github.com/rouse-init/rouse/internal/diag"
	"github.com/rouse-init/rouse/internal/format/systemd"
	"github.com/rouse-init/rouse/internal/format/upstart"
)

// maxFile is the largest unit file that is read; systemd's limit on one
// line is as large.
const maxFile = 1 << 20

var (
	errTooLarge  = errors.New("it is larger than 1 MiB")
	errIrregular = errors.New("it is not a regular file")
)

// readFile reads a unit file and tells which state of it was read. It takes
// four system calls, and never waits (a FIFO in place of a file is refused).
func readFile(path string) ([]byte, stamp, error) {
	fail := func(err error) ([]byte, stamp, error) {
		return nil, stamp{}, &fs.PathError{Op: "read", Path: path, Err: err}
	}
	fd, err := openFile(path)
	if err != nil {
		return fail(err)
	}
	defer func() { _ = syscall.Close(fd) }() // nothing was written
	var st syscall.Stat_t
	if err := syscall.Fstat(fd, &st); err != nil {
		return fail(err)
	}
	switch {
	case st.Mode&syscall.S_IFMT == syscall.S_IFDIR:
		return fail(syscall.EISDIR)
	case st.Mode&syscall.S_IFMT == syscall.S_IFCHR && st.Rdev == devNull:
		return nil, fromStat(&st), nil // reads as empty: a mask
	case st.Mode&syscall.S_IFMT != syscall.S_IFREG:
		return fail(errIrregular)
	case st.Size > maxFile:
		return fail(errTooLarge)
	}
	buf := make([]byte, st.Size)
	n := 0
	for n < len(buf) {
		m, err := syscall.Read(fd, buf[n:])
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if err != nil {
			return fail(err)
		}
		if m == 0 {
			break
		}
		n += m
	}
	return buf[:n], fromStat(&st), nil
}

// devNull is the number of /dev/null on Linux: major 1, minor 3.
const devNull = 1<<8 | 3

func openFile(path string) (int, error) {
	for {
		fd, err := syscall.Open(path, syscall.O_RDONLY|syscall.O_CLOEXEC|syscall.O_NONBLOCK|syscall.O_NOCTTY, 0)
		if !errors.Is(err, syscall.EINTR) {
			return fd, err
		}
	}
}

// parsed is one file as read and parsed.
type parsed struct {
	once  sync.Once
	path  string
	link  string // the entry on the search path that led here, where that is another path
	drop  bool
	isJob bool
	file  *systemd.File
	job   *upstart.File // with isJob
	stamp stamp
	list  diag.List
	fault *diag.Diagnostic // why it cannot be used at all
}

// files parses each file once for all the units of one load; several
// goroutines use it.
type files struct {
	mu sync.Mutex
	m  map[string]*parsed
}

// get returns the parsed file; a drop-in that cannot be read has a fault and
// is left out by the caller. The file is spoken of as link where that is
// given: a link is what somebody can find and change.
func (f *files) get(path, link string, dropIn bool) *parsed {
	return f.once(path, &parsed{path: path, link: link, drop: dropIn})
}

// job is get for a job file or an override.
func (f *files) job(path string, override bool) *parsed {
	return f.once(path, &parsed{path: path, drop: override, isJob: true})
}

func (f *files) once(path string, fresh *parsed) *parsed {
	f.mu.Lock()
	p := f.m[path]
	if p == nil {
		p = fresh
		f.m[path] = p
	}
	f.mu.Unlock()
	p.once.Do(p.read)
	return p
}

func (p *parsed) read() {
	text, st, err := readFile(p.path)
	p.stamp = st
	if err != nil {
		p.fault = &diag.Diagnostic{
			Pos: diag.Pos{File: p.path}, Severity: diag.Error, Code: codeRead,
			Msg: fmt.Sprintf("cannot read the file: %s", reason(err)),
		}
		if p.link != "" {
			p.fault.Pos.File = p.link
			p.fault.Msg = fmt.Sprintf("cannot read the file: the link leads to %s: %s", p.path, reason(err))
		}
		if p.drop {
			p.fault.Severity = diag.Warning
			p.fault.Msg += ", going on without it"
		}
		return
	}
	if p.isJob {
		p.job = upstart.Parse(p.path, text)
		return
	}
	p.file, p.list = systemd.Parse(p.path, text)
}
