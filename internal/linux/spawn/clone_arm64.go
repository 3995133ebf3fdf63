// SPDX-License-Identifier: Apache-2.0

package spawn

// clearTIDArg is the place of child_tid among the arguments of clone(2),
// which differs by architecture.
const clearTIDArg = 4
