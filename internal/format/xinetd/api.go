// SPDX-License-Identifier: Apache-2.0

// Package xinetd reads xinetd.conf(5) and makes of each service a socket unit
// and a service unit. It imports unit, diag and format/pair only; files,
// numbers of services and addresses of hosts come from who calls it.
package xinetd

import (
	"net/netip"

	"github.com/rouse-init/rouse/internal/diag"
	"github.com/rouse-init/rouse/internal/format/pair"
)

// Options are the circumstances of a Parse.
type Options struct {
	// User: the units of a user's manager.
	User bool
	// NoIPv6: the kernel has none.
	NoIPv6 bool
	// Program is the path of rouse, which serves builtin services and
	// redirections.
	Program string
	// Port looks a service up, as services(5) has it; proto is tcp or udp.
	Port func(service, proto string) (uint16, bool)
	// Addrs looks a host up, as hosts(5) has it.
	Addrs func(host string) []netip.Addr
	// Read reads a file. List lists the names in a directory.
	Read func(path string) ([]byte, error)
	List func(dir string) ([]string, error)
}

// Parse reads the files and directories, and all that they include, each
// file once. What stands in a section of defaults counts for every service,
// wherever it stands, as it does for xinetd. The list has what is wrong
// outside the services; the findings in a service are those of its pair.
func Parse(paths []string, opt Options) ([]*pair.Pair, diag.List) {
	p := &parser{opt: opt, visited: map[string]bool{}}
	for _, path := range paths {
		if _, err := opt.List(path); err == nil {
			p.dir(path, diag.Pos{File: path}, 0)
		} else {
			p.file(path, diag.Pos{File: path}, 0)
		}
	}
	c := &compiler{parser: p, table: attributes(), taken: map[string]diag.Pos{}}
	c.lists()
	var out []*pair.Pair
	for _, s := range p.services {
		if made := c.service(s); made != nil {
			out = append(out, made)
		}
	}
	return out, p.list
}
