// SPDX-License-Identifier: Apache-2.0

package unit

import "github.com/rouse-init/rouse/internal/diag"

// Events is what a unit has to do with events (init(5)). It is nil for units
// that neither wait for events nor say more than the four that every unit has.
type Events struct {
	// StartOn and StopOn are what starts and stops the unit; empty: nothing.
	StartOn, StopOn Expr
	// Emits are the names of events that it emits, for people and for
	// check-config; they may be globs.
	Emits []string
	// Export are the variables that its own four events carry.
	Export []string
}

// Expr is an event expression in postfix order: operands before their
// operator, as com.ubuntu.Upstart shows it.
type Expr []Term

// Op is what a Term is.
type Op uint8

// The kinds of terms. And and Or have the same precedence and group from the
// left; the postfix order says it all.
const (
	OpEvent Op = iota
	OpAnd
	OpOr
)

// Term is one operand or operator of an Expr.
type Term struct {
	Op    Op
	Event string // exact, never a pattern
	Match []Match
	Pos   diag.Pos
}

// Match is one condition on a variable of an event.
type Match struct {
	// Key is the variable; "" means the one at this position.
	Key string
	// Value is a pattern of fnmatch(3) without flags; of a stop condition it
	// may contain $VARIABLES of the job.
	Value  string
	Negate bool // KEY!=VALUE
}
