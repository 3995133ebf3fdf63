// SPDX-License-Identifier: Apache-2.0

package upstart

// The codes of this package's diagnostics. They are stable: scripts may
// match them.
const (
	CodeSyntax      = "RU001" // quotes, blocks, words that are missing or too many
	CodeStanza      = "RU002" // no such stanza
	CodeValue       = "RU003" // a value that is not of its kind
	CodeExpr        = "RU004" // an event expression that makes no sense
	CodeLimit       = "RU005" // larger than a job may be
	CodeUTF8        = "RU006" // not UTF-8
	CodeManyMore    = "RU007" // diagnostics left out
	CodeOverride    = "RU008" // an override with an error, ignored
	CodeStricter    = "RU009" // Upstart 1.13 would refuse the line
	CodeUnsupported = "RU010" // understood, but without effect
	CodeOdd         = "RU011" // valid, but hardly what was meant
	CodeName        = "RU012" // not the name of a job or unit
)

// What a job file may cost: real ones have less than 1 % of it.
const (
	maxFile    = 1 << 20 // bytes
	maxStanzas = 4096
	maxTerms   = 256 // operands and operators of one expression
	maxMatches = 64  // conditions of one operand
	maxWords   = 256 // of needs, emits and export
	maxDepth   = 64  // parentheses within parentheses
	// maxScript is MAX_ARG_STRLEN of the kernel less a NUL and "exec ": a
	// script is one argument of the shell (execve(2)).
	maxScript = 128<<10 - 6
	// maxErrors is how many errors of one file are listed, and how many
	// warnings.
	maxErrors = 20
)
