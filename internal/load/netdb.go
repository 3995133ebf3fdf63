// SPDX-License-Identifier: Apache-2.0

package load

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// netDB is /etc/services and /etc/hosts of a root, read when they are needed.
// Name servers are not asked: whoever loads units must not wait for a network
// that the units may be there to set up.
type netDB struct {
	root     Root
	services map[string]uint16 // "ftp/tcp", aliases too
	hosts    map[string][]netip.Addr
}

// lines are the words of each line of a file of /etc, without comments.
func (db *netDB) lines(path string, f func(w []string)) {
	text, _, err := readFile(db.root.Host(path))
	if err != nil {
		return // as good as empty: what is looked up is reported as unknown
	}
	for line := range strings.Lines(string(text)) {
		line, _, _ = strings.Cut(line, "#")
		if w := strings.Fields(line); len(w) > 1 {
			f(w)
		}
	}
}

func (db *netDB) port(service, proto string) (uint16, bool) {
	if db.services == nil {
		db.services = map[string]uint16{}
		db.lines("/etc/services", func(w []string) {
			number, proto, _ := strings.Cut(w[1], "/")
			n, err := strconv.ParseUint(number, 10, 16)
			if err != nil || n == 0 {
				return
			}
			for i, name := range w {
				if key := name + "/" + proto; i != 1 && db.services[key] == 0 {
					db.services[key] = uint16(n)
				}
			}
		})
	}
	p := db.services[service+"/"+proto]
	return p, p != 0
}

func (db *netDB) addrs(host string) []netip.Addr {
	if db.hosts == nil {
		db.hosts = map[string][]netip.Addr{}
		db.lines("/etc/hosts", func(w []string) {
			a, err := netip.ParseAddr(w[0])
			if err != nil || a.Zone() != "" {
				return
			}
			for _, name := range w[1:] {
				name = strings.ToLower(name)
				if !slices.Contains(db.hosts[name], a) {
					db.hosts[name] = append(db.hosts[name], a)
				}
			}
		})
	}
	return db.hosts[strings.ToLower(host)]
}
