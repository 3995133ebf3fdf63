// SPDX-License-Identifier: Apache-2.0

package bridge

import (
	"os"
	"time"

	"github.com/rouse-init/rouse/internal/diag"
)

// Header is a version of the PROXY protocol.
type Header uint8

// The versions of the PROXY protocol that can be sent.
const (
	NoHeader Header = iota
	HeaderV1
	HeaderV2
)

// Spread is how connections are spread over the loops.
type Spread uint8

// SpreadHandover passes shared listeners from loop to loop. SpreadReusePort
// gives each loop a socket of its own and leaves it to the kernel's hash, which
// suits many long connections; only sockets that the bridge opens can do it.
const (
	SpreadHandover Spread = iota
	SpreadReusePort
)

// The defaults of a Config.
const (
	DefaultTimeout    = 90 * time.Second // as long as a service may take to start
	DefaultAttempt    = 5 * time.Second  // the kernel sends its first packet three times
	DefaultUDPTimeout = 60 * time.Second
	DefaultDrain      = 30 * time.Second
	DefaultKeepAlive  = 2 * time.Hour // the kernel's own
	DefaultPageAfter  = time.Second
)

// Config says what a bridge does. In every time span 0 means never, or no
// limit.
type Config struct {
	// Listen are addresses to open: PORT, 1.2.3.4:PORT, [::1]:PORT, /path,
	// @abstract, with udp: or unixgram: in front for datagrams.
	Listen []string
	// Inherited are bound sockets that are there already (LISTEN_FDS). New
	// takes them.
	Inherited []int
	// To are the backends: as in Listen, or NAME:PORT. All have the kind,
	// stream or datagram, of the listeners.
	To []string

	// Await has Serve say READY=1 only once a backend is ready. Clients are
	// held meanwhile, as always.
	Await bool
	// Timeout is how long a client is held until a backend answers.
	Timeout time.Duration
	// Attempt is how long one attempt to connect may take, until the next
	// backend, or the same one again, is tried.
	Attempt time.Duration
	// Limit is the number of connections at a time; what is more waits in
	// the listeners' queues. 0 is as many as there are descriptors for.
	Limit int
	// Idle ends the bridge when it had no connection for so long, also
	// before the first. IdleBytes counts as idle connections on which
	// nothing moved, too.
	// IdleAfter does not count the time before the first; not with IdleBytes.
	Idle                 time.Duration
	IdleBytes, IdleAfter bool
	// ConnIdle ends a connection on which nothing moved for so long.
	ConnIdle time.Duration
	// KeepAlive is after how much silence TCP asks whether the peer is
	// still there.
	KeepAlive time.Duration
	// Drain is how long connections may go on after Stop.
	Drain time.Duration
	// UDPTimeout forgets a peer that sent and got nothing for so long.
	UDPTimeout time.Duration

	// AcceptProxy expects a header of the PROXY protocol, version 1 or 2, at
	// the start of each connection; who sends none is turned away.
	AcceptProxy bool
	SendProxy   Header
	// Transparent connects to the backend from the client's own address
	// (IP_TRANSPARENT).
	Transparent bool

	// Page shows a page to browsers that have waited for PageAfter.
	Page      bool
	PageAfter time.Duration
	// PageHTML is what the page shows; nil is a text of our own.
	PageHTML []byte

	// Loops is the number of loops at most, 0 the number of processors in the
	// affinity mask.
	Loops  int
	Spread Spread
	// Log gets one line for each thing that went wrong, at most ten a second;
	// nil is standard error.
	Log func(line string)
}

// Defaults is a Config to begin with.
func Defaults() Config {
	return Config{
		Timeout: DefaultTimeout, Attempt: DefaultAttempt, UDPTimeout: DefaultUDPTimeout, Drain: DefaultDrain,
		KeepAlive: DefaultKeepAlive, PageAfter: DefaultPageAfter,
	}
}

// Check tells of options that do not go together.
func (c *Config) Check() error {
	if len(c.To) == 0 {
		return diag.Diagnostic{Severity: diag.Error, Msg: "there is nothing to bridge to", Fix: "name the daemon's address: --to 127.0.0.1:8080"}
	}
	for _, text := range c.To {
		if a, err := parseAddress(text); err != nil || !a.datagram { // an address that cannot be read is told by New
			continue
		}
		option := ""
		switch {
		case c.SendProxy != NoHeader:
			option = "--send-proxy"
		case c.AcceptProxy:
			option = "--accept-proxy"
		case c.Page:
			option = "--starting-page"
		default:
			continue
		}
		return diag.Diagnostic{
			Severity: diag.Error, Msg: "cannot bridge to " + text + " with " + option + ": that is for connections, and datagrams have none",
			Fix: "remove " + option,
		}
	}
	return nil
}

// tidy makes 0 of spans that are longer than any process lives, so that no
// sum of times overflows.
func (c *Config) tidy() {
	const century = 100 * 365 * 24 * time.Hour
	if c.PageAfter >= century {
		c.Page = false
	}
	for _, d := range []*time.Duration{
		&c.Timeout, &c.Attempt, &c.Idle, &c.ConnIdle, &c.KeepAlive, &c.Drain, &c.UDPTimeout, &c.PageAfter,
	} {
		if *d >= century || *d < 0 {
			*d = 0
		}
	}
}

func (c *Config) log(line string) {
	if c.Log != nil {
		c.Log(line)
		return
	}
	_, _ = os.Stderr.WriteString("rouse bridge: " + line + "\n")
}
