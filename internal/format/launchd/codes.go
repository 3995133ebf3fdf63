// SPDX-License-Identifier: Apache-2.0

package launchd

// The codes of this package's diagnostics; those of package plist are RL001 to
// RL003. They are stable: scripts may match them.
const (
	CodeKey         = "RL004" // a key that is not known
	CodeValue       = "RL005" // a value that is not of its kind, or missing
	CodeUnsupported = "RL006" // understood, and without effect here
	CodeDiffers     = "RL007" // works, but not quite as launchd has it
	CodeOff         = "RL008" // a job that is not to be loaded
	CodeLimit       = "RL009" // more of something than a job may have
)

// What a job may have: real ones have less than a tenth of it.
const (
	maxSockets  = 256
	maxTerms    = 512 // events and operators that start it
	maxFindings = 200
	maxLabel    = 200 // bytes, so that the names of units stay below their limit
)
