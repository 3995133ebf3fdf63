// SPDX-License-Identifier: Apache-2.0

package load

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
)

// Root is a directory that is taken for "/": symbolic links, absolute ones
// too, are followed inside it, so that a tree of another machine means what
// it means there. The empty Root is this machine's.
type Root string

// maxLinks is the kernel's limit on symbolic links in one path (MAXSYMLINKS).
const maxLinks = 40

var errLoop = errors.New("too many symbolic links")

// Host returns where the path p of the root is found on this machine, without
// following any link.
func (r Root) Host(p string) string {
	if r == "" {
		return p
	}
	return filepath.Join(string(r), p)
}

// Inside is the inverse of Host.
func (r Root) Inside(host string) string {
	if r == "" {
		return host
	}
	if p, ok := strings.CutPrefix(host, string(r)); ok && (p == "" || p[0] == '/') {
		return "/" + strings.TrimPrefix(p, "/")
	}
	return host
}

// Resolve follows all symbolic links of the path p and returns the path
// inside the root that has none. What does not exist is kept as written, so
// the result may name nothing.
func (r Root) Resolve(p string) (string, error) {
	done, rest := "/", strings.TrimPrefix(filepath.Clean("/"+p), "/")
	for links := 0; rest != ""; {
		name, tail, _ := strings.Cut(rest, "/")
		rest = tail
		switch name {
		case "", ".":
			continue
		case "..":
			done = filepath.Dir(done)
			continue
		}
		next := filepath.Join(done, name)
		target, err := os.Readlink(r.Host(next))
		if err != nil { // no link, or nothing there
			done = next
			continue
		}
		if links++; links > maxLinks {
			return "", &os.PathError{Op: "resolve", Path: p, Err: errLoop}
		}
		if filepath.IsAbs(target) {
			done = "/"
		}
		rest = strings.TrimPrefix(target, "/") + "/" + rest
		rest = strings.TrimSuffix(rest, "/")
	}
	return done, nil
}

// Target returns the path inside the root that the symbolic link at p points
// to, following this one link only.
func (r Root) Target(p string) (string, error) {
	t, err := os.Readlink(r.Host(p))
	if err != nil {
		return "", err
	}
	if !filepath.IsAbs(t) {
		t = filepath.Join(filepath.Dir(p), t)
	}
	return filepath.Clean(t), nil
}
