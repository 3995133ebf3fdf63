// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"encoding/json"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rouse-init/rouse/internal/bus/client"
)

func eventsCommand(a *app) *cobra.Command {
	c := &cobra.Command{
		Use: "events", Short: "Show the events that happen, and what causes them",
		Long: `Shows every event from now on: when, its name and variables, and what caused it.
An event that has failed gets a second line at its end. With --json each line is
an object; the ends of all events are shown then, with completed set.`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return a.events() },
	}
	c.Flags().BoolVar(&a.opt.asJSON, "json", false, "print JSON, one object per line")
	a.linesFlag(c, 0, "end after `N` events; their ends do not count (0: go on)")
	return c
}

func (a *app) events() error {
	conn, err := a.connect()
	if err != nil {
		return err
	}
	count := 0
	names := map[uint64]string{} // of events that have not ended
	return conn.WatchEvents(func(e *client.Event, raw json.RawMessage) bool {
		switch {
		case a.opt.asJSON:
			a.printf("%s\n", raw)
		case e.Completed && e.Failed:
			a.printf("%s %s\n", e.When().Format(eventStamp), a.colour(red, visible(names[e.ID])+" has failed"))
		case !e.Completed:
			a.printf("%s\n", a.eventLine(e))
		}
		if e.Completed {
			delete(names, e.ID)
		} else {
			if len(names) < maxOpenEvents {
				names[e.ID] = e.Name
			}
			count++
		}
		// Whoever reads a pipe wants to see it now.
		return a.out.Flush() == nil && (a.opt.lines == 0 || count < a.opt.lines)
	})
}

// maxOpenEvents bounds what is remembered of events that have not ended.
const maxOpenEvents = 100_000

// eventStamp is the time of day to the millisecond.
const eventStamp = "15:04:05.000"

// eventLine is one event: "12:00:03.250 started JOB=web INSTANCE=   <- web.service is ready".
func (a *app) eventLine(e *client.Event) string {
	words := append([]string{a.colour(bold, visible(e.Name))}, visibleAll(e.Env)...)
	line := e.When().Format(eventStamp) + " " + strings.Join(words, " ")
	if e.Cause != "" {
		line += a.colour(grey, "   <- "+visible(e.Cause))
	}
	return line
}
