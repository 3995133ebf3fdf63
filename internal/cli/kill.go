// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/rouse-init/rouse/internal/bus/wire"
)

func killCommand(a *app) *cobra.Command {
	c := &cobra.Command{
		Use: "kill UNIT...", Short: "Send a signal to the processes of units",
		Args: atLeast(1, "the name of a unit"),
		RunE: func(c *cobra.Command, args []string) error { return a.kill(args, c.Flags().Changed("kill-value")) },
	}
	c.Flags().StringVarP(&a.opt.signal, "signal", "s", "SIGTERM", "`SIGNAL` by name or number")
	c.Flags().StringVar(&a.opt.whom, "kill-whom", "all", "`WHOM`: all, main or control processes")
	c.Flags().StringVar(&a.opt.whom, "kill-who", "all", "older name of --kill-whom")
	c.Flags().IntVar(&a.opt.sigValue, "kill-value", 0, "send a `VALUE` with the signal (sigqueue(3))")
	_ = c.Flags().MarkHidden("kill-who")
	a.quietFlag(c)
	return c
}

func (a *app) kill(args []string, queued bool) error {
	sig, err := signalNumber(a.opt.signal)
	if err != nil {
		return err
	}
	conn, err := a.connect()
	if err != nil {
		return err
	}
	names, err := a.expand(args)
	if err != nil {
		return err
	}
	code := 0
	for _, name := range names {
		method, sig3 := "KillUnit", "ssi"
		if queued {
			method, sig3 = "QueueSignalUnit", "ssii"
		}
		_, err := conn.Manager(method, sig3, func(e *wire.Encoder) {
			e.String(name)
			e.String(a.opt.whom)
			e.Int32(int32(sig))
			if queued {
				e.Int32(int32(a.opt.sigValue))
			}
		})
		if err != nil {
			a.errorf("Failed to kill unit %s: %v", name, err)
			code = 1
		}
	}
	return quiet(code)
}

// signalNumber reads "HUP", "SIGHUP", "1" or "RTMIN+3".
func signalNumber(s string) (unix.Signal, error) {
	if n, err := strconv.Atoi(s); err == nil && n > 0 && n <= 64 {
		return unix.Signal(n), nil
	}
	name := strings.ToUpper(s)
	if !strings.HasPrefix(name, "SIG") {
		name = "SIG" + name
	}
	if rest, ok := strings.CutPrefix(name, "SIGRTMIN"); ok {
		const rtMin, rtMax = 34, 64 // as the C library counts them
		n, err := strconv.Atoi("0" + strings.TrimPrefix(rest, "+"))
		if err == nil && rtMin+n <= rtMax {
			return unix.Signal(rtMin + n), nil
		}
	}
	if n := unix.SignalNum(name); n != 0 {
		return n, nil
	}
	return 0, fmt.Errorf("%q is not a signal", s)
}
