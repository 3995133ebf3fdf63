// SPDX-License-Identifier: Apache-2.0

package load

import (
	"fmt"
	"syscall"
	"testing"
	"time"
)

// many makes n services of ten lines in one directory, all linked in one
// `.wants` directory.
func many(b *testing.B, n int) string {
	f := tree{}
	for i := range n {
		f[fmt.Sprintf("s%05d.service", i)] = fmt.Sprintf(`[Unit]
Description=Service number %d
After=network.target s%05d.service
Wants=s%05d.service

[Service]
Type=notify
ExecStart=/usr/bin/sleep infinity
Restart=on-failure
Environment=NUMBER=%d

[Install]
WantedBy=multi-user.target
`, i, i/2, (i+1)%n, i)
		f[fmt.Sprintf("multi-user.target.wants/s%05d.service", i)] = fmt.Sprintf("->../s%05d.service", i)
	}
	return f.make(b)
}

// cpuTime is what the process has used of the processors: on a busy machine
// it says more than the clock.
func cpuTime(b *testing.B) time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		b.Fatal(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// BenchmarkAll reads, parses, compiles and links whole directories, from
// nothing each time: the start of a manager.
func BenchmarkAll(b *testing.B) {
	for _, n := range []int{100, 1000, 5000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			dir := many(b, n)
			b.ReportAllocs()
			start := cpuTime(b)
			for b.Loop() {
				if units, _ := in(dir).All(); len(units) < n {
					b.Fatalf("%d units", len(units))
				}
			}
			b.ReportMetric(float64((cpuTime(b)-start).Microseconds())/float64(b.N)/float64(n), "cpu-µs/unit")
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/float64(n), "µs/unit")
		})
	}
}

// BenchmarkInstance is the loader's part of an Accept=yes connection.
func BenchmarkInstance(b *testing.B) {
	l := in(tree{"app@.service": "[Unit]\nDescription=app %i\n" + simple}.make(b))
	l.Instance("app@.service", "0")
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if units, _ := l.Instance("app@.service", fmt.Sprint(i)); len(units) != 1 {
			b.Fatalf("%d units", len(units))
		}
	}
}

// BenchmarkChanged is NeedDaemonReload= of one unit when nothing has changed.
func BenchmarkChanged(b *testing.B) {
	l := in(many(b, 100))
	l.All()
	for b.Loop() {
		if l.Changed("s00001.service") {
			b.Fatal("changed")
		}
	}
}

// manyJobs makes n jobs of ten lines in one directory, each started by the
// one before it.
func manyJobs(b *testing.B, n int) string {
	f := tree{}
	for i := range n {
		f[fmt.Sprintf("j%05d.conf", i)] = fmt.Sprintf(`# job %d
description "Job number %d"
start on started j%05d or runlevel [2345]
stop on runlevel [!2345]
respawn
respawn limit 10 5
env NUMBER=%d
pre-start script
    mkdir -p /run/j
end script
exec /usr/bin/sleep infinity
`, i, i, i/2, i)
	}
	return f.make(b)
}

// BenchmarkJobs loads and checks whole directories of Upstart jobs.
func BenchmarkJobs(b *testing.B) {
	for _, n := range []int{100, 10000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			dir := manyJobs(b, n)
			b.ReportAllocs()
			start := cpuTime(b)
			for b.Loop() {
				units, _ := jobsIn(dir).Jobs()
				if bad := CheckConfig(units, nil, nil, false); len(units) < n || len(bad) > 0 {
					b.Fatalf("%d units, %v", len(units), bad)
				}
			}
			b.ReportMetric(float64((cpuTime(b)-start).Microseconds())/float64(b.N)/float64(n), "cpu-µs/unit")
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/float64(n), "µs/unit")
		})
	}
}

// BenchmarkJobsChanged is what a change in a directory of jobs costs when no
// job has changed.
func BenchmarkJobsChanged(b *testing.B) {
	l := jobsIn(manyJobs(b, 1000))
	l.Jobs()
	for b.Loop() {
		if l.JobsChanged() {
			b.Fatal("changed")
		}
	}
}
