// SPDX-License-Identifier: Apache-2.0

// Package launchd reads launchd.plist(5), property lists of one job each, and
// makes of a job a service, the sockets that wake it and the events that start
// it. It imports unit, diag, format/pair (for the names of units) and its own
// package plist, and reads no file: who calls it tells the numbers of services
// and the addresses of hosts.
package launchd

import (
	"net/netip"
	"path/filepath"
	"strings"

	"github.com/rouse-init/rouse/internal/diag"
	"github.com/rouse-init/rouse/internal/format/launchd/plist"
	"github.com/rouse-init/rouse/internal/format/pair"
	"github.com/rouse-init/rouse/internal/unit"
)

// Suffix is how the names of files end.
const Suffix = ".plist"

// Options are the circumstances of a Parse.
type Options struct {
	// User: the units of a user's manager, to which UserName and its kin mean
	// nothing, and whose sessions are not called System.
	User bool
	// NoIPv6: the kernel has none.
	NoIPv6 bool
	// Program is the path of rouse, which looks at the conditions of KeepAlive.
	Program string
	// Host is the name of this machine, for LimitLoadToHosts.
	Host string
	// RuntimeDir is where sockets of SecureSocketWithKey are made; "" for /run.
	RuntimeDir string
	// Port looks a service up, as services(5) has it; proto is tcp or udp.
	Port func(service, proto string) (uint16, bool)
	// Addrs looks a host up, as hosts(5) has it.
	Addrs func(host string) []netip.Addr
	// Disabled is what `launchctl enable` and `disable` have said of a label,
	// which counts more than its own Disabled; nil where they said nothing.
	Disabled func(label string) (off, said bool)
}

// Job is one property list.
type Job struct {
	Label string
	File  string
	Pos   diag.Pos
	// Off: the job is not to be loaded, for the reason Why; its units can
	// still be started by name.
	Off bool
	Why string
	// Load are the names of the units that start when the job is loaded: its
	// sockets, and the service with RunAtLoad or KeepAlive.
	Load  []string
	Diags diag.List // all findings, errors among them

	units     map[string]*unit.Unit
	names     []string
	accepting string // the template of Wait=false, "" for none
	service   string // the first one
}

// Service is the name of the job's service: a template with inetdCompatibility
// and Wait=false, and with Wait=true and several sockets the first of them.
func (j *Job) Service() string { return j.service }

// ServiceName is the name of the service of a label.
func ServiceName(label string) string { return pair.Escape(label) + ".service" }

// Names are the names of all units of the job, the service first, or a socket
// where the service is a template.
func (j *Job) Names() []string { return j.names }

// Instance makes a unit of the job, or for a connection an instance of its
// template. The findings come with the first of its units.
func (j *Job) Instance(name string) (*unit.Unit, diag.List) {
	made := j.units[name]
	if made == nil {
		made = j.units[unit.TemplateOf(name)]
	}
	if made == nil {
		made = j.units[j.names[0]]
	}
	u := *made
	u.Name = name
	u.Deps = append([]unit.Dep(nil), made.Deps...)
	u.RequiresMountsFor = append([]string(nil), made.RequiresMountsFor...)
	if name != j.names[0] {
		return &u, nil
	}
	return &u, j.Diags
}

// Parse reads a property list. A job comes of every file: what is wrong with
// it is in its Diags, and with an error its units do not load.
func Parse(path string, text []byte, opt Options) *Job {
	b := newBuild(path, opt)
	root, list := plist.Parse(path, text)
	b.list = list
	if root != nil {
		b.root(root)
	}
	return b.finish()
}

// labelOf is the label that a file has by its name.
func labelOf(path string) string {
	if label := strings.TrimSuffix(filepath.Base(path), Suffix); label != "" {
		return label
	}
	return "unnamed"
}
