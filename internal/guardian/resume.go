// SPDX-License-Identifier: Apache-2.0

package guardian

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/rouse-init/rouse/internal/guardian/wire"
)

// resumeEnv names the descriptor of the state that a guardian leaves to
// itself when it executes a new program: text, one fact per line. Words that
// are not known are passed over.
const resumeEnv = "ROUSE_GUARDIAN_STATE"

// Resuming tells whether this process is a guardian that goes on after it
// has executed a new program: then Run takes Argv and Env from before, and
// whatever was prepared for them is still there.
func Resuming() bool { return os.Getenv(resumeEnv) != "" }

// reexec replaces the guardian's program by g.exe, with the manager and all
// else running on. It returns only if that fails. The lock is held, so that
// the reaper reaps nothing meanwhile; exec runs on the main thread, whose
// children keep their parent that way.
//
// A signal that another thread catches in the some 100 µs between
// drainSignals and the kernel's end of that thread is lost: Go cannot block
// signals in all threads.
func (g *guardian) reexec() error {
	state, err := unix.MemfdCreate("rouse-guardian", unix.MFD_CLOEXEC)
	if err != nil {
		return fmt.Errorf("memfd_create: %w", err)
	}
	defer func() { _ = unix.Close(state) }()
	fds := append(g.inheritable(), state)
	for _, fd := range fds {
		_, _ = unix.FcntlInt(uintptr(fd), unix.F_SETFD, 0) // fails on bad descriptors only
	}
	defer func() {
		for _, fd := range fds {
			unix.CloseOnExec(fd)
		}
	}()
	var text bytes.Buffer
	g.save(&text)
	select {
	case e := <-g.died:
		// The manager has ended right after its Ready, and is reaped: nobody
		// would tell the next program of it.
		fact(&text, "died", e.Pid, e.Code, e.Status)
		defer func() { g.died <- e }()
	default:
	}
	path := "/proc/self/fd/" + strconv.Itoa(g.exe)
	env := slices.DeleteFunc(os.Environ(), func(e string) bool { return strings.HasPrefix(e, resumeEnv+"=") })
	env = append(env, resumeEnv+"="+strconv.Itoa(state))
	old := blockSignals()
	defer func() { _ = unix.PthreadSigmask(unix.SIG_SETMASK, &old, nil) }() // cannot fail
	g.drainSignals()
	g.saveSignals(&text)
	for at := 0; at < text.Len(); {
		n, err := unix.Pwrite(state, text.Bytes()[at:], int64(at))
		if err != nil {
			return fmt.Errorf("write: %w", err)
		}
		at += n
	}
	return fmt.Errorf("exec: %w", unix.Exec(path, os.Args, env))
}

// inheritable are the descriptors that the next program needs.
func (g *guardian) inheritable() []int {
	fds := []int{g.exe, g.sock}
	for i := range g.store.entries {
		for _, fd := range g.store.entries[i].fds {
			fds = append(fds, int(fd))
		}
	}
	return fds
}

// fact writes one line of the state.
func fact(b *bytes.Buffer, word string, args ...any) {
	b.WriteString(word)
	for _, a := range args {
		if s, ok := a.(string); ok {
			a = strconv.Quote(s)
		}
		fmt.Fprintf(b, " %v", a)
	}
	b.WriteByte('\n')
}

// saveSignals writes down what signals change.
func (g *guardian) saveSignals(b *bytes.Buffer) {
	fact(b, "asked", g.terminate, g.force, g.termSig)
	fact(b, "told", g.told.exit, g.told.term, g.told.force, g.told.signals)
}

// save writes down everything else.
func (g *guardian) save(b *bytes.Buffer) {
	fact(b, "exe", g.exe)
	fact(b, "manager", g.manager, g.sock)
	fact(b, "count", g.restarts, g.exits.lost)
	fact(b, "base", g.base)
	for _, a := range g.cfg.Argv {
		fact(b, "arg", a)
	}
	for _, e := range g.cfg.Env {
		fact(b, "env", e)
	}
	for i := range g.store.entries {
		if e := &g.store.entries[i]; len(e.fds) > 0 {
			args := []any{e.key}
			for _, fd := range e.fds {
				args = append(args, fd)
			}
			fact(b, "store", args...)
		}
	}
	for pid := range g.traps.asked {
		fact(b, "trap", pid)
	}
	for _, s := range g.traps.stops[g.told.stops:] {
		fact(b, "trap", s.pid) // it is looked at again
	}
	fact(b, "first", g.exits.first)
	for s := g.exits.first; s < g.exits.next(); s++ {
		e := g.exits.at(s)
		fact(b, "exit", e.Pid, e.Uid, e.Code, e.Status, e.UserUS, e.SystemUS, e.MaxRSS)
	}
}

// resume reads back what save wrote; false: this is a new guardian.
func (g *guardian) resume() (bool, error) {
	v := os.Getenv(resumeEnv)
	if v == "" {
		return false, nil
	}
	_ = os.Unsetenv(resumeEnv)
	fd, err := strconv.Atoi(v)
	if err != nil {
		return false, fmt.Errorf("%s=%q: %w", resumeEnv, v, err)
	}
	f := os.NewFile(uintptr(fd), "state")
	defer func() { _ = f.Close() }()
	g.cfg.Argv, g.cfg.Env = nil, nil
	g.ready, g.anyReady, g.told.started = true, true, true
	lines := bufio.NewReader(io.NewSectionReader(f, 0, 1<<40))
	for {
		l, err := lines.ReadString('\n')
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return false, fmt.Errorf("state: %w", err)
		}
		g.resumeLine(strings.TrimSuffix(l, "\n"))
	}
	g.told.exit = min(max(g.told.exit, g.exits.first), g.exits.next())
	for _, fd := range g.inheritable() {
		unix.CloseOnExec(fd)
	}
	return true, nil
}

func (g *guardian) resumeLine(l string) {
	word, rest, _ := strings.Cut(l, " ")
	var text string
	if q, err := strconv.QuotedPrefix(rest); err == nil {
		text, _ = strconv.Unquote(q)
		rest = rest[len(q):]
	}
	var fd int
	scan := func(args ...any) { _, _ = fmt.Sscan(rest, args...) } // what is missing stays zero
	switch word {
	case "exe":
		scan(&g.exe)
	case "manager":
		scan(&g.manager, &g.sock)
	case "died":
		var e wire.Exit
		scan(&e.Pid, &e.Code, &e.Status)
		g.died <- e
	case "count":
		scan(&g.restarts, &g.exits.lost)
	case "asked":
		scan(&g.terminate, &g.force, &g.termSig)
	case "told":
		scan(&g.told.exit, &g.told.term, &g.told.force, &g.told.signals)
	case "base":
		g.base = text
	case "arg":
		g.cfg.Argv = append(g.cfg.Argv, text)
	case "env":
		g.cfg.Env = append(g.cfg.Env, text)
	case "store":
		var fds []int
		for w := range strings.FieldsSeq(rest) {
			if fd, _ = strconv.Atoi(w); fd > 0 {
				fds = append(fds, fd)
			}
		}
		g.store.put(text, fds)
	case "trap":
		var pid int32
		scan(&pid)
		g.traps.add(pid)
	case "first":
		scan(&g.exits.first)
	case "exit":
		var e wire.Exit
		scan(&e.Pid, &e.Uid, &e.Code, &e.Status, &e.UserUS, &e.SystemUS, &e.MaxRSS)
		g.exits.push(&e)
	}
}
