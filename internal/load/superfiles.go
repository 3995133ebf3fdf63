// SPDX-License-Identifier: Apache-2.0

package load

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/rouse-init/rouse/internal/diag"
	"github.com/rouse-init/rouse/internal/format/inetd"
	"github.com/rouse-init/rouse/internal/format/pair"
	"github.com/rouse-init/rouse/internal/format/xinetd"
)

// InetdOptions are the options of inetd(8) that concern its file.
type InetdOptions struct {
	Rate    uint32 `json:",omitempty"` // -R; 0: 256
	Backlog uint32 `json:",omitempty"` // -q; 0: the kernel's most
	// Inetd and Xinetd are files of Config.Paths that are read as inetd.conf
	// and as xinetd.conf, whatever they are called and whatever is in them.
	Inetd, Xinetd []string `json:",omitempty"`
}

// kindOf is what a file is by the options, or by itself where they do not say.
func (o *InetdOptions) kindOf(path string) superFile {
	switch {
	case slices.Contains(o.Inetd, path):
		return ofInetd
	case slices.Contains(o.Xinetd, path):
		return ofXinetd
	}
	return superKind(path)
}

// Readable tells why one of the files that have to be there cannot be read.
func (o *InetdOptions) Readable() error {
	for _, path := range slices.Concat(o.Inetd, o.Xinetd) {
		if err := syscall.Access(path, 4); err != nil { // R_OK
			return &fs.PathError{Op: "open", Path: path, Err: err}
		}
	}
	return nil
}

// superFile is the kind of a file of a super-server.
type superFile uint8

const (
	notSuper superFile = iota
	ofInetd
	ofXinetd
)

// superIndex is what the files of super-servers have told.
type superIndex struct {
	inetd, xinetd []string // files and directories, in their order
	pairs         []*pair.Pair
	read          []stamped
}

func (s *superIndex) add(kind superFile, path string) {
	if kind == ofXinetd {
		s.xinetd = append(s.xinetd, path)
	} else {
		s.inetd = append(s.inetd, path)
	}
}

// addDir looks for the usual names in a directory, which may be xinetd.d
// itself.
func (s *superIndex) addDir(dir string) {
	switch filepath.Base(dir) {
	case "xinetd.d":
		s.add(ofXinetd, dir)
		return
	case "inetd.d":
		s.add(ofInetd, dir)
		return
	}
	for _, name := range []string{"xinetd.conf", "xinetd.d", "inetd.conf", "inetd.d"} {
		path := filepath.Join(dir, name)
		s.read = append(s.read, stamped{path: path, stamp: stampOf(path)})
		if _, err := os.Stat(path); err == nil {
			kind := ofInetd
			if strings.HasPrefix(name, "x") {
				kind = ofXinetd
			}
			s.add(kind, path)
		}
	}
}

// superName tells a file by its name and place.
func superName(path string) superFile {
	dir, name := filepath.Split(path)
	switch filepath.Base(dir) {
	case "xinetd.d":
		return ofXinetd
	case "inetd.d":
		return ofInetd
	}
	switch {
	case strings.HasSuffix(name, "xinetd.conf"):
		return ofXinetd
	case strings.HasSuffix(name, "inetd.conf"):
		return ofInetd
	}
	return notSuper
}

// superKind tells a file that was given by itself, by what is in it where its
// name does not.
func superKind(path string) superFile {
	if k := superName(path); k != notSuper {
		return k
	}
	if !strings.HasSuffix(path, confSuffix) {
		return notSuper
	}
	text, _, err := readFile(path)
	if err != nil {
		return notSuper
	}
	return looksLikeSuper(text)
}

// looksLikeSuper judges by the first line that can be told: a section of
// xinetd, or a service with the type of its socket. A line with a mistake in it
// is passed over, so that it does not cost the whole file; a stanza of a job
// ends the search, since anything may stand in a script.
func looksLikeSuper(text []byte) superFile {
	for line := range strings.Lines(string(text)) {
		w := strings.Fields(line)
		switch {
		case len(w) == 0 || w[0][0] == '#':
		case w[0] == "service" && (len(w) == 2 || len(w) == 3 && w[2] == "{"), w[0] == "defaults", w[0] == "includedir":
			return ofXinetd
		case len(w) >= 3 && (w[0] == "socket_type" || w[0] == "server" || w[0] == "only_from") && w[1] == "=":
			return ofXinetd
		case len(w) >= 4 && slices.Contains([]string{"stream", "dgram", "seqpacket"}, w[1]) && strings.HasSuffix(strings.TrimRight(w[3], ".:/0123456789"), "wait"):
			return ofInetd
		case jobLine(w), w[0][0] == '[':
			return notSuper
		}
	}
	return notSuper
}

// IsSuper tells the files of inetd and xinetd from those that hold one unit.
func IsSuper(path string) bool { return superKind(path) != notSuper }

// addSupers reads all of it and adds the units to the index: those of xinetd
// before those of inetd, and both after those of all other formats.
func (x *index) addSupers(c Config) {
	s := &x.super
	if len(s.xinetd)+len(s.inetd) == 0 {
		return
	}
	db := &netDB{root: x.root}
	user := c.Scope != System
	program := programOf(c)
	if len(s.xinetd) > 0 {
		pairs, list := xinetd.Parse(s.xinetd, xinetd.Options{
			User: user, NoIPv6: x.noIPv6(), Program: program, Port: db.port, Addrs: db.addrs, Read: x.superRead, List: x.superList,
		})
		x.diags = append(x.diags, list...)
		permit(pairs, c)
		x.addPairs(pairs)
	}
	opt := inetd.Options{
		User: user, NoIPv6: x.noIPv6(), Program: program, Port: db.port, Addrs: db.addrs,
		Rate: c.InetdOptions.Rate, Backlog: c.InetdOptions.Backlog,
	}
	for _, path := range x.inetdFiles() {
		text, err := x.superRead(path)
		if err != nil {
			x.diags.Add(diag.Diagnostic{
				Pos: diag.Pos{File: path}, Severity: diag.Error, Code: codeRead, Msg: fmt.Sprintf("cannot read the file: %s", reason(err)),
			})
			continue
		}
		pairs, list := inetd.Parse(path, text, opt)
		x.diags = append(x.diags, list...)
		permit(pairs, c)
		x.addPairs(pairs)
	}
}

// permit refuses services of other users where the manager is not root: inetd
// says so at its start, and no client should have to find out.
func permit(pairs []*pair.Pair, c Config) {
	f := c.Options.Facts
	if f == nil || f.UID == "" || f.UID == "0" {
		return
	}
	user, group := f.User, f.Group
	if user == "root" { // who has no name is called so
		user = f.UID
	}
	if group == "root" {
		group = f.GID
	}
	for _, p := range pairs {
		x := &p.Exec
		var key, is, instead string
		switch {
		case p.OneProcess: // served by rouse itself, as whoever it is
			x.User, x.Group = "", ""
			continue
		case x.User != "" && x.User != user && x.User != f.UID:
			key, is, instead = "User", "user "+x.User, user
		case x.Group != "" && x.Group != group && x.Group != f.GID:
			key, is, instead = "Group", "group "+x.Group, group
		default:
			x.Group = "" // that of the manager, which cannot set it
			continue
		}
		at := p.Pos
		for _, w := range x.Where {
			if w.Directive == key {
				at = w.Pos
			}
		}
		p.Add(diag.Error, codeAccount, at, fmt.Sprintf("cannot serve as %s: the manager is %s, and only root can become somebody else", is, user),
			"run rouse as root, or write "+instead)
	}
}

// programOf is the path of rouse.
func programOf(c Config) string {
	if c.Program != "" {
		return c.Program
	}
	program, _ := os.Executable() // as good as the name alone, which exec looks for
	return strings.TrimSuffix(program, " (deleted)")
}

// inetdFiles are the files of inetd, those of directories included.
func (x *index) inetdFiles() (out []string) {
	for _, path := range x.super.inetd {
		names, err := x.superList(path)
		if err != nil { // a file
			out = append(out, path)
			continue
		}
		for _, n := range names {
			if !ignoredName(n) {
				out = append(out, filepath.Join(path, n))
			}
		}
	}
	return out
}

// noIPv6 tells whether the kernel has no IPv6 (or has it switched off). Of
// another root nobody knows.
func (x *index) noIPv6() bool {
	_, err := os.Stat("/proc/net/if_inet6")
	return errors.Is(err, fs.ErrNotExist) && x.root == ""
}

func (x *index) superRead(path string) ([]byte, error) {
	text, st, err := readFile(path)
	if err != nil {
		st = stampOf(path)
	}
	x.super.read = append(x.super.read, stamped{path: path, stamp: st})
	return text, err
}

// superList lists the regular files of a directory, and links, sorted.
func (x *index) superList(dir string) ([]string, error) {
	list, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	x.super.read = append(x.super.read, stamped{path: dir, stamp: stampOf(dir)})
	var out []string
	for _, e := range list {
		if !e.IsDir() {
			out = append(out, e.Name())
		}
	}
	return out, nil
}

// addPairs adds pairs unless one of their names is there already.
func (x *index) addPairs(pairs []*pair.Pair) {
	for _, p := range pairs {
		names := []string{p.SocketName(), p.ServiceName()}
		by := x.names[names[0]]
		if by == nil {
			by = x.names[names[1]]
		}
		if by != nil {
			x.diags.Add(diag.Diagnostic{
				Pos: p.Pos, Severity: diag.Note, Code: codeShadowed, Unit: names[0],
				Msg: fmt.Sprintf("cannot load the service: %s defines %s already, ignoring", by.path, names[0]),
			})
			continue
		}
		for _, n := range names {
			x.names[n] = &entry{kind: entryFile, path: p.File, source: readSource{maker: p, what: "a service of " + p.File}}
		}
		x.super.pairs = append(x.super.pairs, p)
	}
}
