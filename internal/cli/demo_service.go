// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// newDemoService is what `rouse demo` runs as its services: each answers a
// line with its own pid.
func newDemoService() *cobra.Command {
	return &cobra.Command{
		Use: "demo-service fd|bind ADDRESS|conn", Hidden: true, Args: cobra.RangeArgs(1, 2),
		RunE: func(_ *cobra.Command, args []string) error {
			switch args[0] {
			case "conn":
				return answer(struct {
					io.Reader
					io.Writer
				}{os.Stdin, os.Stdout})
			case "fd":
				f := os.NewFile(3, "socket")
				l, err := net.FileListener(f)
				if err != nil {
					return fmt.Errorf("expected a listening socket as descriptor 3: %w", err)
				}
				return serve(l)
			default:
				l, err := net.Listen("tcp", args[len(args)-1])
				if err != nil {
					return err
				}
				return serve(l)
			}
		},
	}
}

func serve(l net.Listener) error {
	fmt.Println("serving", l.Addr())
	for {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer func() { _ = c.Close() }()
			_ = answer(c) // the client is gone: nobody to tell
		}()
	}
}

// answer says who answers: at once, or to "slow" after half a second.
func answer(c io.ReadWriter) error {
	for s := bufio.NewScanner(c); s.Scan(); {
		if strings.TrimSpace(s.Text()) == "slow" {
			time.Sleep(500 * time.Millisecond)
		}
		if _, err := fmt.Fprintln(c, os.Getpid()); err != nil {
			return err
		}
	}
	return nil
}
