// SPDX-License-Identifier: Apache-2.0

package bus

// OnGone has fn called if the client goes away before it is answered.
func (c *Call) OnGone(fn func()) {
	if c.done || !c.conn.alive() {
		return
	}
	if c.conn.gone == nil {
		c.conn.gone = make(map[*Call]func())
	}
	c.conn.gone[c] = fn
}

// alive tells whether an answer would still reach the client.
func (c *conn) alive() bool { return c.fd >= 0 || c.via != nil }

// left tells those who wait to answer the client that it is no more.
func (c *conn) left() {
	waiting := c.gone
	c.gone = nil
	for _, fn := range waiting {
		fn()
	}
}
