// SPDX-License-Identifier: Apache-2.0

package guardian

import (
	"math/bits"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/rouse-init/rouse/internal/guardian/wire"
)

// sigRTMin is glibc's SIGRTMIN: the first two real-time signals are its own.
const sigRTMin = 34

// The signals that are passed on, systemd(1): RTMIN+3 halt, +4 power off,
// +5 reboot, +6 kexec.
var forwarded = []os.Signal{
	unix.SIGTERM, unix.SIGINT, unix.SIGQUIT, unix.SIGHUP, unix.SIGUSR1, unix.SIGUSR2, unix.SIGPWR, unix.SIGWINCH,
	syscall.Signal(sigRTMin + 3), syscall.Signal(sigRTMin + 4),
	syscall.Signal(sigRTMin + 5), syscall.Signal(sigRTMin + 6),
}

// fatal are the signals that would end a Go process. The kernel shields PID
// 1 only from signals without a handler, and the runtime handles these.
var fatal = []os.Signal{
	unix.SIGABRT, unix.SIGTRAP, unix.SIGSYS, unix.SIGSTKFLT, unix.SIGPIPE,
	unix.SIGALRM, unix.SIGVTALRM, unix.SIGPROF, unix.SIGXCPU, unix.SIGXFSZ, unix.SIGIO,
}

// catchSignals begins to collect signals, and only then unblocks them: some
// may have come while the guardian executed a new program.
func (g *guardian) catchSignals() {
	signal.Notify(g.signals, forwarded...)
	if g.pid1 {
		signal.Notify(g.signals, fatal...)
	}
	// The manager inherits the mask of this thread.
	_ = unix.PthreadSigmask(unix.SIG_SETMASK, &unix.Sigset_t{}, nil) // cannot fail
	// SIGCHLD is taken from the runtime, and from whoever had it ignored:
	// with its default action nothing is interrupted, and statuses are kept.
	var dfl [8]uint64 // struct sigaction: SIG_DFL, no flags, no mask
	_, _, _ = unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(unix.SIGCHLD), uintptr(unsafe.Pointer(&dfl)), 0, 8, 0, 0)
}

// blockSignals leaves the signals to be caught for later, as far as this
// thread goes.
func blockSignals() (old unix.Sigset_t) {
	var set unix.Sigset_t
	width := uint(unsafe.Sizeof(set.Val[0])) * 8
	for _, s := range slices.Concat(forwarded, fatal) {
		if sig, ok := s.(syscall.Signal); ok {
			n := uint(sig) - 1
			set.Val[n/width] |= 1 << (n % width)
		}
	}
	_ = unix.PthreadSigmask(unix.SIG_BLOCK, &set, &old) // cannot fail
	return old
}

// watchSignals passes signals on for ever. A signal counts from the moment
// that it is marked as caught, lock or not, so that reexec finds it.
func (g *guardian) watchSignals() {
	for s := range g.signals {
		g.mark(s)
		g.mu.Lock()
		g.passSignals()
		g.mu.Unlock()
	}
}

func (g *guardian) mark(s os.Signal) {
	if sig, ok := s.(syscall.Signal); ok {
		g.caught.Or(1 << uint(sig))
	}
}

// passSignals deals with the signals that are caught.
func (g *guardian) passSignals() {
	for set := g.caught.Swap(0); set != 0; set &= set - 1 {
		g.signalled(syscall.Signal(bits.TrailingZeros64(set)))
	}
}

// drainSignals deals with the signals that are on their way, too.
func (g *guardian) drainSignals() {
	for {
		select {
		case s := <-g.signals:
			g.mark(s)
			continue
		default:
		}
		break
	}
	g.passSignals()
}

// signalled notes the signal for the present manager, or the next one.
func (g *guardian) signalled(sig syscall.Signal) {
	switch {
	case sig == unix.SIGQUIT && g.pid1:
		return // survived, like the fatal ones
	case g.machine && (sig == unix.SIGTERM || sig == sigRTMin+3):
		// To re-execute, and to halt (systemd(1)): the manager knows.
		g.told.signals |= 1 << uint(sig)
	case sig == unix.SIGINT && g.pid1 && !g.cfg.Foreground:
		// Ctrl-Alt-Del on the console (reboot(2)): a job may wait for it.
		g.told.signals |= 1 << uint(sig)
	case sig == unix.SIGTERM, sig == unix.SIGINT, sig == unix.SIGQUIT, sig == sigRTMin+3,
		sig == unix.SIGHUP && g.cfg.Foreground: // the terminal is gone
		now := time.Now()
		if sig == unix.SIGINT && g.cfg.Foreground {
			if !g.asked.IsZero() && now.Sub(g.asked) < againWithin && !g.force {
				g.force = true
				time.AfterFunc(g.cfg.ForceWait, g.forceEnd)
			}
			g.asked = now
		}
		if !g.terminate {
			g.terminate, g.termSig = true, uint8(sig)
		}
	case isForwarded(sig):
		g.told.signals |= 1 << uint(sig)
	default:
		return // fatal ones, survived
	}
	g.poke(g.hurry)
	g.flush()
}

// forceEnd ends everything without the manager, which has had its time.
func (g *guardian) forceEnd() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.end == nil {
		g.end = &wire.End{Code: 128 + uint8(unix.SIGINT)}
	}
	g.killManager()
	g.poke(g.hurry)
}

func isForwarded(sig syscall.Signal) bool {
	for _, s := range forwarded {
		if s == os.Signal(sig) {
			return true
		}
	}
	return false
}
