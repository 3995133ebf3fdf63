// SPDX-License-Identifier: Apache-2.0

package bus

import (
	"strings"

	"github.com/rouse-init/rouse/internal/bus/wire"
)

const introspectHead = `<!DOCTYPE node PUBLIC "-//freedesktop//DTD D-BUS Object Introspection 1.0//EN"
"https://www.freedesktop.org/standards/dbus/1.0/introspect.dtd">
<node>
 <interface name="org.freedesktop.DBus.Peer">
  <method name="Ping"/>
  <method name="GetMachineId"><arg type="s" name="machine_uuid" direction="out"/></method>
 </interface>
 <interface name="org.freedesktop.DBus.Introspectable">
  <method name="Introspect"><arg name="xml_data" type="s" direction="out"/></method>
 </interface>
 <interface name="org.freedesktop.DBus.Properties">
  <method name="Get"><arg name="interface_name" direction="in" type="s"/><arg name="property_name" direction="in" type="s"/><arg name="value" direction="out" type="v"/></method>
  <method name="GetAll"><arg name="interface_name" direction="in" type="s"/><arg name="props" direction="out" type="a{sv}"/></method>
  <method name="Set"><arg name="interface_name" direction="in" type="s"/><arg name="property_name" direction="in" type="s"/><arg name="value" direction="in" type="v"/></method>
  <signal name="PropertiesChanged"><arg type="s" name="interface_name"/><arg type="a{sv}" name="changed_properties"/><arg type="as" name="invalidated_properties"/></signal>
 </interface>
`

func introspect(subject any, c *Call) {
	o := subject.(*at)
	var b strings.Builder
	b.WriteString(introspectHead)
	for _, i := range o.node.Interfaces {
		i.xml(&b)
	}
	for _, child := range o.conn.srv.children(c.Path) {
		b.WriteString(` <node name="` + child + "\"/>\n")
	}
	b.WriteString("</node>\n")
	c.Body().String(b.String())
	c.Return()
}

func (i *Interface) xml(b *strings.Builder) {
	b.WriteString(` <interface name="` + i.Name + "\">\n")
	for k := range i.Methods {
		m := &i.Methods[k]
		in, out, _ := strings.Cut(m.Args, " > ")
		b.WriteString(`  <method name="` + m.Name + "\">\n")
		xmlArgs(b, m.In, in, ` direction="in"`)
		xmlArgs(b, m.Out, out, ` direction="out"`)
		b.WriteString("  </method>\n")
	}
	for k := range i.Props {
		p := &i.Props[k]
		access := "read"
		if p.Set != nil {
			access = "readwrite"
		}
		b.WriteString(`  <property name="` + p.Name + `" type="` + p.Sig + `" access="` + access + `">`)
		if p.Change != ChangeTrue {
			b.WriteString("\n   <annotation name=\"org.freedesktop.DBus.Property.EmitsChangedSignal\" value=\"" +
				[...]string{ChangeFalse: "false", ChangeConst: "const"}[p.Change] + "\"/>\n  ")
		}
		b.WriteString("</property>\n")
	}
	for k := range i.Signals {
		b.WriteString(`  <signal name="` + i.Signals[k].Name + "\">\n")
		xmlArgs(b, i.Signals[k].Sig, i.Signals[k].Args, "")
		b.WriteString("  </signal>\n")
	}
	b.WriteString(" </interface>\n")
}

func xmlArgs(b *strings.Builder, sig, names, direction string) {
	words := strings.Fields(names)
	for k, t := range wire.SplitSignature(sig) {
		b.WriteString(`   <arg type="` + t + `"`)
		if k < len(words) {
			b.WriteString(` name="` + words[k] + `"`)
		}
		b.WriteString(direction + "/>\n")
	}
}
