// SPDX-License-Identifier: Apache-2.0

// Package inetd reads inetd.conf(5) in the dialects of OpenBSD and Debian,
// GNU inetutils, FreeBSD and NetBSD, and makes of each line a socket unit and
// a service. It imports unit, diag and format/pair only and reads no file:
// who calls it tells the numbers of services and the addresses of hosts.
package inetd

import (
	"fmt"
	"net/netip"

	"github.com/rouse-init/rouse/internal/diag"
	"github.com/rouse-init/rouse/internal/format/pair"
)

// Options are the circumstances of a Parse.
type Options struct {
	// User: the units of a user's manager.
	User bool
	// NoIPv6: the kernel has none, so that tcp and udp mean IPv4 only.
	NoIPv6 bool
	// Program is the path of rouse, which serves the builtin services.
	Program string
	// Port looks a service up, as services(5) has it; proto is tcp or udp.
	Port func(service, proto string) (uint16, bool)
	// Addrs looks a host up, as hosts(5) has it.
	Addrs func(host string) []netip.Addr
	// Rate is how often a service may be started in a minute (inetd -R); 0
	// stands for inetd's own limit.
	Rate uint32
	// Backlog is the length of the queues (inetd -q); 0 stands for the most
	// that the kernel allows.
	Backlog uint32
}

// defaultRate is how often inetd starts a service in a minute at most.
const defaultRate = 256

// Parse reads a file. The list has what is wrong with lines that are too
// wrong to have units; all other findings are those of the pairs.
func Parse(path string, text []byte, opt Options) ([]*pair.Pair, diag.List) {
	f := &file{path: path, opt: opt}
	for _, l := range split(path, string(text)) {
		if len(f.entries) == maxEntries {
			f.report(diag.Error, CodeLimit, l.words[0].pos, fmt.Sprintf("cannot read the rest of the file: it has more than %d services", maxEntries), "split it")
			break
		}
		f.line(l)
	}
	return f.pairs(), f.list
}

// file is a file that is being read.
type file struct {
	path    string
	opt     Options
	hosts   word // of the last line that is "HOST:" alone, "" for all addresses
	entries []*entry
	list    diag.List
}

func (f *file) report(s diag.Severity, code string, pos diag.Pos, msg, fix string) {
	if len(f.list) < maxFindings {
		f.list.Add(diag.Diagnostic{Pos: pos, Severity: s, Code: code, Msg: msg, Fix: fix})
	}
}
