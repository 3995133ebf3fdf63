// SPDX-License-Identifier: Apache-2.0

package engine

// Trim gives back the scratch space that a step with many jobs has left. It
// changes nothing that is decided, so that replay need not know of it.
func (e *Engine) Trim() {
	e.clearTransaction()
	e.tx = transaction{}
	e.work = worklist{}
	e.out, e.touched = nil, nil
	if len(e.jobs.byID) == 0 {
		e.jobs.byID = nil // made again by the next job
	}
}
