// SPDX-License-Identifier: Apache-2.0

package sockdiag

import (
	"errors"
	"net/netip"
	"os"
	"slices"

	"golang.org/x/sys/unix"
)

// Shared is one of several TCP listeners at one address (SO_REUSEPORT). Its
// connections cannot be told from those of the others by anything that the kernel
// shows: those that wait are told by the listener's own queue, and those that were
// accepted by the processes that have them.
type Shared struct {
	Key   Key
	Inode uint32 // of the listener
	// Asked: its Stat is wanted. The others are there because what is theirs is
	// not that of one that is.
	Asked bool
	// Pids are the processes behind it, asked for when they are needed.
	Pids func() []int
}

// SharedStat is what is known of one of them.
type SharedStat struct {
	Stat
	// Opening are the peers of connections at its address that may still come
	// into its queue, or into that of another listener there; not counted in Open.
	Opening []netip.AddrPort
}

// accepted is a connection that some process has.
type accepted struct {
	address int // index of the first listener with its address
	talk    talk
}

// CountShared counts the connections of shared listeners with one dump of
// connections and one of listeners, and by the descriptors of the processes
// behind those that are asked for. A connection that none of the processes
// has counts for all of them, as it may be on its way from one to another; that
// costs a look at the descriptors of the processes behind the others as well,
// and is done only when exact is set: who is about to stop a process that stands
// still sets it. With silence the descriptors of each are looked through to the
// end; else the first connection tells that there is one.
func (d *Diag) CountShared(list []Shared, silence, exact bool) ([]SharedStat, error) {
	stats := make([]SharedStat, len(list))
	keys := make([]Key, len(list))
	first := map[Key]int{}
	for i := range list {
		keys[i] = list[i].Key
		if silence {
			stats[i].Silence = Never
		}
		if _, ok := first[keys[i]]; !ok {
			first[keys[i]] = i
		}
	}
	left := map[uint32]accepted{}
	opening := map[int][]netip.AddrPort{}
	d.index(keys)
	err := d.eachInet(keys, silence, func(m inetMsg) {
		i := d.find(keys, m.local, m.port)
		if i < 0 || !m.isOpen() {
			return
		}
		at := first[keys[i]]
		switch {
		case m.state == tcpSynRecv:
			opening[at] = append(opening[at], m.peer)
		case !m.isQueued():
			left[m.inode] = accepted{at, m.talk}
		}
	})
	if err == nil {
		err = d.queues(list, keys, stats)
	}
	if err != nil {
		return nil, err
	}
	for i := range list {
		stats[i].Opening = opening[first[keys[i]]]
	}
	o := owners{list: list, stats: stats, left: left, first: first}
	o.find(silence, exact)
	return stats, nil
}

// queues finds what waits in each listener.
func (d *Diag) queues(list []Shared, keys []Key, stats []SharedStat) error {
	byInode := make(map[uint32]int, len(list))
	for i := range list {
		byInode[list[i].Inode] = i
	}
	see := func(m inetMsg) {
		if i, ok := byInode[m.inode]; ok && m.state == tcpListen {
			stats[i].Open += m.queue
			stats[i].Queued += m.queue
			if m.queue > 0 {
				stats[i].Silence = 0
			}
		}
	}
	for _, family := range []uint8{unix.AF_INET, unix.AF_INET6} {
		if !slices.ContainsFunc(keys, func(k Key) bool { return k.Addr.Is4() == (family == unix.AF_INET) }) {
			continue
		}
		var err error
		if d.fd < 0 {
			err = readProcTCP(family, 1<<tcpListen, see)
		} else {
			err = d.dumpInet(family, unix.IPPROTO_TCP, 1<<tcpListen, 0, nil, see)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// owners finds out whose the accepted connections are.
type owners struct {
	list  []Shared
	stats []SharedStat
	left  map[uint32]accepted // that nobody was found to have
	first map[Key]int
}

func (o *owners) find(silence, exact bool) {
	if len(o.left) == 0 {
		return
	}
	unknown := false // whether one that is asked for may have some of the rest
	for i := range o.list {
		if !o.list[i].Asked {
			continue
		}
		if !o.look(i, silence || exact) {
			o.all(i)
			continue
		}
		unknown = unknown || o.stats[i].Open == 0 || silence
	}
	if !exact || !unknown || len(o.left) == 0 {
		return
	}
	for i := range o.list {
		if !o.list[i].Asked {
			o.look(i, true) // what it does not show is not known to be its own
		}
	}
	for i := range o.list {
		if o.list[i].Asked {
			o.all(i)
		}
	}
}

// all counts what is left for one of them.
func (o *owners) all(i int) {
	for _, c := range o.left {
		if c.address == o.first[o.list[i].Key] {
			o.count(i, c)
		}
	}
}

func (o *owners) count(i int, c accepted) {
	o.stats[i].Open++
	o.stats[i].hear(c.talk)
}

// look finds what the processes of one have, all of it or the first; false where
// they do not show it.
func (o *owners) look(i int, whole bool) bool {
	shown := true
	at := o.first[o.list[i].Key]
	for _, pid := range o.list[i].Pids() {
		err := sockets(pid, func(inode uint32) bool {
			c, ok := o.left[inode]
			if !ok || c.address != at {
				return true
			}
			if o.list[i].Asked {
				o.count(i, c)
			}
			delete(o.left, inode)
			return whole
		})
		if err != nil && !errors.Is(err, os.ErrNotExist) && !errors.Is(err, unix.ESRCH) {
			shown = false
		}
		if !whole && o.stats[i].Open > 0 {
			break
		}
	}
	return shown
}
