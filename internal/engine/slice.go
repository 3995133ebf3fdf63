// SPDX-License-Identifier: Apache-2.0

package engine

// rootSlice is the slice of a unit without Slice=.
const rootSlice = "-.slice"

// slice is the slice that n is in: that in which its cgroup was made, or will be.
func (n *node) slice() string {
	switch {
	case n.view.Slice != "":
		return n.view.Slice
	case n.def.Slice == "":
		return rootSlice
	}
	return n.def.Slice
}

// enterCgroup: a process is about to be made, and the cgroup with it.
func (n *node) enterCgroup() { n.view.Slice = n.slice() }

// leaveCgroup orders the cgroup of a dead unit removed. The next one is made
// where the file says then.
func (e *Engine) leaveCgroup(n *node, restart bool) {
	was := n.view.Slice
	n.view.Slice = ""
	f := RemoveCgroup{Unit: n.def.Name, KeepDirs: restart}
	if was == "" || was == n.slice() {
		e.emit(f)
		return
	}
	f.Slice = was
	e.emit(f)
	n.view.Slice = was
	e.vacate(n)
	n.view.Slice = ""
	e.reseat(n)
}

// Slice names the slice that the cgroup of a unit is in, or will be made in; ""
// for the root slice, and for a unit that is not known.
func (e *Engine) Slice(name string) string {
	if n := e.node(name); n != nil && n.slice() != rootSlice {
		return n.slice()
	}
	return ""
}
