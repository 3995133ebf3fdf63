// SPDX-License-Identifier: Apache-2.0

package bus

import (
	"cmp"

	"github.com/rouse-init/rouse/internal/bus/wire"
)

// The interfaces that every object has.
const (
	ifaceProps      = "org.freedesktop.DBus.Properties"
	ifacePeer       = "org.freedesktop.DBus.Peer"
	ifaceIntrospect = "org.freedesktop.DBus.Introspectable"
	ifaceBus        = "org.freedesktop.DBus"
)

// dispatch finds the method of a call and calls it. fds are closed after it.
func (c *conn) dispatch(m *wire.Message, fds []int) {
	defer closeAll(fds)
	if m.Type != wire.MethodCall {
		return
	}
	c.calls++
	c.busy = true
	defer func() { c.busy = false }()
	call := &Call{
		conn: c, serial: m.Serial, quiet: m.Flags&wire.NoReply != 0,
		Args: m.Decoder(), FDs: fds, Path: m.Path, Member: m.Member,
	}
	call.running = "a call" // not m.Member: clients make names up
	if !c.srv.guard(&call.running, func() { c.call(call, m) }) {
		call.Fail(ErrFailed, "internal error in %s, which has been recorded", call.running)
	}
}

// call finds the method and runs it.
func (c *conn) call(call *Call, m *wire.Message) {
	if m.Interface == ifaceBus || m.Destination == ifaceBus {
		call.run(c, c.srv.driverMethod(m.Member), m, "")
		return
	}
	part := c.srv.part(m.Path)
	if c.speaks == nil && part != nil {
		c.speaks = part
		c.srv.interestChanged()
	}
	call.part = part
	node, found := part.lookup(m.Path)
	if method := c.srv.standardMethod(m.Interface, m.Member); method != nil {
		if !found && m.Interface != ifacePeer {
			if c.srv.children(m.Path) == nil {
				call.Fail(part.absent(), "there is no object %s", m.Path)
				return
			}
		}
		call.run(&at{c, node}, method, m, "")
		return
	}
	if !found {
		call.Fail(part.absent(), "there is no object %s", m.Path)
		return
	}
	known := m.Interface == ""
	for _, iface := range node.Interfaces {
		if m.Interface != "" && iface.Name != m.Interface {
			continue
		}
		known = true
		for i := range iface.Methods {
			if iface.Methods[i].Name == m.Member {
				call.run(node.Subject, &iface.Methods[i], m, iface.Denied)
				return
			}
		}
	}
	if !known {
		call.Fail(ErrUnknownIface, "object %s has no interface %s", m.Path, m.Interface)
		return
	}
	call.Fail(ErrUnknownMethod, "object %s has no method %s", m.Path, m.Member)
}

// run checks arguments and rights, then calls the method. denied is the error
// for those who may not call it.
func (c *Call) run(subject any, method *Method, m *wire.Message, denied string) {
	switch {
	case method == nil:
		c.Fail(ErrUnknownMethod, "there is no method %s.%s", m.Interface, m.Member)
	case method.In != m.Signature:
		c.Fail(ErrArgs, "%s wants arguments %q, got %q", m.Member, method.In, m.Signature)
	case !method.Open && !c.conn.trusted:
		c.Fail(cmp.Or(denied, ErrAccess), "%s is for root and the user of this manager only", m.Member)
	default:
		c.out, c.running = method.Out, method.Name
		method.Call(subject, c)
	}
}

// at is the subject of the standard interfaces: an object and who asks.
type at struct {
	conn *conn
	node Node
}

// standard returns a method of the interfaces that every object has.
func (s *Server) standardMethod(iface, member string) *Method {
	for i := range s.standard {
		if m := &s.standard[i]; m.Name == member && m.iface == iface {
			return &m.Method
		}
	}
	return nil
}

type standardMethod struct {
	iface string
	Method
}

func standardMethods() []standardMethod {
	return []standardMethod{
		{ifaceProps, Method{Name: "Get", In: "ss", Out: "v", Open: true, Call: propGet}},
		{ifaceProps, Method{Name: "GetAll", In: "s", Out: "a{sv}", Open: true, Call: propGetAll}},
		{ifaceProps, Method{Name: "Set", In: "ssv", Call: propSet}},
		{ifacePeer, Method{Name: "Ping", Open: true, Call: func(_ any, c *Call) { c.Return() }}},
		{ifacePeer, Method{Name: "GetMachineId", Out: "s", Open: true, Call: machineID}},
		{ifaceIntrospect, Method{Name: "Introspect", Out: "s", Open: true, Call: introspect}},
	}
}
