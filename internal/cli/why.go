// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/rouse-init/rouse/internal/bus/client"
	"github.com/rouse-init/rouse/internal/engine"
)

func whyCommand(a *app) *cobra.Command {
	c := &cobra.Command{
		Use: "why UNIT...", Short: "Say why a unit runs, or why it does not",
		Long: `Says what a unit or job does, since when and for which reason; the chain of
causes that led there; what of its start and stop conditions has come true, when
and by which event; what it waits for now; and why it failed last. Times in JSON
are nanoseconds of the boot clock.`,
		Args: atLeast(1, "the name of a unit"),
		RunE: func(_ *cobra.Command, args []string) error { return a.why(args) },
	}
	c.Flags().BoolVar(&a.opt.asJSON, "json", false, "print JSON, one object per line")
	return c
}

func (a *app) why(args []string) error {
	conn, err := a.connect()
	if err != nil {
		return err
	}
	names, err := a.expand(args)
	if err != nil {
		return err
	}
	code := 0
	for i, name := range names {
		if a.opt.asJSON {
			var doc jsonText
			err = conn.JSON("Why", &doc, name)
			if err == nil {
				a.printf("%s\n", doc)
			}
		} else {
			var x *engine.Explanation
			if x, err = conn.Why(name); err == nil {
				if i > 0 {
					a.printf("\n")
				}
				a.explanation(x, clocksNow(), isJobFile(conn.Fragment(x.Unit)))
			}
		}
		var refused *client.Error
		if errors.As(err, &refused) {
			a.errorf("%s: %v", name, err)
			code = 4
		} else if err != nil {
			return err
		}
	}
	return quiet(code)
}

// clocks relate the boot clock, on which the engine lives, to the time of day.
type clocks struct {
	boot engine.Time
	wall time.Time
}

func clocksNow() clocks {
	var ts unix.Timespec
	if unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts) != nil {
		return clocks{wall: time.Now()}
	}
	return clocks{engine.Time(ts.Nano()), time.Now()}
}

// at is the time of day of a moment of the boot clock.
func (c clocks) at(t engine.Time) time.Time { return c.wall.Add(time.Duration(t - c.boot)) }

// ago is how long ago it was: "2min 5s ago", "just now".
func (c clocks) ago(t engine.Time) string {
	d := time.Duration(c.boot - t)
	if d < time.Millisecond {
		return "just now"
	}
	return coarse(d) + " ago"
}
