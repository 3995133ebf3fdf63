// SPDX-License-Identifier: Apache-2.0

package engine

import "iter"

// edge is one end of a link between two units. Both ends exist, and each
// knows where the other is, so that links come and go in constant time even at
// units that everything depends on.
type edge struct {
	Peer int32 // id of the other unit
	Back int32 // index of the other end in the peer's edges
	Rel  Relation
	From origin
}

// origin says who asks for a link.
type origin uint8

const (
	fromHere    origin = 1 << iota // the definition of the unit that holds this end
	fromPeer                       // that of the other unit
	fromDefault                    // the rule that targets come after what they pull in
)

// turned is the origin as the other end sees it.
func (o origin) turned() origin {
	return o&fromDefault | o&fromHere<<1 | o&fromPeer>>1
}

// each runs over the units that n has one of the relations of a to, in the
// order of linking. A unit with two such relations comes twice. Links must not
// be removed meanwhile.
func (e *Engine) each(n *node, a atom) iter.Seq[*node] {
	return func(yield func(*node) bool) {
		if n.rels&a == 0 {
			return
		}
		for i := range n.edges {
			if a.has(n.edges[i].Rel) && !yield(e.nodes[n.edges[i].Peer]) {
				return
			}
		}
	}
}

// related tells whether n has one of the relations of a to m. It looks at the
// shorter of the two lists, so it is cheap unless both units are hubs.
func (e *Engine) related(n *node, a atom, m *node) bool {
	if n.rels&a == 0 {
		return false
	}
	if len(m.edges) < len(n.edges) {
		n, a, m = m, a.inverse(), n
	}
	for i := range n.edges {
		if n.edges[i].Peer == m.id && a.has(n.edges[i].Rel) {
			return true
		}
	}
	return false
}

// link makes n have relation r to m, asked for by from as n sees it.
func (e *Engine) link(n *node, r Relation, m *node, from origin) {
	if n == m {
		return
	}
	if i := e.findEdge(n, r, m); i >= 0 {
		n.edges[i].From |= from
		m.edges[n.edges[i].Back].From |= from.turned()
		return
	}
	inv := r.Inverse()
	n.edges = append(n.edges, edge{Peer: m.id, Back: int32(len(m.edges)), Rel: r, From: from})
	m.edges = append(m.edges, edge{Peer: n.id, Back: int32(len(n.edges) - 1), Rel: inv, From: from.turned()})
	n.rels |= of(r)
	m.rels |= of(inv)
	if r == After || r == Before {
		e.orderChanged(n, r, m, 1)
	}
}

// findEdge returns the index in n's edges of the link r to m, or -1.
func (e *Engine) findEdge(n *node, r Relation, m *node) int32 {
	inv := r.Inverse()
	if n.rels&of(r) == 0 || m.rels&of(inv) == 0 {
		return -1
	}
	if len(m.edges) < len(n.edges) {
		for i := range m.edges {
			if m.edges[i].Peer == n.id && m.edges[i].Rel == inv {
				return m.edges[i].Back
			}
		}
		return -1
	}
	for i := range n.edges {
		if n.edges[i].Peer == m.id && n.edges[i].Rel == r {
			return int32(i)
		}
	}
	return -1
}

// unlink removes link i of n at both ends.
func (e *Engine) unlink(n *node, i int32) {
	x := n.edges[i]
	m := e.nodes[x.Peer]
	if x.Rel == After || x.Rel == Before {
		e.orderChanged(n, x.Rel, m, -1)
	}
	e.dropEnd(n, i)
	e.dropEnd(m, x.Back)
}

// dropEnd fills the place of edge i with the last edge of n.
func (e *Engine) dropEnd(n *node, i int32) {
	last := int32(len(n.edges) - 1)
	if i != last {
		n.edges[i] = n.edges[last]
		e.nodes[n.edges[i].Peer].edges[n.edges[i].Back].Back = i
	}
	n.edges = n.edges[:last]
}
