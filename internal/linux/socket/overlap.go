// SPDX-License-Identifier: Apache-2.0

package socket

// Excludes tells whether two addresses cannot be bound at one time. That an IPv6
// wildcard excludes IPv4 is taken for granted.
func (a Address) Excludes(b Address) bool {
	if a.Type != b.Type {
		return false
	}
	if a.Path != "" || b.Path != "" {
		return a.Path == b.Path
	}
	if a.CID != b.CID || a.Port != b.Port || a.Port == 0 || a.IP.IsValid() != b.IP.IsValid() {
		return false
	}
	x, y := a.IP.Unmap(), b.IP.Unmap()
	return x == y && a.Zone == b.Zone || x.IsUnspecified() || y.IsUnspecified()
}
