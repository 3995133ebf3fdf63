// SPDX-License-Identifier: Apache-2.0

package bus

import (
	"fmt"
	"slices"
)

// The private socket has no bus behind it, but clients such as busctl
// --address= believe that it has one and talk to its driver first. These are
// the driver's methods that they need; their subject is the *conn.

// driverMethod returns a method of org.freedesktop.DBus.
func (s *Server) driverMethod(member string) *Method {
	for i := range s.driver {
		if s.driver[i].Name == member {
			return &s.driver[i]
		}
	}
	return nil
}

func driverMethods() []Method {
	return []Method{
		{Name: "Hello", Out: "s", Open: true, Call: hello},
		{Name: "AddMatch", In: "s", Open: true, Call: addMatch},
		{Name: "RemoveMatch", In: "s", Open: true, Call: removeMatch},
		{Name: "GetNameOwner", In: "s", Out: "s", Open: true, Call: nameOwner},
		{Name: "NameHasOwner", In: "s", Out: "b", Open: true, Call: hasOwner},
		{Name: "ListNames", Out: "as", Open: true, Call: listNames},
		{Name: "ListActivatableNames", Out: "as", Open: true, Call: noNames},
		{Name: "GetId", Out: "s", Open: true, Call: busID},
		{Name: "StartServiceByName", In: "su", Out: "u", Open: true, Call: startService},
		{Name: "Ping", Open: true, Call: func(_ any, c *Call) { c.Return() }},
		{Name: "GetMachineId", Out: "s", Open: true, Call: machineID},
	}
}

func hello(subject any, c *Call) {
	conn := subject.(*conn)
	if conn.name != "" {
		c.Fail(ErrFailed, "Hello was said already")
		return
	}
	conn.srv.names++
	conn.name = fmt.Sprintf(":1.%d", conn.srv.names)
	conn.strict = true
	conn.srv.interestChanged()
	c.Body().String(conn.name)
	c.Return()
}

// maxMatches is how many rules a client may have.
const maxMatches = 512

func addMatch(subject any, c *Call) {
	conn := subject.(*conn)
	if len(conn.rules) >= maxMatches {
		c.Fail(ErrLimits, "connection has %d match rules, more are not allowed", maxMatches)
		return
	}
	text := c.Args.String()
	rule, err := parseMatch(text)
	if err != nil {
		c.Fail("org.freedesktop.DBus.Error.MatchRuleInvalid", "%v", err)
		return
	}
	conn.strict = true
	conn.rules = append(conn.rules, rule)
	conn.srv.interestChanged()
	c.Return()
}

func removeMatch(subject any, c *Call) {
	conn := subject.(*conn)
	text := c.Args.String()
	i := slices.IndexFunc(conn.rules, func(m match) bool { return m.text == text })
	if i < 0 {
		c.Fail("org.freedesktop.DBus.Error.MatchRuleNotFound", "there is no such match rule")
		return
	}
	conn.rules = slices.Delete(conn.rules, i, i+1)
	conn.srv.interestChanged()
	c.Return()
}

func (c *conn) owns(name string) bool {
	return name == ifaceBus || name == c.name && name != "" || slices.ContainsFunc(c.srv.cfg.Parts, func(p Part) bool { return p.Name == name })
}

func nameOwner(subject any, c *Call) {
	conn, name := subject.(*conn), c.Args.String()
	if !conn.owns(name) {
		c.Fail("org.freedesktop.DBus.Error.NameHasNoOwner", "name %s has no owner", name)
		return
	}
	c.Body().String(name)
	c.Return()
}

func hasOwner(subject any, c *Call) {
	owned := subject.(*conn).owns(c.Args.String())
	c.Body().Bool(owned)
	c.Return()
}

func listNames(subject any, c *Call) {
	conn := subject.(*conn)
	names := []string{ifaceBus}
	for _, p := range conn.srv.cfg.Parts {
		names = append(names, p.Name)
	}
	c.Body().Strings(append(names, conn.name))
	c.Return()
}

func noNames(_ any, c *Call) {
	c.Body().Strings(nil)
	c.Return()
}

func busID(subject any, c *Call) {
	c.Body().String(subject.(*conn).srv.guid)
	c.Return()
}

// alreadyRunning is DBUS_START_REPLY_ALREADY_RUNNING.
const alreadyRunning = 2

func startService(subject any, c *Call) {
	conn, name := subject.(*conn), c.Args.String()
	if !conn.owns(name) {
		c.Fail("org.freedesktop.DBus.Error.ServiceUnknown", "there is no service %s", name)
		return
	}
	c.Body().Uint32(alreadyRunning)
	c.Return()
}
