// SPDX-License-Identifier: Apache-2.0

package bridge

import (
	"context"
	"net"
	"net/netip"
	"sync/atomic"
	"time"
)

// backend is one word of Config.To.
type backend struct {
	address
	open atomic.Int32 // its connections, those that are being made too
	list atomic.Pointer[[]sockaddr]
	// asking: a name is being looked up.
	asking  atomic.Bool
	asked   atomic.Int64
	loopAll atomic.Bool // all its addresses are loopback
}

const (
	lookUpTime  = 5 * time.Second
	lookUpPause = int64(2 * time.Second)
)

func newBackend(text string) (*backend, error) {
	a, err := parseAddress(text)
	if err != nil {
		return nil, err
	}
	if a.path == "" && a.port == 0 {
		return nil, badAddress(text, "nobody listens at port 0")
	}
	be := &backend{address: a}
	switch {
	case a.path != "":
		be.set(a.addr())
	case a.name == "":
		if a.portOnly {
			a.ip = netip.AddrFrom4([4]byte{127, 0, 0, 1})
		}
		be.set(a.addr())
	}
	return be, nil
}

func (be *backend) set(list ...sockaddr) {
	all := true
	for i := range list {
		ap := list[i].inet()
		all = all && ap.IsValid() && ap.Addr().IsLoopback()
	}
	be.loopAll.Store(all && len(list) > 0)
	be.list.Store(&list)
}

// addrs are the addresses to try; none while a name was not found.
func (be *backend) addrs() []sockaddr {
	if p := be.list.Load(); p != nil {
		return *p
	}
	return nil
}

// local tells whether the kernel can be asked if somebody listens.
func (be *backend) local() bool { return be.loopAll.Load() && !be.datagram }

// lookUpAgain looks a name up in the background, at most every two seconds: a
// backend that refuses may have moved.
func (be *backend) lookUpAgain(b *Bridge) {
	if be.name == "" || b.clock()-be.asked.Load() < lookUpPause && be.asked.Load() != 0 || !be.asking.CompareAndSwap(false, true) {
		return
	}
	go func() {
		defer be.asking.Store(false)
		be.lookUp(b)
	}()
}

func (be *backend) lookUp(b *Bridge) {
	ctx, cancel := context.WithTimeout(context.Background(), lookUpTime)
	defer cancel()
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", be.name)
	be.asked.Store(max(b.clock(), 1))
	if err != nil {
		b.say("cannot find " + be.name + ": " + err.Error())
		return
	}
	list := make([]sockaddr, 0, len(ips))
	for _, ip := range ips {
		list = append(list, inetAddr(netip.AddrPortFrom(ip.Unmap(), be.port)))
	}
	be.set(list...)
	b.kickAll()
}
