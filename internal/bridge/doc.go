// SPDX-License-Identifier: Apache-2.0

// Package bridge carries connections and datagrams between sockets that are
// held and a daemon that knows nothing of that. It is the data path of
// `rouse bridge` and of systemd-socket-proxyd, always in a process of its own:
// the manager starts it and never imports it. It may import internal/linux
// and diag.
//
// # Loops
//
// A bridge is a few loops, each a goroutine with an epoll set of its own, at most
// one for each processor that the process may use. A connection lives and dies
// in the loop that accepted it, so nothing on its path is locked. The
// listeners are watched by one loop at a time; a loop that has got some
// connections more than the least loaded one passes them on to it by an
// eventfd, and starts it if need be. At the limit of connections nobody
// watches them: the excess waits in the kernel's queue.
//
// # A connection
//
//	greeting  the header of the PROXY protocol is awaited (AcceptProxy)
//	waiting   no backend is ready; the client's bytes stay in the kernel
//	dialing   connect(2) is under way
//	open      bytes move both ways
//	parting   a page was written; the client has two seconds to read it
//
// Bytes move by read and write while they are few, and by splice(2) through
// a pipe, which is borrowed only while it holds something, once they are many.
// The end of one direction is passed on as such (half-close), a reset as a
// reset.
//
// All system calls of the loops but the waiting one are raw: they do not
// block, so the scheduler need not know of them.
package bridge
