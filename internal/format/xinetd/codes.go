// SPDX-License-Identifier: Apache-2.0

package xinetd

// The codes of this package's diagnostics. They are stable: scripts may match
// them.
const (
	CodeSyntax      = "RX001" // a line, brace or section that is not where it belongs
	CodeAttribute   = "RX002" // no such attribute
	CodeValue       = "RX003" // a value that is not of its kind
	CodeMissing     = "RX004" // an attribute that a service needs
	CodeUnsupported = "RX005" // understood, and refused or without effect
	CodeTwice       = "RX006" // said twice
	CodeBetter      = "RX007" // works, but not as xinetd has it
	CodeFile        = "RX008" // a file that cannot be read
	CodeLimit       = "RX009" // larger than a configuration may be
	CodeHost        = "RX010" // a host or service that is not known
)

// What a configuration may cost: real ones have less than 1 % of it.
const (
	maxFiles    = 1024
	maxDepth    = 8 // includes within includes
	maxServices = 4096
	maxSettings = 256  // of one service
	maxValues   = 1024 // of one attribute, with those of defaults
	maxFindings = 200  // outside services
)
