// SPDX-License-Identifier: Apache-2.0

package bridge

import "golang.org/x/sys/unix"

// pipe is the two ends of one; the zero pipe is none.
type pipe struct{ r, w int32 }

// pipes keeps some empty pipes for whoever has something to move: making one
// costs as much as moving 20 KiB.
type pipes struct {
	spare []pipe
	lent  int
}

const (
	sparePipes = 8
	// pipeSize is what an unprivileged process may ask for, until it has 64 of
	// them (pipe(7)). What matters is its number of slots: the usual 16 fill
	// with a quarter of what a socket holds. A gigabyte costs 200 ms of
	// processor time with it, 370 ms without (measured).
	pipeSize = 1 << 20
	// maxLent bounds what slow readers can make a loop hold. Who comes later is
	// copied for, and holds copySize.
	maxLent = 64
)

// get is the zero pipe where there is none to be had.
func (p *pipes) get() pipe {
	if p.lent >= maxLent {
		return pipe{}
	}
	if n := len(p.spare); n > 0 {
		x := p.spare[n-1]
		p.spare = p.spare[:n-1]
		p.lent++
		return x
	}
	var fds [2]int
	if unix.Pipe2(fds[:], unix.O_NONBLOCK|unix.O_CLOEXEC) != nil {
		return pipe{}
	}
	_, _ = unix.FcntlInt(uintptr(fds[0]), unix.F_SETPIPE_SZ, pipeSize) // or it stays smaller
	p.lent++
	return pipe{int32(fds[0]), int32(fds[1])}
}

// put takes back an empty pipe.
func (p *pipes) put(x pipe) {
	p.lent--
	if len(p.spare) < sparePipes {
		p.spare = append(p.spare, x)
		return
	}
	x.close()
}

// drop takes back one that is not empty.
func (p *pipes) drop(x pipe) {
	p.lent--
	x.close()
}

func (x pipe) close() {
	sysClose(x.r)
	sysClose(x.w)
}

func (p *pipes) close() {
	for _, x := range p.spare {
		x.close()
	}
	p.spare = nil
}
