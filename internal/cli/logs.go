// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
)

func logsCommand(a *app) *cobra.Command {
	c := &cobra.Command{
		Use: "logs UNIT...", Short: "Print what units have written",
		Args: atLeast(1, "the name of a unit"),
		RunE: func(_ *cobra.Command, args []string) error { return a.logs(args) },
	}
	a.linesFlag(c, 100, "the last `N` lines")
	c.Flags().BoolVarP(&a.opt.follow, "follow", "f", false, "go on with new lines until interrupted")
	return c
}

func (a *app) logs(args []string) error {
	conn, err := a.connect()
	if err != nil {
		return err
	}
	names, err := a.expand(args)
	if err != nil {
		return err
	}
	if a.opt.follow && len(names) != 1 {
		return fmt.Errorf("logs: --follow works for one unit at a time")
	}
	for _, name := range names {
		var follow *follower
		if a.opt.follow {
			// Opened first: what is written in between is then not lost.
			fd, err := conn.FollowLogs(name)
			if err != nil {
				return fmt.Errorf("cannot follow %s: %w", name, err)
			}
			if follow, err = newFollower(fd); err != nil {
				return err
			}
		}
		lines, err := conn.Logs(name, uint32(max(0, a.opt.lines)))
		if err != nil {
			return fmt.Errorf("cannot read what %s wrote: %w", name, err)
		}
		for _, l := range lines {
			if len(names) > 1 {
				a.printf("%s: ", name)
			}
			a.printf("%s\n", l)
		}
		if follow != nil {
			return follow.run(a)
		}
	}
	return nil
}

// follower reads a file that grows, and starts again where it was emptied.
type follower struct {
	file   int
	notify int
	pos    int64
}

// newFollower takes fd and goes to its end.
func newFollower(fd int) (*follower, error) {
	notify, err := unix.InotifyInit1(unix.IN_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("inotify_init1", err)
	}
	// The manager's files may be out of our reach by name.
	if _, err := unix.InotifyAddWatch(notify, fmt.Sprintf("/proc/self/fd/%d", fd), unix.IN_MODIFY); err != nil {
		return nil, os.NewSyscallError("inotify_add_watch", err)
	}
	end, err := unix.Seek(fd, 0, unix.SEEK_END)
	return &follower{fd, notify, end}, err
}

func (f *follower) run(a *app) error {
	buf, events := make([]byte, 32<<10), make([]byte, 4096)
	for {
		for {
			n, err := unix.Pread(f.file, buf, f.pos)
			if err != nil {
				return os.NewSyscallError("read", err)
			}
			if n == 0 {
				break
			}
			f.pos += int64(n)
			if _, err := a.out.Write(buf[:n]); err != nil {
				return nil //nolint:nilerr // nobody reads any more, which is how one stops
			}
		}
		if err := a.out.Flush(); err != nil {
			return nil //nolint:nilerr // as above
		}
		if _, err := unix.Read(f.notify, events); err != nil && err != unix.EINTR {
			return os.NewSyscallError("read", err)
		}
		var st unix.Stat_t
		if unix.Fstat(f.file, &st) == nil && st.Size < f.pos {
			f.pos = 0
		}
	}
}
