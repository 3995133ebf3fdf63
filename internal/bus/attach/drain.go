// SPDX-License-Identifier: Apache-2.0

package attach

import (
	"errors"

	"golang.org/x/sys/unix"

	"github.com/rouse-init/rouse/internal/bus/wire"
	"github.com/rouse-init/rouse/internal/linux/poll"
)

// drain is the connection of a manager that is dead.
type drain struct {
	loop  *poll.Loop
	fd    int
	in    []byte
	total int
	start func(unit string)
	done  func()
}

// Drain reads what a bus has sent to a manager that died before it read it,
// until the bus ends the connection at fd, which it takes. The bus does not ask
// twice for a unit; so start is called for those that it wants started. Calls
// are not looked at: the bus has told their callers that nobody answers. done
// is called once, on the loop's goroutine.
func Drain(loop *poll.Loop, fd int, start func(unit string), done func()) error {
	_ = unix.SetNonblock(fd, true)
	_ = unix.Shutdown(fd, unix.SHUT_WR) // has the bus end it
	d := &drain{loop: loop, fd: fd, start: start, done: done}
	if err := loop.Add(fd, poll.In, func(uint32) { d.read() }); err != nil {
		_ = unix.Close(fd)
		return err
	}
	return nil
}

// read takes what is there, at most one buffer of it. File descriptors that
// came with it are dropped by read(2).
func (d *drain) read() {
	var buf [16 << 10]byte
	n, err := unix.Read(d.fd, buf[:])
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR) {
		return
	}
	d.total += max(n, 0)
	if err != nil || n == 0 || d.total > dropQueue || !d.process(buf[:n]) {
		d.loop.Remove(d.fd)
		_ = unix.Close(d.fd)
		d.done()
	}
}

// process looks at all messages that are complete. It is false where what
// comes is none: the manager may have died in the middle of one.
func (d *drain) process(data []byte) bool {
	d.in = append(d.in, data...)
	units, size, ok := requests(d.in)
	d.in = d.in[size:]
	for _, unitName := range units {
		if validUnit(unitName) {
			d.start(unitName)
		}
	}
	return ok
}

// requests finds the units that are to be started in what a bus has sent, and
// the size of all complete messages. It is not ok where something is no
// message that could be taken.
func requests(data []byte) (units []string, all int, ok bool) {
	for len(data)-all >= wire.HeaderSize {
		size, _, err := frame(data[all:])
		if err != nil || size > wire.MaxMessage {
			return units, all, false
		}
		if len(data)-all < size {
			break
		}
		m, err := wire.Parse(data[all : all+size])
		if err == nil && activationRequest(&m) && wire.CheckBody(&m) == nil {
			units = append(units, m.Decoder().String())
		}
		all += size
	}
	return units, all, true
}

const activationMember = "ActivationRequest"

func activationRequest(m *wire.Message) bool {
	return m.Type == wire.Signal && m.Sender == driver && m.Interface == activator && m.Member == activationMember && m.Signature == "s"
}
