// SPDX-License-Identifier: Apache-2.0

package bridge

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rouse-init/rouse/internal/diag"
)

// What Bridge.stopping says.
const (
	running   = iota
	stopDrain // no new connections
	stopNow
)

// ErrDrain says that connections were cut off at the end of Config.Drain.
var ErrDrain = errors.New("connections were still open when the time for that was over")

// Bridge is a bridge at work.
type Bridge struct {
	// Deaf is closed once nothing is accepted any more, after a Stop.
	Deaf chan struct{}

	cfg      Config
	base     time.Time
	backends []*backend
	loops    []*loop
	all      []*listener
	page     []byte
	// wantsAddress: somebody asks who the clients are.
	wantsAddress bool
	limit        int32

	running sync.WaitGroup
	started []atomic.Bool
	// grown has something in it after a loop was started.
	grown chan struct{}

	open     atomic.Int32 // connections and peers
	rested   atomic.Int64 // when open became 0 last
	pausing  atomic.Int32 // loops that are paused
	tokens   atomic.Int32 // loops that may accept
	stopping atomic.Int32
	stopped  atomic.Int64 // when
	words    words
	duty     duty
}

// New opens what cfg names and takes the descriptors of cfg.Inherited; an
// error says what to change.
func New(cfg Config) (*Bridge, error) {
	b := &Bridge{cfg: cfg, base: time.Now(), Deaf: make(chan struct{}), grown: make(chan struct{}, 1)}
	b.cfg.tidy()
	b.wantsAddress = cfg.SendProxy != NoHeader || cfg.Transparent
	fit, files := descriptors()
	b.limit = fit
	if b.cfg.Limit > 0 {
		b.limit = min(fit, int32(min(b.cfg.Limit, math.MaxInt32)))
	}
	if fit < fewFit && (b.cfg.Limit <= 0 || b.cfg.Limit > int(fit)) {
		b.say(fmt.Sprintf("there is room for %d connections at a time, as %d files may be open (ulimit -n, LimitNOFILE=); more wait in the kernel", fit, files))
	}
	if cfg.Page {
		b.page = pageResponse(cfg.PageHTML)
	}
	err := b.setUp()
	if err != nil {
		b.closeAll()
		return nil, err
	}
	return b, nil
}

func (b *Bridge) setUp() error {
	if err := b.cfg.Check(); err != nil {
		return err
	}
	for _, text := range b.cfg.To {
		be, err := newBackend(text)
		if err != nil {
			return err
		}
		b.backends = append(b.backends, be)
	}
	if b.cfg.Transparent {
		if err := checkTransparent(); err != nil {
			return err
		}
	}
	n := b.cfg.Loops
	if n <= 0 {
		n = processors()
	}
	b.started = make([]atomic.Bool, n)
	for i := range n {
		l, err := newLoop(b, i)
		if err != nil {
			return err
		}
		b.loops = append(b.loops, l)
	}
	if err := b.openListeners(); err != nil {
		return err
	}
	for _, be := range b.backends {
		if be.name != "" {
			be.lookUp(b)
		}
	}
	return b.checkOwn()
}

func (b *Bridge) openListeners() error {
	for _, fd := range b.cfg.Inherited {
		li, err := inherit(fd)
		if err != nil {
			return err
		}
		b.add(li, nil)
	}
	for _, text := range b.cfg.Listen {
		for _, l := range b.loops {
			share := b.cfg.Spread == SpreadReusePort
			li, err := listen(text, share)
			if err != nil {
				return err
			}
			if !share || li.path != "" {
				b.add(li, nil)
				break
			}
			if strings.HasSuffix(text, ":0") {
				text = li.text // the others have the port that this one got
			}
			b.add(li, l)
		}
	}
	if len(b.all) == 0 {
		return diag.Diagnostic{
			Severity: diag.Error, Msg: "there is nothing to listen on",
			Fix: "name an address, --listen 127.0.0.1:8081, or pass sockets by LISTEN_FDS",
		}
	}
	for _, li := range b.all {
		for _, be := range b.backends {
			if li.datagram != be.datagram {
				return diag.Diagnostic{
					Severity: diag.Error, Msg: "cannot bridge " + li.text + " to " + be.text + ": one has connections, the other datagrams",
					Fix: "put udp: or unixgram: in front of the one that should have datagrams",
				}
			}
		}
	}
	return nil
}

// add gives a listener to a loop, or to all: who has the token watches it. A
// shared socket for datagrams stays with the first loop, which knows the peers.
func (b *Bridge) add(li *listener, to *loop) {
	b.all = append(b.all, li)
	if li.inet {
		b.keepAlive(li.fd)
	}
	if li.datagram && to == nil {
		to = b.loops[0]
	}
	for _, l := range b.loops {
		if to == nil || to == l {
			l.listeners = append(l.listeners, li)
		}
	}
}

// Run carries connections until Stop was called or the bridge was idle for
// long enough, and closes everything.
func (b *Bridge) Run() error {
	b.rested.Store(b.clock())
	if b.cfg.IdleAfter {
		b.rested.Store(never / 2)
	}
	b.tokens.Store(1)
	if b.cfg.Spread == SpreadReusePort {
		b.tokens.Store(int32(len(b.loops)))
	}
	b.loops[0].token.Store(true)
	b.start(b.loops[0])
	if b.cfg.Spread == SpreadReusePort {
		for _, l := range b.loops[1:] {
			l.token.Store(true)
			b.start(l)
		}
	}
	b.running.Wait()
	err := error(nil)
	if b.duty.cut {
		err = ErrDrain
	}
	b.closeAll()
	return err
}

// start starts a loop that is not running.
func (b *Bridge) start(l *loop) {
	if b.started[l.number].CompareAndSwap(false, true) {
		b.running.Go(l.run)
		select {
		case b.grown <- struct{}{}:
		default: // as good as two
		}
	}
}

// Stop ends the bridge: it accepts nothing any more and ends with its last
// connection. A second call ends it at once. It may be called from anywhere.
func (b *Bridge) Stop() {
	if b.stopping.CompareAndSwap(running, stopDrain) {
		b.stopped.Store(b.clock())
	} else {
		b.stopping.Store(stopNow)
	}
	b.kickAll()
}

func (b *Bridge) kickAll() {
	for _, l := range b.loops {
		l.kick()
	}
}

// Addrs are the addresses that it listens on, with the ports that the kernel
// chose.
func (b *Bridge) Addrs() []string {
	var out []string
	for _, li := range b.all {
		out = append(out, li.text)
	}
	return out
}

// Open is the number of connections, and of peers that send datagrams.
func (b *Bridge) Open() int { return int(b.open.Load()) }

func (b *Bridge) clock() int64 { return int64(time.Since(b.base)) }

func (b *Bridge) closeAll() {
	for _, li := range b.all {
		li.close()
	}
	for i, l := range b.loops {
		if !b.started[i].Load() {
			l.closeFiles()
		}
	}
}

// reserve are the descriptors that are not for connections.
const reserve = 64

// fewFit is how many connections hardly anybody has meant as a limit.
const fewFit = 256

// descriptors raises the limit of open files as far as it goes, and returns
// it, and how many connections fit.
func descriptors() (fit int32, files uint64) {
	var r unix.Rlimit
	n := math.MaxInt32
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &r) == nil {
		if r.Cur < r.Max {
			r.Cur = r.Max
			_ = unix.Setrlimit(unix.RLIMIT_NOFILE, &r)
		}
		if r.Cur < math.MaxInt32 {
			n = max((int(r.Cur)-reserve)/2, 1)
		}
	}
	return int32(n), r.Cur
}

// processors is how many the process may use.
func processors() int {
	var set unix.CPUSet
	if unix.SchedGetaffinity(0, &set) == nil {
		return max(set.Count(), 1)
	}
	return 1
}
