// SPDX-License-Identifier: Apache-2.0

package initctl

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// A manager of a user's session leaves a file by which others find it:
// $XDG_RUNTIME_DIR/upstart/sessions/PID.session with one line,
// UPSTART_SESSION=ADDRESS.

// maxSession is the most bytes of such a file that are read.
const maxSession = 4096

// sessionDir is where the files are; "" without XDG_RUNTIME_DIR.
func sessionDir(getenv func(string) string) string {
	base := getenv("XDG_RUNTIME_DIR")
	if !filepath.IsAbs(base) {
		return ""
	}
	return filepath.Join(base, "upstart", "sessions")
}

// WriteSession writes the file of process pid, whose manager listens at the
// socket. Without XDG_RUNTIME_DIR it does nothing.
func WriteSession(getenv func(string) string, pid int, socket string) error {
	dir := sessionDir(getenv)
	if dir == "" {
		return nil
	}
	err := os.MkdirAll(dir, 0o700)
	if err == nil {
		// A new name first: nobody reads half a file.
		path := filepath.Join(dir, strconv.Itoa(pid)+".session")
		if err = os.WriteFile(path+"~", []byte("UPSTART_SESSION="+SessionAddress(socket)+"\n"), 0o600); err == nil {
			err = os.Rename(path+"~", path)
		}
	}
	if err != nil {
		return fmt.Errorf("cannot tell of this session: %w", err)
	}
	return nil
}

// RemoveSession removes the file of process pid, if there is one.
func RemoveSession(getenv func(string) string, pid int) {
	if dir := sessionDir(getenv); dir != "" {
		_ = os.Remove(filepath.Join(dir, strconv.Itoa(pid)+".session"))
	}
}

// SessionAddress is the D-Bus address of a socket.
func SessionAddress(socket string) string {
	const plain = "-_/.*" // and letters and digits, by the specification
	var b strings.Builder
	b.WriteString("unix:path=")
	for i := range len(socket) {
		c := socket[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte(plain, c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02x", c)
		}
	}
	return b.String()
}

// session is one session file.
type session struct {
	path    string
	pid     int
	address string
}

// sessions reads all session files of a directory, by pid.
func sessions(dir string) ([]session, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var list []session
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), ".session")
		pid, err := strconv.Atoi(name)
		if !ok || err != nil || pid <= 0 {
			continue
		}
		path := filepath.Join(dir, e.Name())
		if address, ok := readSession(path); ok {
			list = append(list, session{path, pid, address})
		}
	}
	slices.SortFunc(list, func(a, b session) int { return cmp.Compare(a.pid, b.pid) })
	return list, nil
}

func readSession(path string) (address string, ok bool) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return "", false
	}
	defer unix.Close(fd)
	buf := make([]byte, maxSession)
	n, err := unix.Read(fd, buf)
	if err != nil {
		return "", false
	}
	line, _, _ := strings.Cut(string(buf[:n]), "\n")
	return strings.CutPrefix(line, "UPSTART_SESSION=")
}

func listSessionsCmd(r *run, _ []string) error {
	dir := sessionDir(r.getenv)
	if dir == "" {
		return errors.New("Unable to query session directory\n    fix: set XDG_RUNTIME_DIR") //nolint:staticcheck // Upstart's words
	}
	list, err := sessions(dir)
	if err != nil {
		return fmt.Errorf("unable to determine sessions: %w", err)
	}
	for _, s := range list {
		if errors.Is(unix.Kill(s.pid, 0), unix.ESRCH) {
			if r.verbose {
				r.printf("Ignoring stale session file: %s\n", s.path)
			}
			continue
		}
		r.printf("%d %s\n", s.pid, s.address)
	}
	return nil
}
