// SPDX-License-Identifier: Apache-2.0

package trace

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rouse-init/rouse/internal/linux/spawn"
)

// measure starts daemons that fork twice, n at once, and says how long it
// takes until all have said that they are in the background, and until all
// have been followed to there; and the processor time of this process. In µs.
func (m *manager) measure(traced bool, n int, program string) string {
	var p [2]int
	if err := unix.Pipe2(p[:], unix.O_CLOEXEC); err != nil {
		return err.Error()
	}
	var before, after unix.Rusage
	_ = unix.Getrusage(unix.RUSAGE_SELF, &before) // cannot fail
	begin := time.Now()
	for i := range n {
		spec := &spawn.Spec{Path: []string{program}, Argv: []string{program, "fsfo"}, Stdout: spawn.FromFd(p[1]), Umask: -1}
		if traced {
			spec.Held = func(pid int) { _ = m.tracer.Follow(pid, 2, uint64(i)) }
		}
		_, result, err := m.spawn.Start(spec)
		if err != nil {
			return err.Error()
		}
		_ = unix.Close(result)
	}
	said, followed, done := 0, 0, time.Duration(0)
	if err := m.loop.Add(p[0], 1, func(uint32) {
		var b [64]byte
		k, _ := unix.Read(p[0], b[:])
		if said += k; said >= n {
			done = time.Since(begin)
		}
	}); err != nil {
		return err.Error()
	}
	m.hear = func(e Event) {
		if e.Done {
			followed++
		}
	}
	for said < n || traced && followed < n {
		if err := m.loop.Wait(-1); err != nil {
			return err.Error()
		}
	}
	all := time.Since(begin)
	m.hear = nil
	_ = unix.Getrusage(unix.RUSAGE_SELF, &after)
	m.loop.Remove(p[0])
	_ = unix.Close(p[0])
	_ = unix.Close(p[1])
	cpu := unix.TimevalToNsec(after.Utime) + unix.TimevalToNsec(after.Stime) - unix.TimevalToNsec(before.Utime) - unix.TimevalToNsec(before.Stime)
	return fmt.Sprintf("measured %d %d %d", done.Microseconds(), all.Microseconds(), cpu/1000)
}

// BenchmarkFollow tells what following a daemon through two forks costs, one
// at a time and 50 at once: until the daemon runs, until the manager knows,
// and processor time of the manager.
func BenchmarkFollow(b *testing.B) {
	if noDaemon != "" {
		b.Skip(noDaemon)
	}
	for _, how := range []string{"traced", "plain"} {
		for _, n := range []int{1, 50} {
			b.Run(how+"/"+strconv.Itoa(n), func(b *testing.B) {
				m := startManager(b)
				var sum [3]float64
				for range b.N {
					m.do("measure %s %d %s", how, n, daemon)
					var v [3]float64
					if _, err := fmt.Sscanf(m.next(), "measured %f %f %f", &v[0], &v[1], &v[2]); err != nil {
						b.Fatal(err)
					}
					for i := range v {
						sum[i] += v[i]
					}
					killAll(b)
					for {
						if pid, err := unix.Wait4(-1, nil, unix.WNOHANG, nil); err != nil || pid <= 0 {
							break
						}
					}
				}
				for i, unit := range []string{"µs-running", "µs-known", "µs-cpu"} {
					b.ReportMetric(sum[i]/float64(b.N)/float64(n), unit)
				}
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}
