// SPDX-License-Identifier: Apache-2.0

// Package wire is the marshalling format of the D-Bus specification: messages
// and their headers, values, signatures, object paths. It is pure and imports
// nothing of rouse. Values are written and read one by one, without
// reflection: the writer knows the signature of what it writes, and the tests
// compare it with what was written.
package wire

// Limits of the D-Bus specification.
const (
	// MaxMessage is the largest message, 128 MiB there; a manager's clients
	// need far less, and a limit on what a peer may make us hold is wanted.
	MaxMessage = 4 << 20
	// MaxArray is the largest array in bytes.
	MaxArray = 64 << 20
	// MaxSignature is the length of the longest signature.
	MaxSignature = 255
	// maxDepth limits arrays and structs in each other, 32 of each there.
	maxDepth = 64
	// MaxFDs is the most descriptors that one message may carry.
	MaxFDs = 64
)
