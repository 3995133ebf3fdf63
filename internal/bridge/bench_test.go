// SPDX-License-Identifier: Apache-2.0

package bridge

import (
	"fmt"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// BenchmarkMove compares one move of n bytes from a TCP connection to another
// by memory and by a pipe: where the two meet is copySize.
func BenchmarkMove(b *testing.B) {
	for _, n := range []int{64, 1 << 10, 4 << 10, 8 << 10, 16 << 10, 32 << 10, 64 << 10} {
		for _, how := range []string{"copy", "splice"} {
			b.Run(fmt.Sprintf("%s/%d", how, n), func(b *testing.B) {
				in, from := tcpPair(b)
				to, out := tcpPair(b)
				data, buf := make([]byte, n), make([]byte, n)
				ps := pipes{}
				runtime.LockOSThread()
				defer runtime.UnlockOSThread()
				moving := int64(0)
				for b.Loop() {
					if m, errno := sysWrite(in, data); m != n {
						b.Fatal(m, errno)
					}
					start := cpuTime()
					if how == "copy" {
						m, _ := sysRead(from, buf)
						_, _ = sysSend(to, buf[:m])
					} else {
						p := ps.get()
						m, _ := sysSplice(from, p.w, spliceSize)
						_, _ = sysSplice(p.r, to, m)
						ps.put(p)
					}
					moving += cpuTime() - start
					for got := 0; got < n; {
						m, errno := sysRead(out, data)
						if m <= 0 {
							b.Fatal(errno)
						}
						got += m
					}
				}
				b.ReportMetric(float64(moving)/float64(b.N), "cpu-ns/move")
			})
		}
	}
}

// cpuTime is what this thread has used, in nanoseconds.
func cpuTime() int64 {
	var t unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t)
	return t.Nano()
}

// tcpPair is the two ends of a connection, which block.
func tcpPair(b testing.TB) (int32, int32) {
	li, err := listen("127.0.0.1:0", false)
	if err != nil {
		b.Fatal(err)
	}
	defer li.close()
	addr := localAddr(li.fd)
	fd, _ := sysSocket(unix.AF_INET, unix.SOCK_STREAM)
	_ = unix.SetNonblock(int(fd), false)
	if errno := sysConnect(fd, &addr); errno != 0 {
		b.Fatal(errno)
	}
	c, errno := sysAccept(li.fd, nil)
	if errno != 0 {
		b.Fatal(errno)
	}
	_ = unix.SetNonblock(int(c), false)
	setNoDelay(fd)
	b.Cleanup(func() { sysClose(fd); sysClose(c) })
	return fd, c
}
