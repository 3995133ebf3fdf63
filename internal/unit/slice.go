// SPDX-License-Identifier: Apache-2.0

package unit

// Ceiling is how much of a slice may be awake at once. Knocks at services that
// sleep wait for room below it.
type Ceiling struct {
	Running uint32 // X-RunningMax=, services; 0: no ceiling
	Memory  uint64 // X-RunningMemory=, bytes; 0: no ceiling
}
