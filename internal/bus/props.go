// SPDX-License-Identifier: Apache-2.0

package bus

import (
	"os"
	"strings"

	"github.com/rouse-init/rouse/internal/bus/wire"
)

// find returns a property; an empty interface means any.
func (n *Node) find(iface, name string) *Prop {
	for _, i := range n.Interfaces {
		if iface != "" && i.Name != iface {
			continue
		}
		for k := range i.Props {
			if i.Props[k].Name == name {
				return &i.Props[k]
			}
		}
	}
	return nil
}

func (n *Node) has(iface string) bool {
	for _, i := range n.Interfaces {
		if i.Name == iface {
			return true
		}
	}
	return iface == ""
}

func propGet(subject any, c *Call) {
	node := &subject.(*at).node
	iface, name := c.Args.String(), c.Args.String()
	p := node.find(iface, name)
	if p == nil {
		unknownProp(node, c, iface, name)
		return
	}
	e := c.Body()
	e.Variant(p.Sig)
	p.Get(node.Subject, e)
	c.Return()
}

func unknownProp(node *Node, c *Call, iface, name string) {
	if !node.has(iface) {
		c.Fail(ErrUnknownIface, "object %s has no interface %s", c.Path, iface)
		return
	}
	c.Fail(ErrUnknownProp, "object %s has no property %s", c.Path, name)
}

func propGetAll(subject any, c *Call) {
	node := &subject.(*at).node
	iface := c.Args.String()
	if !node.has(iface) && !standardIface(iface) {
		c.Fail(ErrUnknownIface, "object %s has no interface %s", c.Path, iface)
		return
	}
	e := c.Body()
	m := e.Array('{')
	for _, i := range node.Interfaces {
		if iface != "" && i.Name != iface {
			continue
		}
		for k := range i.Props {
			writeProp(&i.Props[k], node.Subject, e)
		}
	}
	e.End(m)
	c.Return()
}

func standardIface(name string) bool {
	return name == ifaceProps || name == ifacePeer || name == ifaceIntrospect
}

// writeProp writes one entry of an a{sv}.
func writeProp(p *Prop, subject any, e *wire.Encoder) {
	e.Struct()
	e.String(p.Name)
	e.Variant(p.Sig)
	p.Get(subject, e)
}

func propSet(subject any, c *Call) {
	node := &subject.(*at).node
	iface, name := c.Args.String(), c.Args.String()
	v := c.Args.Variant()
	p := node.find(iface, name)
	switch {
	case p == nil:
		unknownProp(node, c, iface, name)
	case p.Set == nil:
		c.Fail(ErrReadOnly, "property %s is only for reading", name)
	case v.Sig != p.Sig:
		c.Fail(ErrArgs, "property %s has type %q, got %q", name, p.Sig, v.Sig)
	default:
		p.Set(node.Subject, v, c)
	}
}

// Changed queues PropertiesChanged for one interface of an object, with the
// values of the properties that tell their changes.
func (s *Server) Changed(path string, iface *Interface, subject any) {
	s.Emit(path, ifaceProps, "PropertiesChanged", "sa{sv}as", func(e *wire.Encoder) {
		e.String(iface.Name)
		m := e.Array('{')
		for k := range iface.Props {
			if iface.Props[k].Change == ChangeTrue {
				writeProp(&iface.Props[k], subject, e)
			}
		}
		e.End(m)
		e.Strings(nil)
	})
}

func machineID(_ any, c *Call) {
	id, err := os.ReadFile("/etc/machine-id")
	if err != nil {
		c.Fail(ErrFailed, "cannot read /etc/machine-id: %v", err)
		return
	}
	c.Body().String(strings.TrimSpace(string(id)))
	c.Return()
}
