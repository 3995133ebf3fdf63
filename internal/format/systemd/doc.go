// SPDX-License-Identifier: Apache-2.0

// Package systemd turns the text of systemd unit files into units.
//
// Parse reads one file into assignments with their positions; Compile merges
// a unit's main file and its drop-ins into a unit.Unit; a Template compiles
// instance after instance of files that were parsed once. What is known of
// each directive stands in one table (Directives), which is the source of
// parsing, of `rouse verify` and of docs/directives.md.
//
// Directory search, aliases, masks and `.wants` directories are package
// load's. This package imports only unit and diag, starts nothing and looks
// up no user: names stay names.
package systemd
