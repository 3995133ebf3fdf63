// SPDX-License-Identifier: Apache-2.0

package bus

import (
	"fmt"
	"os"
	"runtime/debug"
)

// guard runs what a client asked for; what names it, and may be set by fn. A defect in it costs the client an
// answer, never the manager its life: false means that fn panicked. Whoever
// changes state below must find out itself that it was left half-way, as
// engine.Step does.
func (s *Server) guard(what *string, fn func()) (ok bool) {
	defer func() {
		if v := recover(); v != nil {
			ok = false
			s.broken(*what, v, debug.Stack())
		}
	}()
	fn()
	return true
}

// broken records a defect: each place once, as any user may call it for ever.
func (s *Server) broken(what string, cause any, stack []byte) {
	if _, told := s.told[what]; told {
		return
	}
	if s.told == nil {
		s.told = make(map[string]struct{})
	}
	s.told[what] = struct{}{}
	msg := fmt.Sprintf("internal error in %s: %v\n%s", what, cause, stack)
	if s.cfg.Broken != nil {
		s.cfg.Broken(msg)
		return
	}
	fmt.Fprintln(os.Stderr, msg)
}
