// SPDX-License-Identifier: Apache-2.0

package inetd

// The codes of this package's diagnostics. They are stable: scripts may match
// them.
const (
	CodeSyntax      = "RI001" // fields that are missing or not of their kind
	CodeService     = "RI002" // no such service, or not the name of one
	CodeHost        = "RI003" // a host without an address
	CodeUnsupported = "RI004" // understood, and refused or without effect
	CodeTwice       = "RI005" // an address that another line has too
	CodeBetter      = "RI006" // works, but not as inetd has it
	CodeOdd         = "RI007" // valid, but hardly what was meant
	CodeLimit       = "RI008" // larger than a file may be
)

// What a file may cost: real ones have less than 1 % of it.
const (
	maxEntries  = 4096
	maxHosts    = 64 // of one line
	maxFindings = 200
)
