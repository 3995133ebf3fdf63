// SPDX-License-Identifier: Apache-2.0

package launchctl

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/rouse-init/rouse/internal/format/launchd/plist"
	"github.com/rouse-init/rouse/internal/load"
)

// disabled is what was said of the jobs of a directory, as load reads it.
func (r *run) disabled(dir string) func(string) (off, said bool) {
	var words []map[string]bool
	dirs, runtime := r.dirs()
	if runtime != "" && slices.Contains(dirs, dir) {
		words = append(words, readDisabled(runtime))
	}
	words = append(words, readDisabled(dir))
	return func(label string) (off, said bool) {
		for _, w := range words {
			if off, said = w[label]; said {
				return off, true
			}
		}
		return false, false
	}
}

func readDisabled(dir string) map[string]bool {
	path := filepath.Join(dir, load.DisabledFile)
	text, err := readFile(path)
	if err != nil {
		return map[string]bool{}
	}
	return load.Disabled(path, text)
}

// setDisabled writes down what is said of a job; off and not said takes a
// word back. The file is replaced as a whole, so that a reader sees the old or
// the new one.
func setDisabled(dir, label string, off, said bool) error {
	words := readDisabled(dir)
	if old, was := words[label]; was == said && (!said || old == off) {
		return nil
	}
	if words[label] = off; !said {
		delete(words, label)
	}
	v := &plist.Value{Kind: plist.Dict}
	for _, l := range slices.Sorted(maps.Keys(words)) {
		v.Entries = append(v.Entries, plist.Entry{Key: l, Value: &plist.Value{Kind: plist.Bool, Bool: words[l]}})
	}
	path := filepath.Join(dir, load.DisabledFile)
	if len(words) == 0 {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	return replace(path, plist.XML(v))
}

// replace writes a file beside its place and puts it there.
func replace(path, text string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".launchctl-*")
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if err == nil {
		err = f.Chmod(0o644)
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}
