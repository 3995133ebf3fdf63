// SPDX-License-Identifier: Apache-2.0

package engine

// takeEvent hands on the inputs that concern events and jobs.
func (e *Engine) takeEvent(in Input) {
	_ = in
}
