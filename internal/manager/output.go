// SPDX-License-Identifier: Apache-2.0

package manager

import (
	"bytes"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// The bounds of a unit's output file. What lies before the last keep bytes
// is punched out once that much more has come: the file keeps its offsets,
// so that services, which append, and readers need not know.
const (
	outputKeep = 256 << 10
	outputMax  = 1 << 20
)

// output is what services print: one file per unit, which the service itself
// appends to. Nothing stands between them, so that neither side waits, and
// nothing is lost while there is no manager.
type output struct {
	dir     string
	inotify int
	print   io.Writer // nil: nobody looks
	color   bool
	width   int
	read    map[string]int64  // how far each file has been printed; it has all files
	partial map[string][]byte // lines without their end yet
	buf     []byte
}

func openOutput(dir string, print io.Writer, color bool) (*output, error) {
	if err := os.MkdirAll(filepath.Join(dir, "printed"), 0o755); err != nil {
		return nil, err
	}
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("cannot watch for output: %w", err)
	}
	if _, err := unix.InotifyAddWatch(fd, dir, unix.IN_MODIFY|unix.IN_ONLYDIR); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("cannot watch for output in %s: %w", dir, err)
	}
	o := &output{
		dir: dir, inotify: fd, print: print, color: color, read: make(map[string]int64),
		partial: make(map[string][]byte), buf: make([]byte, 64<<10),
	}
	files, err := os.ReadDir(dir) // our predecessor's
	for _, f := range files {
		if unit, ok := strings.CutSuffix(f.Name(), ".log"); ok {
			o.read[unit] = o.printed(unit)
		}
	}
	return o, err
}

// printed is how far our predecessor has printed the file of a unit.
func (o *output) printed(unit string) int64 {
	b, err := os.ReadFile(o.marker(unit))
	if err != nil {
		return 0
	}
	pos, err := strconv.ParseInt(string(b), 10, 64)
	if err != nil {
		return 0
	}
	return max(0, pos)
}

// note leaves word of how far a file is printed, for a manager that comes after
// us. What is printed and not noted yet is printed twice then.
func (o *output) note(unit string, pos int64) {
	if o.print == nil {
		return
	}
	_ = os.WriteFile(o.marker(unit), strconv.AppendInt(nil, pos, 10), 0o600) // at worst lines come twice
}

// marker is beside the files and not among them, so that inotify does not tell
// of it.
func (o *output) marker(unit string) string { return filepath.Join(o.dir, "printed", unit) }

// opened says that a unit has a file from now on.
func (o *output) opened(unit string) {
	if _, ok := o.read[unit]; !ok {
		o.read[unit] = 0
	}
}

// path is the file of a unit's output.
func (o *output) path(unit string) string {
	return filepath.Join(o.dir, unit+".log")
}

// noticesAtOnce bounds how many buffers of notices are read before what they
// tell of is printed: services may write faster than they can be read.
const noticesAtOnce = 16

// changed reads the notices of the kernel and then prints what has come: a
// notice that is read after its file was would be lost.
func (o *output) changed() {
	var buf [4096]byte
	var units []string
	seen := make(map[string]bool)
	for range noticesAtOnce {
		n, err := unix.Read(o.inotify, buf[:])
		if n <= 0 || err != nil {
			break
		}
		for off := 0; off+unix.SizeofInotifyEvent <= n; {
			size := int(uint32(buf[off+12]) | uint32(buf[off+13])<<8)
			name := unix.ByteSliceToString(buf[off+unix.SizeofInotifyEvent : off+unix.SizeofInotifyEvent+size])
			off += unix.SizeofInotifyEvent + size
			if name == "" || seen[name] {
				continue
			}
			seen[name] = true
			if unit, ok := strings.CutSuffix(name, ".log"); ok {
				units = append(units, unit)
			}
		}
	}
	for _, unit := range units {
		o.follow(unit)
	}
}

// follow prints the new lines of one unit and keeps its file in bounds.
func (o *output) follow(unit string) {
	f, err := os.OpenFile(o.path(unit), os.O_RDWR, 0)
	if err != nil {
		return // removed since
	}
	defer f.Close()
	pos := o.read[unit]
	for {
		n, err := f.ReadAt(o.buf, pos)
		pos += int64(n)
		o.lines(unit, o.buf[:n])
		if n == 0 || err != nil && !errors.Is(err, io.EOF) {
			break
		}
		if errors.Is(err, io.EOF) {
			break
		}
	}
	if pos != o.read[unit] {
		o.read[unit] = pos
		o.note(unit, pos)
	}
	o.trim(f)
}

// trim gives back the blocks of what nobody will ask for again.
func (o *output) trim(f *os.File) {
	var st unix.Stat_t
	if unix.Fstat(int(f.Fd()), &st) != nil || st.Blocks*512 < outputMax || st.Size < outputKeep {
		return
	}
	// A file system that cannot do it keeps the whole file; nothing breaks.
	_ = unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, 0, st.Size-outputKeep)
}

func (o *output) lines(unit string, b []byte) {
	if o.print == nil || len(b) == 0 {
		return
	}
	b = append(o.partial[unit], b...)
	delete(o.partial, unit)
	var out bytes.Buffer
	for {
		i := bytes.IndexByte(b, '\n')
		if i < 0 && len(b) < outputLine {
			break
		}
		if i < 0 {
			i = outputLine - 1
		}
		o.prefix(&out, unit)
		out.Write(bytes.TrimRight(b[:i], "\r"))
		out.WriteByte('\n')
		b = b[min(i+1, len(b)):]
	}
	if len(b) > 0 {
		o.partial[unit] = bytes.Clone(b)
	}
	// A terminal that is gone is no reason to stop the services.
	_, _ = o.print.Write(out.Bytes())
}

// outputLine is the longest line that is waited for.
const outputLine = 16 << 10

// forget closes the books on a unit: what is left is printed, and an unfinished
// last line.
func (o *output) forget(unit string) {
	if _, ok := o.read[unit]; ok {
		o.follow(unit)
	}
	if b := o.partial[unit]; len(b) > 0 {
		o.lines(unit, []byte{'\n'})
	}
	delete(o.partial, unit)
}

// remove drops the output of a unit that will never be heard of again.
func (o *output) remove(unit string) {
	if _, ok := o.read[unit]; !ok {
		return // it has no file
	}
	o.follow(unit)
	o.forget(unit)
	delete(o.read, unit)
	_ = unix.Unlink(o.path(unit))
	_ = unix.Unlink(o.marker(unit))
}

// prefix writes "web       | ", in a color that is the unit's own.
func (o *output) prefix(w *bytes.Buffer, unit string) {
	name := strings.TrimSuffix(unit, ".service")
	o.width = min(max(o.width, len(name)), 24)
	if !o.color {
		fmt.Fprintf(w, "%-*s | ", o.width, name)
		return
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(name))
	colors := [...]int{36, 33, 32, 35, 34, 96, 93, 92, 95, 94}
	fmt.Fprintf(w, "\x1b[%dm%-*s |\x1b[0m ", colors[h.Sum32()%uint32(len(colors))], o.width, name)
}

// tail returns the last n lines of a unit's output.
func (o *output) tail(unit string, n int) []string { return tailOf(o.path(unit), n) }

// tailOf returns the last lines of a file, at most n.
func tailOf(path string, n int) []string {
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return nil
	}
	from := max(0, size-outputKeep)
	b := make([]byte, size-from)
	m, err := f.ReadAt(b, from)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil
	}
	b = bytes.TrimLeft(b[:m], "\x00")
	lines := strings.Split(strings.TrimSuffix(string(b), "\n"), "\n")
	if len(b) == 0 {
		return nil
	}
	return lines[max(0, len(lines)-n):]
}
