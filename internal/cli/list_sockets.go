// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/rouse-init/rouse/internal/unit"
)

func listSocketsCommand(a *app) *cobra.Command {
	c := &cobra.Command{
		Use: "list-sockets [PATTERN...]", Short: "List sockets, what they wake, and who sleeps",
		RunE: func(_ *cobra.Command, args []string) error { return a.listSockets(args) },
	}
	a.listFlags(c)
	return c
}

// sleeper is one socket unit, as the manager tells it (dev.rouse.Manager1).
type sleeper struct {
	Socket      string   `json:"socket"`
	Listens     []listen `json:"listens"`
	Service     string   `json:"service"`
	Active      string   `json:"active"`
	Sub         string   `json:"sub"`
	SocketSub   string   `json:"socket_sub"`
	Freezer     string   `json:"freezer"`
	Accept      bool     `json:"accept"`
	Handover    string   `json:"handover"`
	IdleSec     uint64   `json:"idle_usec,omitempty"`
	IdleAction  string   `json:"idle_action,omitempty"`
	IdleSince   uint64   `json:"idle_since_usec,omitempty"`
	Inhibited   bool     `json:"inhibited,omitempty"`
	Wakes       uint32   `json:"wakes"`
	Sleeps      uint32   `json:"sleeps"`
	Connections uint32   `json:"connections"`
	Accepted    uint32   `json:"accepted"`
}

type listen struct {
	Kind    string `json:"kind"`
	Address string `json:"address"`
}

// state is the service's in one word: asleep, frozen, or its sub-state.
func (s *sleeper) state() string {
	switch {
	case s.Accept:
		return fmt.Sprintf("%d connections", s.Connections)
	case s.Freezer == "frozen":
		return "frozen"
	case s.Active == "inactive":
		return "asleep"
	case s.Active == "":
		return "-"
	}
	return s.Sub
}

func (s *sleeper) idle() string {
	switch {
	case s.IdleSec == 0:
		return "-"
	case s.Inhibited:
		return "busy"
	case s.IdleSince != 0:
		return ago(s.IdleSince)
	}
	return s.IdleAction + " after " + coarse(time.Duration(s.IdleSec)*time.Microsecond)
}

func (a *app) listSockets(args []string) error {
	asJSON, err := a.json()
	if err != nil {
		return err
	}
	conn, err := a.connect()
	if err != nil {
		return err
	}
	var list []sleeper
	if err := conn.JSON("Sleepers", &list); err != nil {
		return err
	}
	list = slices.DeleteFunc(list, func(s sleeper) bool {
		if len(args) > 0 {
			return !matchUnits(args, s.Socket, ".socket")
		}
		return !a.opt.all && s.SocketSub == "dead"
	})
	if asJSON {
		return a.printJSON(list)
	}
	var rows [][]string
	for i := range list {
		s := &list[i]
		for _, l := range s.Listens {
			rows = append(rows, []string{l.Address, s.Socket, s.Service, s.state(), fmt.Sprint(s.Wakes), fmt.Sprint(s.Sleeps), s.idle()})
		}
	}
	a.table([]string{"LISTEN", "UNIT", "ACTIVATES", "STATE", "WAKES", "SLEEPS", "IDLE"}, rows, nil)
	if a.withLegend() {
		a.printf("\n%s listed.", counted(len(rows), "socket"))
		if !a.opt.all {
			a.printf(" Pass --all to see sockets that do not listen, too.")
		}
		a.printf("\n")
	}
	return nil
}

// matchUnits tells whether a name matches any of the arguments.
func matchUnits(args []string, name, suffix string) bool {
	for _, arg := range args {
		if isGlob(arg) {
			if globMatch(arg, name) {
				return true
			}
		} else if n, err := unit.Mangle(arg, suffix); err == nil && n == name {
			return true
		}
	}
	return false
}
