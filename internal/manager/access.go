// SPDX-License-Identifier: Apache-2.0

package manager

import (
	"math"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rouse-init/rouse/internal/linux/socket"
	"github.com/rouse-init/rouse/internal/unit"
)

// letIn decides whether an accepted connection may be served (only_from,
// no_access and kin of xinetd.conf(5)), and sends it the banners of all and of
// those who are refused.
func (m *Manager) letIn(u *unit.Unit, fd int, peer socket.Peer) bool {
	a := u.Socket.Access
	if a == nil {
		return true
	}
	now := time.Now()
	addr, _ := netip.ParseAddr(peer.Addr) // of a unix socket there is none
	ok, why := a.Allows(addr.Unmap(), now)
	switch {
	case ok && m.denied[addr].After(now):
		ok, why = false, "it came to a sensor before"
	case ok && a.Sensor:
		m.deny(addr, now, a.DenyTime)
		ok, why = false, "nobody may come to a sensor"
	case ok && a.Busy(loadAverage()):
		ok, why = false, "the load is too high"
	}
	sendFile(fd, a.Banner)
	if ok {
		return true // the engine may still refuse it: see greet
	}
	sendFile(fd, a.BannerFail)
	if len(a.LogOnFailure) > 0 {
		m.say("%s: refused %s: %s", u.Name, peer.Addr, why)
	}
	return false
}

// maxDenied bounds the memory of sensors.
const maxDenied = 4096

// deny refuses a client everywhere for a time.
func (m *Manager) deny(addr netip.Addr, now time.Time, d time.Duration) {
	if m.denied == nil {
		m.denied = make(map[netip.Addr]time.Time)
	}
	for a, until := range m.denied {
		if !until.After(now) {
			delete(m.denied, a)
		}
	}
	if len(m.denied) < maxDenied {
		m.denied[addr] = now.Add(min(d, math.MaxInt64/2))
	}
}

// loadAverage is that of the last minute, 0 where it cannot be told.
func loadAverage() float64 {
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) != nil {
		return 0
	}
	return float64(info.Loads[0]) / 65536
}

// maxBanner is as much of a banner as fits into any socket's buffer at once:
// nobody waits for a client to read it.
const maxBanner = 16 << 10

func sendFile(fd int, path string) {
	if path == "" {
		return
	}
	text, err := os.ReadFile(path)
	if err != nil || len(text) == 0 {
		return
	}
	_ = unix.Sendto(fd, text[:min(len(text), maxBanner)], unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, nil) // who does not read it has none
}

// refuse ends a connection that is not served, after what was sent to it.
func (m *Manager) refuse(c conn) {
	_ = unix.Shutdown(c.fd, unix.SHUT_WR)
	unix.Close(c.fd)
	m.must(m.guard.DropSoon(c.key))
}
