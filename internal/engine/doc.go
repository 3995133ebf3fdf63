// SPDX-License-Identifier: Apache-2.0

// Package engine makes every decision of the service manager and does nothing
// itself: it has no goroutine, no system call, no clock and no log. The manager
// feeds it facts (Input) through Step and carries out the orders (Effect) that
// come back. It imports unit only.
//
// # Jobs and states
//
// What a unit should be is a job: start, verify-active, stop, reload or restart.
// A unit has at most one. What a unit is, is its state (View.Active, View.Sub).
// A wish becomes jobs in one transaction (plan, activate, apply): all that it
// brings along is added, what has nothing to do is dropped, rings of order are
// broken, contradictions are settled or refused. After that the jobs run by
// themselves: a job runs when no job of a unit that it is ordered against
// stands before it, which job.Blocked counts, and it ends when its unit enters the
// state that it is for.
//
// # A Step
//
// A Step has two phases. First the input goes to the unit that it concerns, which
// enters new states (enter) and gives orders. What follows for other units is only
// noted (reaction), and jobs that may run now are queued. Then settle works both
// lists off until nothing is left. So nothing recurses, a kind's code never finds
// another unit changed under its feet, and the end of a Step is a fixed point: all
// lists are empty, which is why State need not hold them.
//
// # Tokens
//
// Each order that will be answered has a Token with a number that is never used
// again. Whoever waits keeps that number, and forgets it when it no longer waits;
// an answer with any other number is dropped and counted (Late). Answers may
// thus be late or doubled without harm.
//
// # Links
//
// A dependency makes a link between two units, known at both ends, as Requires
// at one and RequiredBy at the other. relation.go alone says which relations mean
// what. A unit that is named but was never loaded is a placeholder, in load state
// not-found, for as long as a link leads to it.
//
// # Size
//
// Everything is meant for 100,000 units: no Step costs time in proportion to all
// units except those that concern all of them (isolate, shutdown, a list of all),
// and a start costs its own links and those of the units that must start with it,
// not those of the hubs that everything depends on.
package engine
