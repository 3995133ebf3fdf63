// SPDX-License-Identifier: Apache-2.0

// Package statelog keeps what the manager must know after its death: a
// snapshot of its state and every input since, each written before it is
// applied.
//
// Codec writes plain data (structs, slices, arrays, strings, numbers,
// pointers, registered implementations of interfaces; no maps, no cycles)
// and reads it again, also in another build, by the names of fields. Log
// keeps a snapshot and records in one file, normally a memfd that the
// guardian holds.
//
// The intended use, by one goroutine:
//
//	codec, err := statelog.NewCodec(Snapshot{}, engine.Exited{}, …)
//	log, err := statelog.Open(fd, codec)        // or Create
//	found, err := log.Snapshot(&state)
//	for r, err := range log.Records() { apply(r) }
//	for {
//		log.Append(now, input)              // before Step
//		effects := e.Step(now, input); perform(effects)
//		log.Done()                          // no system call
//		if log.Full() { log.Compact(&state) }
//	}
//
// The package imports nothing of rouse.
package statelog
