// SPDX-License-Identifier: Apache-2.0

package socket

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/rouse-init/rouse/internal/diag"
	"github.com/rouse-init/rouse/internal/linux/sockdiag"
	"github.com/rouse-init/rouse/internal/unit"
)

// bindPath binds to a path of the file system. The node never has more
// permissions than SocketMode=, not even for a moment, and the umask of the
// process is left alone (it is shared by all threads): the node takes its
// mode from the socket's inode, so that is set before bind.
func (op *opening) bindPath(fd int, a Address, sa unix.Sockaddr) error {
	if err := op.makeParents(a.Path); err != nil {
		return err
	}
	if err := unix.Fchmod(fd, op.s.Mode&0o777); err != nil {
		return fmt.Errorf("SocketMode=: %w", err)
	}
	err := unix.Bind(fd, sa)
	if errors.Is(err, unix.EADDRINUSE) {
		if err := RemoveDead(a.Path, a.Type); err != nil {
			return err
		}
		err = unix.Bind(fd, sa)
	}
	if err != nil {
		return err
	}
	// Nobody can connect before listen(), but datagrams could come: the
	// node is narrower than asked for until here, never wider.
	return op.own(a.Path, unix.S_IFSOCK)
}

// RemoveDead unlinks the node of a unix socket that nobody listens on any
// more. A live one (EADDRINUSE alone), or another kind of file, is left and said.
func RemoveDead(path string, typ int) error {
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		return fmt.Errorf("%w, and its node cannot be looked at: %w", unix.EADDRINUSE, err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFSOCK {
		return fixableError{fmt.Errorf("%w: a %s is in the way", unix.EADDRINUSE, kindOfFile(st.Mode)), "remove it"}
	}
	if sockdiag.UnixAlive(path) || answers(path, typ) {
		return unix.EADDRINUSE
	}
	if err := unix.Unlink(path); err != nil {
		return fmt.Errorf("%w: a dead socket is in the way and cannot be removed: %w", unix.EADDRINUSE, err)
	}
	return nil
}

// answers connects, for listeners of other network namespaces that
// sock_diag does not show: only a dead node refuses.
func answers(path string, typ int) bool {
	fd, err := unix.Socket(unix.AF_UNIX, typ|openFlags, 0)
	if err != nil {
		return true
	}
	defer unix.Close(fd)
	return !errors.Is(unix.Connect(fd, &unix.SockaddrUnix{Name: path}), unix.ECONNREFUSED)
}

// makeParents makes missing directories with DirectoryMode=, whatever the
// umask is.
func (op *opening) makeParents(path string) error {
	dir := filepath.Dir(path)
	for i := 1; i <= len(dir); i++ {
		if i < len(dir) && dir[i] != '/' {
			continue
		}
		err := unix.Mkdir(dir[:i], op.s.DirMode)
		if err == nil {
			err = unix.Chmod(dir[:i], op.s.DirMode)
		} else if isThere(dir[:i]) {
			err = nil
		}
		if err != nil {
			return fmt.Errorf("cannot make %s: %w", dir[:i], err)
		}
	}
	return nil
}

func isThere(dir string) bool {
	st, err := os.Stat(dir)
	return err == nil && st.IsDir()
}

// own gives a node that was just made its owner and its mode, by a
// descriptor, so that whoever may write the directory cannot slip another
// file in between.
func (op *opening) own(path string, kind uint32) error {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("cannot look at the new node: %w", err)
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil || st.Mode&unix.S_IFMT != kind {
		return errors.New("the new node was replaced by somebody else")
	}
	if op.owner != NoOwner {
		if err := unix.Fchownat(fd, "", op.owner.UID, op.owner.GID, unix.AT_EMPTY_PATH); err != nil {
			return fmt.Errorf("cannot give the node to SocketUser= and SocketGroup=: %w", err)
		}
	}
	if st.Mode&0o7777 == op.s.Mode {
		return nil
	}
	// There is no fchmod(2) for such a descriptor before Linux 6.6.
	if err := unix.Chmod("/proc/self/fd/"+strconv.Itoa(fd), op.s.Mode); err != nil {
		return fmt.Errorf("SocketMode=: %w", err)
	}
	return nil
}

// nodes are the paths that s makes, in order.
func nodes(s *unit.Socket) []string {
	var out []string
	for _, l := range s.Listens {
		switch l.Kind {
		case unit.ListenStream, unit.ListenDatagram, unit.ListenSeqpacket, unit.ListenFIFO:
			if strings.HasPrefix(l.Address, "/") {
				out = append(out, l.Address)
			}
		case unit.ListenSpecial, unit.ListenNetlink, unit.ListenMessageQueue, unit.ListenUSBFunction:
		}
	}
	return out
}

// Link makes the symbolic links of Symlinks=, as Open does at its end: for
// those who open line by line. What fails is noted and costs the link only.
func Link(s *unit.Socket, notes *diag.List) {
	paths := nodes(s)
	if len(s.Symlinks) == 0 {
		return
	}
	if len(paths) != 1 {
		notes.Add(diag.Diagnostic{
			Pos: s.Pos, Severity: diag.Warning,
			Msg: fmt.Sprintf("cannot make symbolic links: one path is needed and %d are listened on, ignoring Symlinks=", len(paths)),
		})
		return
	}
	for _, l := range s.Symlinks {
		if err := makeLink(paths[0], l); err != nil {
			notes.Add(diag.Diagnostic{
				Pos: s.Pos, Severity: diag.Warning,
				Msg: fmt.Sprintf("cannot make the symbolic link %s: %v, ignoring", l, err),
			})
		}
	}
}

// makeLink makes a link where nothing is yet. What is in the way stays: it
// may be somebody's work.
func makeLink(target, path string) error {
	if old, err := os.Readlink(path); err == nil {
		if old == target {
			return nil
		}
		return fmt.Errorf("it leads to %s already", old)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.Symlink(target, path)
}

func kindOfFile(mode uint32) string {
	switch mode & unix.S_IFMT {
	case unix.S_IFREG:
		return "regular file"
	case unix.S_IFDIR:
		return "directory"
	case unix.S_IFLNK:
		return "symbolic link"
	case unix.S_IFIFO:
		return "FIFO"
	case unix.S_IFCHR, unix.S_IFBLK:
		return "device"
	}
	return "socket"
}
