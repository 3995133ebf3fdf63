// SPDX-License-Identifier: Apache-2.0

package load

import (
	"fmt"

	"github.com/rouse-init/rouse/internal/diag"
	"github.com/rouse-init/rouse/internal/format/systemd"
	"github.com/rouse-init/rouse/internal/unit"
)

// bridgeSource makes the service that carries the connections of a socket with
// X-Handover=bridge:. It is written as a unit file would be, so that drop-ins
// apply to it; a file of its name replaces it.
type bridgeSource struct{ name string }

// bridge returns the entry of a bridge whose socket is there, nil for others.
// Whether that socket has the key is known when it is compiled.
func (x *index) bridge(name string) *entry {
	sock := unit.BridgedBy(name)
	if sock == "" || x.find(x.canonical(sock)) == nil {
		return nil
	}
	return &entry{kind: entryBuiltin, source: bridgeSource{name}}
}

func (s bridgeSource) prepare(c *compiler, r *recipe, _ *entry) {
	name := c.x.canonical(unit.BridgedBy(s.name))
	sock, _, _ := c.unit(name)
	switch {
	case sock.Load != unit.Loaded:
		r.refuse(unit.NotFound, codeNotFound, fmt.Sprintf("cannot load: it would be the bridge of %s, which is not loaded", name))
		return
	case sock.Socket == nil || sock.Socket.Bridge == nil || sock.Socket.Service != s.name:
		r.refuse(unit.NotFound, codeNotFound, fmt.Sprintf("cannot load: %s has no X-Handover=bridge:", name))
		return
	}
	to := c.x.canonical(sock.Socket.Bridge.Service)
	service, _, _ := c.unit(to)
	parts := []*systemd.File{systemd.BridgeFile(sock, service)}
	for _, path := range r.dropIns {
		p := c.files.get(path, "", true)
		r.read = append(r.read, p)
		if p.fault == nil {
			parts = append(parts, p.file)
		}
	}
	r.maker = bridgeMaker{systemd.NewTemplate(parts, c.l.cfg.Options), to}
}

// bridgeMaker binds the service to its bridge, as the file binds the bridge to
// the service.
type bridgeMaker struct {
	maker
	service string
}

func (m bridgeMaker) Instance(name string) (*unit.Unit, diag.List) {
	u, list := m.maker.Instance(name)
	u.Deps = append(u.Deps, unit.Dep{Kind: unit.BoundBy, Implicit: true, Name: m.service})
	return u, list
}

// bridged is the service behind the bridge of a socket, "" for other units.
func bridged(u *unit.Unit) string {
	if u.Socket == nil || u.Socket.Bridge == nil {
		return ""
	}
	return u.Socket.Bridge.Service
}
