// SPDX-License-Identifier: Apache-2.0

package handover

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// measure prints what a handover, a bind that is none of ours, and a call
// that is not trapped cost the daemon, in nanoseconds.
func measure(args []string) {
	ours := sockaddr(args[0], -1).(*unix.SockaddrInet6)
	n, _ := strconv.Atoi(args[1])
	binds := func(sa unix.Sockaddr) time.Duration {
		start := time.Now()
		for range n {
			fd, _ := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
			if err := unix.Bind(fd, sa); err != nil {
				fmt.Println(err)
				os.Exit(1)
			}
			unix.Close(fd)
		}
		return time.Since(start) / time.Duration(n)
	}
	held := binds(&unix.SockaddrInet4{Port: ours.Port, Addr: [4]byte{127, 0, 0, 1}})
	foreign := binds(&unix.SockaddrInet4{})
	start := time.Now()
	for range 100 * n {
		unix.Getppid()
	}
	other := time.Since(start) / time.Duration(100*n)
	fmt.Println(held.Nanoseconds(), foreign.Nanoseconds(), other.Nanoseconds())
}

func BenchmarkHandover(b *testing.B) {
	fd, port := listenTCP(b, loopback)
	s := start{held: []Held{{FD: fd}}, args: []string{self(b), "role", "measure", fmt.Sprintf("[::]:%d", port), strconv.Itoa(b.N)}}
	d := s.run(b)
	d.wait()
	f := strings.Fields(d.out.String())
	if len(f) != 3 {
		b.Fatal(d.out.String())
	}
	for i, unit := range []string{"ns/held-bind", "ns/foreign-bind", "ns/getppid"} {
		v, err := strconv.ParseFloat(f[i], 64)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(v, unit)
	}
	b.ReportMetric(0, "ns/op")
}
