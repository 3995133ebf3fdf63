// SPDX-License-Identifier: Apache-2.0

package memory

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Pager pages out the memory of some processes, which should be frozen. What no
// swap and no file backs stays; so does what a process outside shares.
type Pager struct {
	pids []int // those to come
	swap bool
	fd   int // pidfd of the present one, -1 for none
	maps []span
}

// span is a part of an address space, [from, to).
type span struct{ from, to uintptr }

// NewPager makes a Pager. It must be closed.
func NewPager(pids []int) *Pager {
	return &Pager{pids: slices.Clone(pids), swap: hasSwap(), fd: -1}
}

// Step pages out up to budget bytes of mappings, and tells whether that was all.
// An error means that nothing can be done here at all (EPERM without CAP_SYS_NICE,
// ENOSYS before Linux 5.10); a process that has ended is none.
func (p *Pager) Step(budget uintptr) (done bool, err error) {
	for budget > 0 {
		if len(p.maps) == 0 && !p.next() {
			return true, nil
		}
		if len(p.maps) == 0 {
			continue
		}
		m := &p.maps[0]
		n := min(budget, m.to-m.from)
		err := p.pageOut(m.from, n)
		if errors.Is(err, unix.ESRCH) {
			p.maps = nil // it has ended
			continue
		}
		if err != nil {
			return true, err
		}
		budget -= n
		if m.from += n; m.from == m.to {
			p.maps = p.maps[1:]
		}
	}
	return false, nil
}

// next goes on to the next process; false: there is none.
func (p *Pager) next() bool {
	p.Close()
	if len(p.pids) == 0 {
		return false
	}
	pid := p.pids[0]
	p.pids = p.pids[1:]
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return true // it has ended
	}
	p.fd = fd
	p.maps = p.mappings(pid)
	return true
}

// Close gives back what it holds.
func (p *Pager) Close() {
	if p.fd >= 0 {
		unix.Close(p.fd)
	}
	p.fd, p.maps = -1, nil
}

// madvPageout is MADV_PAGEOUT of madvise(2), since Linux 5.4.
const madvPageout = 21

func (p *Pager) pageOut(from, n uintptr) error {
	iov := struct{ base, len uintptr }{from, n}
	_, _, errno := unix.Syscall6(unix.SYS_PROCESS_MADVISE, uintptr(p.fd), uintptr(unsafe.Pointer(&iov)), 1, madvPageout, 0, 0)
	if errno == unix.ESRCH {
		return errno
	}
	if errno == unix.EPERM || errno == unix.ENOSYS || errno == unix.EACCES {
		return fmt.Errorf("process_madvise: %w", errno)
	}
	return nil // 0; EINVAL and ENOMEM: locked, or gone since it was listed
}

// mappings lists what may be paged out.
func (p *Pager) mappings(pid int) []span {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/maps")
	if err != nil {
		return nil
	}
	var out []span
	for line := range bytes.Lines(text) {
		// "from-to perms offset dev inode path" (proc_pid_maps(5)).
		f := bytes.Fields(line)
		if len(f) < 5 {
			continue
		}
		file := string(f[4]) != "0"
		if !file && (!p.swap || len(f) > 5 && bytes.HasPrefix(f[5], []byte("[v"))) {
			continue // [vdso], [vvar], [vsyscall] are the kernel's
		}
		a, b, _ := bytes.Cut(f[0], []byte("-"))
		from, err1 := strconv.ParseUint(string(a), 16, 64)
		to, err2 := strconv.ParseUint(string(b), 16, 64)
		if errors.Join(err1, err2) == nil && from < to {
			out = append(out, span{uintptr(from), uintptr(to)})
		}
	}
	return out
}

// hasSwap tells whether there is anything to page anonymous memory out to.
func hasSwap() bool {
	text, err := os.ReadFile("/proc/swaps")
	return err == nil && bytes.Count(text, []byte("\n")) > 1 // the first line is the heading
}
