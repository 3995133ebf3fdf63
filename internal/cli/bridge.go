// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/rouse-init/rouse/internal/bridge"
	"github.com/rouse-init/rouse/internal/manager"
)

// bridgeOptions are the flags of `rouse bridge` that are not fields of its
// configuration as they are.
type bridgeOptions struct {
	cfg                                   bridge.Config
	sendProxy, spread, idleWhen, pageFile string
	ready                                 string
}

func newBridge() *cobra.Command {
	o := bridgeOptions{cfg: bridge.Defaults()}
	c := &cobra.Command{
		Use:   "bridge --listen ADDRESS... --to ADDRESS...",
		Short: "Carry connections to a daemon that opens its own socket",
		Long: `Carry connections and datagrams from the sockets that it opens, or gets by
LISTEN_FDS, to a daemon. Clients are held, and nothing they say is lost, until
the daemon is ready. With several --to each goes where the fewest connections
are.

An ADDRESS is 1.2.3.4:PORT, [::1]:PORT, PORT, /path or @abstract; with udp: or
unixgram: in front it is for datagrams. --to may have a name in it.`,
		Example: `  rouse bridge --listen 8080 --to 127.0.0.1:3000 --idle 10min
  rouse bridge --listen /run/db.sock --to db.example.org:5432
  rouse bridge --listen 443 --to /run/web.sock --send-proxy v2
  rouse bridge --listen udp:53 --to udp:127.0.0.1:5353`,
		Args: func(c *cobra.Command, args []string) error {
			if err := cobra.NoArgs(c, args); err != nil {
				return ExitWith(exitUsage, err)
			}
			return nil
		},
		RunE: func(*cobra.Command, []string) error {
			if err := o.complete(); err != nil {
				return ExitWith(exitUsage, err)
			}
			return serveBridge(o.cfg)
		},
	}
	o.register(c.Flags())
	c.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return ExitWith(exitUsage, err) })
	return c
}

func (o *bridgeOptions) register(f *pflag.FlagSet) {
	c := &o.cfg
	f.StringArrayVar(&c.Listen, "listen", nil, "listen on this `ADDRESS` (may be given again)")
	f.StringArrayVar(&c.To, "to", nil, "the `ADDRESS` of the daemon (may be given again)")
	f.StringVar(&o.ready, "ready", "listening", "say READY=1 (sd_notify) `WHEN` listening, or when the daemon can be reached")
	f.Var((*span)(&c.Timeout), "timeout", "hold a client for this `TIME` at most until the daemon is ready; 0 is for ever")
	f.Var((*span)(&c.Attempt), "connect-timeout", "try the next daemon when a connection to one takes more than this `TIME`; 0 is for ever")
	f.IntVarP(&c.Limit, "connections-max", "c", 0, "carry `N` connections at a time; more wait in the kernel (default: as many as there are descriptors for)")
	f.Var((*span)(&c.Idle), "idle", "end after this `TIME` without a connection, also before the first (default: never)")
	f.StringVar(&o.idleWhen, "idle-when", "connections", "`WHAT` --idle goes by: connections, or bytes that move")
	f.Var((*span)(&c.ConnIdle), "connection-idle", "close a connection on which nothing moved for this `TIME` (default: never)")
	f.Var((*span)(&c.KeepAlive), "keep-alive", "have TCP ask after this `TIME` of silence whether the peer is there; 0 is never")
	f.Var((*span)(&c.Drain), "drain", "let connections go on for this `TIME` after SIGTERM; 0 is for ever")
	f.Var((*span)(&c.UDPTimeout), "udp-timeout", "forget a sender of datagrams after this `TIME` of silence; 0 is never")
	f.BoolVar(&c.AcceptProxy, "accept-proxy", false, "clients begin with a header of the PROXY protocol, version 1 or 2")
	f.StringVar(&o.sendProxy, "send-proxy", "", "tell the daemon who the client is by the PROXY protocol, `VERSION` v1 or v2")
	f.BoolVar(&c.Transparent, "transparent", false, "connect to the daemon from the client's own address (needs CAP_NET_ADMIN and routes back)")
	f.StringVar(&o.pageFile, "starting-page", "", "show browsers that wait for the daemon a page that reloads itself, of our own or from `FILE`")
	f.Lookup("starting-page").NoOptDefVal = ownPage
	f.Var((*span)(&c.PageAfter), "page-after", "show it after this `TIME`")
	f.IntVar(&c.Loops, "threads", 0, "use `N` threads at most (default: one for each processor)")
	f.StringVar(&o.spread, "spread", "handover", "how threads share connections: `WAY` handover, or reuseport")
}

// ownPage is --starting-page without a file.
const ownPage = "-"

// exitUsage is the status of a mistake of the command line.
const exitUsage = 2

// complete puts the flags into the configuration.
func (o *bridgeOptions) complete() error {
	c := &o.cfg
	switch o.sendProxy {
	case "":
	case "v1":
		c.SendProxy = bridge.HeaderV1
	case "v2":
		c.SendProxy = bridge.HeaderV2
	default:
		return fmt.Errorf("--send-proxy=%s: expected v1 or v2", o.sendProxy)
	}
	switch o.ready {
	case "", "listening":
	case "daemon":
		c.Await = true
	default:
		return fmt.Errorf("--ready=%s: expected listening or daemon", o.ready)
	}
	switch o.spread {
	case "handover":
	case "reuseport":
		c.Spread = bridge.SpreadReusePort
	default:
		return fmt.Errorf("--spread=%s: expected handover or reuseport", o.spread)
	}
	switch o.idleWhen {
	case "connections":
	case "bytes":
		c.IdleBytes = true
	default:
		return fmt.Errorf("--idle-when=%s: expected connections or bytes", o.idleWhen)
	}
	if c.Limit < 0 || c.Loops < 0 {
		return errors.New("--connections-max and --threads: expected a number of 1 or more, or 0 for the default")
	}
	c.Page = o.pageFile != ""
	if err := c.Check(); err != nil {
		return err
	}
	if !c.Page || o.pageFile == ownPage {
		return nil
	}
	var err error
	c.PageHTML, err = os.ReadFile(o.pageFile)
	if err == nil && len(c.PageHTML) > maxPage {
		err = fmt.Errorf("--starting-page=%s: it has %d bytes, expected %d at most", o.pageFile, len(c.PageHTML), maxPage)
	}
	return err
}

// maxPage fits into the send buffer of any connection, so that a page is
// written at once.
const maxPage = 32 << 10

// serveBridge becomes the bridge.
func serveBridge(cfg bridge.Config) error {
	err := bridge.Serve(cfg)
	if errors.Is(err, bridge.ErrDrain) {
		fmt.Fprintf(os.Stderr, "rouse bridge: %v\n", err)
		return nil
	}
	return err
}

// proxydLimit is the default of systemd-socket-proxyd.
const proxydLimit = 256

// socketProxyd is `systemd-socket-proxyd HOST:PORT | PATH`, with its options
// and defaults. What it does better needs no option: clients wait until the
// daemon is ready, and those beyond the limit until there is room.
func (a *app) socketProxyd(args []string) int {
	o := bridgeOptions{cfg: bridge.Defaults()}
	limit, idle := strconv.Itoa(proxydLimit), "infinity"
	c := &cobra.Command{
		Use:           "systemd-socket-proxyd [OPTIONS...] HOST:PORT | PATH | @NAME",
		Short:         "Carry connections of the sockets passed by LISTEN_FDS to another socket",
		Args:          cobra.ExactArgs(1),
		SilenceUsage:  true,
		SilenceErrors: true,
		Version:       manager.Version(),
	}
	f := c.Flags()
	f.StringVarP(&limit, "connections-max", "c", limit, "carry `N` connections at a time")
	f.StringVar(&idle, "exit-idle-time", idle, "end after this `TIME` without a connection")
	c.RunE = func(_ *cobra.Command, words []string) error {
		var err error
		if o.cfg.Limit, err = strconv.Atoi(limit); err != nil || o.cfg.Limit < 1 {
			return fmt.Errorf("--connections-max=%s: expected a number of 1 or more", limit)
		}
		if idle != "infinity" {
			if err := (*span)(&o.cfg.Idle).Set(idle); err != nil {
				return fmt.Errorf("--exit-idle-time=%s: %w", idle, err)
			}
			if o.cfg.Idle == 0 { // as soon as the last connection ends
				o.cfg.Idle, o.cfg.IdleAfter = 1, true
			}
		}
		o.cfg.Drain = 0
		o.cfg.To = []string{portNumber(bridge.WithPort(words[0], "80"))}
		return serveBridge(o.cfg)
	}
	c.SetArgs(args)
	c.SetOut(a.out)
	c.SetErr(a.err)
	return a.finish(c.Execute())
}

// portNumber looks up the port of NAME:SERVICE (services(5)). What it does not
// find is left to be refused as an address.
func portNumber(text string) string {
	i := strings.LastIndexByte(text, ':')
	if i < 0 || text[0] == '/' || text[0] == '@' {
		return text
	}
	if _, err := strconv.ParseUint(text[i+1:], 10, 16); err == nil {
		return text
	}
	port, err := net.LookupPort("tcp", text[i+1:])
	if err != nil {
		return text
	}
	return text[:i+1] + strconv.Itoa(port)
}
