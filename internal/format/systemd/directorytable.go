// SPDX-License-Identifier: Apache-2.0

package systemd

import (
	"errors"
	"slices"
	"strings"

	"github.com/rouse-init/rouse/internal/unit"
)

func directoryTable() []Directive {
	dir := func(k unit.DirKind) value {
		return value{"list of relative paths", func(b *build, v string) error { return b.directories(k, v) }}
	}
	dirMode := func(k unit.DirKind) value { return mode(func(b *build) *uint32 { return &b.dirMode[k] }) }
	return execEntries([]Directive{
		key(inExec, "RuntimeDirectory", dir(unit.RuntimeDir)),
		key(inExec, "RuntimeDirectoryMode", dirMode(unit.RuntimeDir)),
		key(inExec, "RuntimeDirectoryPreserve", value{"boolean or restart", func(b *build, v string) error {
			return setPreserve(&b.dirKeep, v)
		}}),
		key(inExec, "StateDirectory", dir(unit.StateDir)),
		key(inExec, "StateDirectoryMode", dirMode(unit.StateDir)),
		key(inExec, "CacheDirectory", dir(unit.CacheDir)),
		key(inExec, "CacheDirectoryMode", dirMode(unit.CacheDir)),
		key(inExec, "LogsDirectory", dir(unit.LogsDir)),
		key(inExec, "LogsDirectoryMode", dirMode(unit.LogsDir)),
		key(inExec, "ConfigurationDirectory", dir(unit.ConfigurationDir)),
		key(inExec, "ConfigurationDirectoryMode", dirMode(unit.ConfigurationDir)),
		notYet(inExec, "TimeoutCleanSec", isSpan, "there is no `clean` yet"),
	})
}

var (
	errRelative = errors.New(`expected a path below the directory of its kind, without ".."`)
	errPrivate  = errors.New(`"private" is kept for services with DynamicUser=`)
)

// directories reads words of the form path[:symlink[:flags]].
func (b *build) directories(k unit.DirKind, v string) error {
	if v == "" {
		b.exec.Dirs = slices.DeleteFunc(b.exec.Dirs, func(d unit.ManagedDir) bool { return d.Kind == k })
		return nil
	}
	return b.words(v, unquote|keepSlash, func(w string) error {
		name, rest, _ := strings.Cut(w, ":")
		link, flags, _ := strings.Cut(rest, ":")
		d := unit.ManagedDir{Kind: k}
		var err error
		if d.Name, err = b.relative(name); err != nil {
			return err
		}
		if link != "" {
			if d.Symlink, err = b.relative(link); err != nil {
				return err
			}
		}
		switch flags {
		case "":
		case "ro":
			b.warn(CodeInsecure, b.a.Key+"= is not supported with the flag ro: the service can write to "+d.Name, "")
		default:
			return errors.New("expected the flag ro")
		}
		if !slices.Contains(b.exec.Dirs, d) {
			b.exec.Dirs = append(b.exec.Dirs, d)
		}
		return nil
	})
}

func (b *build) relative(s string) (string, error) {
	s, err := b.expand(s)
	if err != nil {
		return "", err
	}
	if s == "" || s[0] == '/' {
		return "", errRelative
	}
	clean, err := simplify(s)
	switch {
	case err != nil || clean == "" || clean == ".":
		return "", errRelative
	case clean == "private" || strings.HasPrefix(clean, "private/"):
		return "", errPrivate
	}
	return clean, nil
}
