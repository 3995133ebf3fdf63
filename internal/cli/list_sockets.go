// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"cmp"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/rouse-init/rouse/internal/unit"
)

func listSocketsCommand(a *app) *cobra.Command {
	c := &cobra.Command{
		Use: "list-sockets [PATTERN...]", Short: "List sockets of every format: what they wake, what waits in them, who is connected",
		RunE: func(_ *cobra.Command, args []string) error { return a.listSockets(args) },
	}
	a.listFlags(c)
	return c
}

// sleeper is one socket unit, or one job that waits for a socket, as the manager tells it (dev.rouse.Manager1).
type sleeper struct {
	Socket      string   `json:"socket"`
	Listens     []listen `json:"listens"`
	Format      string   `json:"format"`
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
	WaitsFor    string   `json:"waits_for,omitempty"`
}

type listen struct {
	Kind     string  `json:"kind"`
	Address  string  `json:"address"`
	Pending  *uint32 `json:"pending,omitempty"`
	Open     *uint32 `json:"open,omitempty"`
	Watched  bool    `json:"watched"`
	Activity uint64  `json:"last_activity_usec,omitempty"`
	File     string  `json:"file,omitempty"`
	Line     int32   `json:"line,omitempty"`
}

// state is what becomes of a knock at l, in one word: "listening" where it
// would start the service, "waiting" where it has to wait for that, else how
// the service is.
func (s *sleeper) state(l *listen) string {
	switch {
	case s.WaitsFor != "":
		return "waits for " + s.WaitsFor
	case s.SocketSub != "listening" && s.SocketSub != "running":
		return s.SocketSub
	case s.Accept && s.Connections > 0:
		return "running"
	case s.Freezer != "" && s.Freezer != "running":
		return s.Freezer
	case !s.Accept && (s.Active == "active" || s.Active == "reloading"):
		return s.Sub
	case !s.Accept && s.Active == "deactivating":
		return "stopping"
	case !s.Accept && s.Active == "activating" && s.Sub != "auto-restart":
		return "starting"
	case !l.Watched:
		return "waiting"
	}
	return "listening"
}

func (s *sleeper) idle() string {
	switch {
	case s.IdleSec == 0:
		return "-"
	case s.Inhibited:
		return "busy"
	case s.IdleSince != 0:
		return "for " + strings.TrimSuffix(ago(s.IdleSince), " ago")
	}
	return s.IdleAction + " after " + coarse(time.Duration(s.IdleSec)*time.Microsecond)
}

// number prints a figure that need not be known.
func number(n *uint32) string {
	if n == nil {
		return "-"
	}
	return fmt.Sprint(*n)
}

// from is where the address is written. Without --full the file has no
// directory.
func (a *app) from(l *listen) string {
	if l.File == "" {
		return "-"
	}
	file := l.File
	if !a.opt.full {
		file = filepath.Base(file)
	}
	if l.Line == 0 {
		return file
	}
	return fmt.Sprintf("%s:%d", file, l.Line)
}

// port is that of an address of the internet; false for all others.
func port(address string) (uint16, bool) {
	p, err := netip.ParseAddrPort(address)
	return p.Port(), err == nil
}

// byPort compares addresses: those with a port by that, the rest behind them.
func byPort(x, y string) int {
	p, okX := port(x)
	q, okY := port(y)
	switch {
	case okX != okY && okX:
		return -1
	case okX != okY:
		return 1
	case p != q:
		return cmp.Compare(p, q)
	}
	return cmp.Compare(x, y)
}

func (a *app) listSockets(args []string) error {
	list, asJSON, err := told[sleeper](a, "Sleepers")
	if err != nil {
		return err
	}
	list = slices.DeleteFunc(list, func(s sleeper) bool {
		if len(args) > 0 {
			return !matchUnits(args, s.Socket, ".socket") && (s.Socket != "" || !matchUnits(args, s.Service, ".service"))
		}
		return !a.opt.all && s.SocketSub == "dead"
	})
	if asJSON {
		return a.printJSON(list)
	}
	rows := a.socketRows(list)
	a.table([]string{"LISTEN", "TYPE", "UNIT", "ACTIVATES", "STATE", "PENDING", "OPEN", "ACTIVITY", "IDLE", "FORMAT", "FILE"}, rows, nil)
	if a.withLegend() {
		a.printf("\n%s listed.", counted(len(rows), "socket"))
		if !a.opt.all {
			a.printf(" Pass --all to see sockets that do not listen, too.")
		}
		a.printf("\n")
	}
	return nil
}

// socketRows are the rows of the table: one for each address, by port.
func (a *app) socketRows(list []sleeper) [][]string {
	var rows [][]string
	for i := range list {
		s := &list[i]
		for k := range s.Listens {
			l := &s.Listens[k]
			active, socket := "-", s.Socket
			if l.Activity != 0 {
				active = ago(l.Activity)
			}
			if socket == "" {
				socket = "-"
			}
			rows = append(rows, []string{
				l.Address, l.Kind, socket, s.Service, s.state(l), number(l.Pending), number(l.Open), active, s.idle(), s.Format, a.from(l),
			})
		}
	}
	slices.SortStableFunc(rows, func(x, y []string) int { return byPort(x[0], y[0]) })
	return rows
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
