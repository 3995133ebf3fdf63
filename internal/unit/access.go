// SPDX-License-Identifier: Apache-2.0

package unit

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/rouse-init/rouse/internal/diag"
)

// Access says who may connect to a socket, when, and what is told to whom:
// xinetd.conf(5). It is asked where the manager accepts (Accept=yes).
type Access struct {
	// Only: nobody may connect but those of OnlyFrom, which may be empty.
	Only     bool
	OnlyFrom []AccessRule
	NoAccess []AccessRule // these may not, whatever OnlyFrom says
	Times    []TimeRange  // empty: always
	// MaxLoad refuses connections while the load average of the last minute
	// is at least this; 0: no limit.
	MaxLoad float64
	// Sensor: who connects is refused everywhere for DenyTime, and nothing is
	// started. Infinity: until the manager ends.
	Sensor   bool
	DenyTime time.Duration
	// Banner is the path of a file that every client is sent first;
	// BannerSuccess is sent after it to those who are let in, BannerFail to
	// those who are not. "" for none.
	Banner, BannerSuccess, BannerFail string
	// LogOnSuccess and LogOnFailure are the words of log_on_success and
	// log_on_failure, in capitals, sorted.
	LogOnSuccess, LogOnFailure []string
	Pos                        diag.Pos
}

// AccessRule is a network, with an IPv4 one mapped into IPv6.
type AccessRule struct {
	Net  [16]byte
	Bits uint8 // of the 128
	Pos  diag.Pos
}

// TimeRange is a part of each day, in minutes since midnight, both included.
// It goes over midnight where To is before From.
type TimeRange struct {
	From, To uint16
}

// Network makes the rule of a network.
func Network(p netip.Prefix, pos diag.Pos) AccessRule {
	bits := p.Bits()
	if p.Addr().Is4() {
		bits += 128 - 32
	}
	return AccessRule{Net: p.Masked().Addr().As16(), Bits: uint8(bits), Pos: pos}
}

// String prints the network as it is usually written.
func (r AccessRule) String() string {
	a, bits := netip.AddrFrom16(r.Net), int(r.Bits)
	if a.Is4In6() && bits >= 96 {
		a, bits = a.Unmap(), bits-96
	}
	return netip.PrefixFrom(a, bits).String()
}

// Contains tells whether addr lies in the network.
func (r AccessRule) Contains(addr netip.Addr) bool {
	return addr.IsValid() &&
		netip.PrefixFrom(netip.AddrFrom16(r.Net), int(r.Bits)).Contains(netip.AddrFrom16(addr.As16()))
}

// Contains tells whether a moment lies in the range, by the clock of its zone.
func (t TimeRange) Contains(at time.Time) bool {
	m := uint16(at.Hour()*60 + at.Minute())
	if t.From <= t.To {
		return t.From <= m && m <= t.To
	}
	return m >= t.From || m <= t.To
}

func (t TimeRange) String() string {
	return fmt.Sprintf("%02d:%02d-%02d:%02d", t.From/60, t.From%60, t.To/60, t.To%60)
}

// Allows tells whether a client with this address may connect at this time,
// and else why not, in words for the log. A client without an address (of a
// unix socket) is judged by the time alone. A nil Access lets everybody in.
//
// Where both lists have the client it is refused. The manual of xinetd lets
// the better match win, but its code refuses, which is what configurations
// have been tried with, and the safer of the two.
func (a *Access) Allows(addr netip.Addr, at time.Time) (bool, string) {
	if a == nil {
		return true, ""
	}
	if addr.IsValid() {
		for _, r := range a.NoAccess {
			if r.Contains(addr) {
				return false, addr.Unmap().String() + " is in " + r.String() + " (no_access)"
			}
		}
		if a.Only && !matches(a.OnlyFrom, addr) {
			return false, addr.Unmap().String() + " is in none of the networks of only_from"
		}
	}
	if len(a.Times) == 0 {
		return true, ""
	}
	for _, t := range a.Times {
		if t.Contains(at) {
			return true, ""
		}
	}
	return false, at.Format("15:04") + " is outside access_times"
}

func matches(rules []AccessRule, addr netip.Addr) bool {
	for _, r := range rules {
		if r.Contains(addr) {
			return true
		}
	}
	return false
}

// Busy tells whether a load average is too high to serve anybody.
func (a *Access) Busy(load float64) bool { return a != nil && a.MaxLoad > 0 && load >= a.MaxLoad }
