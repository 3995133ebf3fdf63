// SPDX-License-Identifier: Apache-2.0

package unit

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/rouse-init/rouse/internal/diag"
)

func rules(nets ...string) (out []AccessRule) {
	for _, n := range nets {
		out = append(out, Network(netip.MustParsePrefix(n), diag.Pos{}))
	}
	return out
}

func TestAccess(t *testing.T) {
	noon := time.Date(2026, 3, 1, 12, 0, 59, 0, time.UTC)
	night := time.Date(2026, 3, 1, 23, 30, 0, 0, time.UTC)
	both := &Access{Only: true, OnlyFrom: rules("10.1.2.0/24", "2001:db8::/33"), NoAccess: rules("10.1.2.128/25", "10.1.2.3/32")}
	office := &Access{Times: []TimeRange{{8 * 60, 12 * 60}, {13*60 + 30, 17 * 60}}}
	overnight := &Access{Times: []TimeRange{{22 * 60, 6 * 60}}}
	for _, c := range []struct {
		name string
		a    *Access
		addr string
		at   time.Time
		why  string // "": allowed
	}{
		{"no access control", nil, "1.2.3.4", noon, ""},
		{"in the network", both, "10.1.2.4", noon, ""},
		{"an IPv4 client of an IPv6 socket", both, "::ffff:10.1.2.4", noon, ""},
		{"its last address", both, "10.1.2.127", noon, ""},
		{"no_access by a smaller network", both, "10.1.2.128", noon, "10.1.2.128 is in 10.1.2.128/25 (no_access)"},
		{"no_access by one address", both, "::ffff:10.1.2.3", noon, "10.1.2.3 is in 10.1.2.3/32 (no_access)"},
		{"elsewhere", both, "10.1.3.4", noon, "10.1.3.4 is in none"},
		{"IPv6 in a network that ends within a byte", both, "2001:db8:7fff::1", noon, ""},
		{"the next network", both, "2001:db8:8000::1", noon, "2001:db8:8000::1 is in none"},
		{"IPv4 compatible is not IPv4", both, "::10.1.2.4", noon, "is in none"},
		{"an empty only_from", &Access{Only: true}, "127.0.0.1", noon, "127.0.0.1 is in none"},
		{"everything", &Access{Only: true, OnlyFrom: rules("0.0.0.0/0")}, "9.9.9.9", noon, ""},
		{"all of IPv4 is not IPv6", &Access{Only: true, OnlyFrom: rules("0.0.0.0/0")}, "::1", noon, "::1 is in none"},
		{"no_access wins over a better match", &Access{Only: true, OnlyFrom: rules("10.0.0.1/32"), NoAccess: rules("10.0.0.0/8")}, "10.0.0.1", noon, "(no_access)"},
		{"a unix socket's client", &Access{Only: true}, "", noon, ""},
		{"the last minute of a range", office, "1.2.3.4", noon, ""},
		{"between two ranges", office, "1.2.3.4", noon.Add(time.Minute), "12:01 is outside access_times"},
		{"over midnight, before", overnight, "1.2.3.4", night, ""},
		{"over midnight, after", overnight, "1.2.3.4", night.Add(6 * time.Hour), ""},
		{"over midnight, outside", overnight, "1.2.3.4", noon, "12:00 is outside"},
	} {
		var addr netip.Addr
		if c.addr != "" {
			addr = netip.MustParseAddr(c.addr)
		}
		ok, why := c.a.Allows(addr, c.at)
		if ok != (c.why == "") || !strings.Contains(why, c.why) {
			t.Errorf("%s: %v %q, expected %q", c.name, ok, why, c.why)
		}
	}
}

func TestAccessBusy(t *testing.T) {
	var none *Access
	if none.Busy(99) || (&Access{}).Busy(99) {
		t.Error("busy without a limit")
	}
	a := &Access{MaxLoad: 2.5}
	if a.Busy(2.4) || !a.Busy(2.5) {
		t.Error("max_load is at least")
	}
}
