// SPDX-License-Identifier: Apache-2.0

package source

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"
)

// stall sets for how long something waited so far.
func (r *rig) stall(total time.Duration) {
	r.t.Helper()
	text := fmt.Sprintf("some avg10=0.00 avg60=0.00 avg300=0.00 total=%d\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n", total.Microseconds())
	if err := os.WriteFile(filepath.Join(r.dir, "cpu"), []byte(text), 0o644); err != nil {
		r.t.Fatal(err)
	}
}

// second lets one pass on the clock.
func (r *rig) second() {
	r.ahead += time.Second
	r.turn(0)
}

func TestIdleComesOnceWhenItIsQuiet(t *testing.T) {
	r := newRig(t)
	r.set.c.Idle = Idle{Pressure: r.dir, For: 3 * time.Second, Complain: 8 * time.Second}.withDefaults()
	r.stall(0)
	r.set.Want([]Wanted{term("idle")})
	r.second()
	r.expect() // the boot is not over
	r.set.Quiet()
	waited := time.Duration(0)
	for range 10 {
		r.second()
		r.second()
		waited += time.Second
		r.stall(waited)
		r.second()
	}
	r.expect()
	if len(r.said) != 1 || !r.saidLike("jobs wait for the event idle since 9s, but something waits for processors or disks") {
		t.Errorf("said %q", r.said)
	}
	for range 3 {
		r.second()
	}
	r.expect("idle")
	r.set.Want([]Wanted{term("idle"), termOf("new.service", "idle")})
	r.die(term("idle"))
	r.set.Quiet()
	if _, ok := r.set.Next(); ok {
		t.Error("it is still looked for quiet")
	}
}

// TestIdleWithoutPSI goes by the load average.
func TestIdleWithoutPSI(t *testing.T) {
	r := newRig(t)
	load := filepath.Join(r.dir, "loadavg")
	r.set.c.Idle = Idle{Pressure: r.dir + "/none", LoadAvg: load, For: time.Second}.withDefaults()
	set := func(perCPU float64) {
		text := fmt.Sprintf("%.2f 0.00 0.00 1/100 1234\n", perCPU*float64(runtime.NumCPU()))
		if err := os.WriteFile(load, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	set(2)
	r.set.Quiet()
	r.set.Want([]Wanted{term("idle")})
	r.second()
	r.second()
	r.expect()
	set(0.1)
	r.second()
	r.second()
	r.expect("idle")
}
