// SPDX-License-Identifier: Apache-2.0

package manager

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/rouse-init/rouse/internal/unit"
)

// dirKinds are the managed directories of systemd.exec(5): the variable that
// names them, the root for the system, and for a user.
var dirKinds = [...]struct {
	directive, variable, system, userVar, user string
	status                                     uint8
}{
	unit.RuntimeDir:       {"RuntimeDirectory", "RUNTIME_DIRECTORY", "/run", "XDG_RUNTIME_DIR", "", 233},
	unit.StateDir:         {"StateDirectory", "STATE_DIRECTORY", "/var/lib", "XDG_STATE_HOME", ".local/state", 238},
	unit.CacheDir:         {"CacheDirectory", "CACHE_DIRECTORY", "/var/cache", "XDG_CACHE_HOME", ".cache", 239},
	unit.LogsDir:          {"LogsDirectory", "LOGS_DIRECTORY", "/var/log", "XDG_STATE_HOME", ".local/state/log", 240},
	unit.ConfigurationDir: {"ConfigurationDirectory", "CONFIGURATION_DIRECTORY", "/etc", "XDG_CONFIG_HOME", ".config", 241},
}

// dirRoot is where the managed directories of a kind are.
func (m *Manager) dirRoot(k unit.DirKind) string {
	d := dirKinds[k]
	if !m.cfg.user(m.uid) {
		return d.system
	}
	if v := os.Getenv(d.userVar); v != "" {
		if k == unit.LogsDir {
			return filepath.Join(v, "log")
		}
		return v
	}
	if k == unit.RuntimeDir {
		return m.cfg.Runtime
	}
	return filepath.Join(os.Getenv("HOME"), d.user)
}

// directories makes RuntimeDirectory= and its kin, owned by the user that the
// unit runs as, and tells the service where they are.
func (p *preparation) directories() error {
	if len(p.exec.Dirs) == 0 {
		return nil
	}
	var paths [len(dirKinds)][]string
	for i := range p.exec.Dirs {
		d := &p.exec.Dirs[i]
		path := filepath.Join(p.m.dirRoot(d.Kind), d.Name)
		if err := p.directory(d, path); err != nil {
			k := dirKinds[d.Kind]
			return launchError{
				status: k.status, step: "directories", directive: k.directive,
				err: fmt.Errorf("cannot make %s=%s: %w", k.directive, path, err),
			}
		}
		paths[d.Kind] = append(paths[d.Kind], path)
	}
	for k, list := range paths {
		p.env.set(dirKinds[k].variable, strings.Join(list, ":"))
	}
	return nil
}

func (p *preparation) directory(d *unit.ManagedDir, path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return cause(err)
	}
	err := os.Mkdir(path, os.FileMode(d.Mode))
	if err != nil && !errors.Is(err, os.ErrExist) {
		return cause(err)
	}
	st, err := os.Lstat(path)
	if err != nil {
		return cause(err)
	}
	if !st.IsDir() {
		return errors.New("something else is there")
	}
	// mkdir(2) is subject to the umask. What exists keeps its contents'
	// owners: only the directory itself is handed over.
	if err := os.Chmod(path, os.FileMode(d.Mode)); err != nil {
		return cause(err)
	}
	if ids := p.who.ids; ids != nil && d.Kind != unit.ConfigurationDir {
		if err := os.Lchown(path, int(ids.UID), int(ids.GID)); err != nil {
			return cause(err)
		}
	}
	if d.Symlink == "" {
		return nil
	}
	link := filepath.Join(p.m.dirRoot(d.Kind), d.Symlink)
	if err := os.Symlink(path, link); err != nil && !errors.Is(err, os.ErrExist) {
		return cause(err)
	}
	return nil
}

// removeDirectories removes the runtime directories of a dead unit.
func (m *Manager) removeDirectories(u *unit.Unit, restarting bool) {
	var x *unit.Exec
	if u.Service != nil {
		x = u.Service.Exec
	} else if u.Socket != nil {
		x = u.Socket.Exec
	}
	if x == nil {
		return
	}
	for _, d := range x.Dirs {
		if d.Kind != unit.RuntimeDir || d.Preserve == unit.PreserveYes || d.Preserve == unit.PreserveRestart && restarting {
			continue
		}
		root := m.dirRoot(d.Kind)
		if err := os.RemoveAll(filepath.Join(root, d.Name)); err != nil {
			m.say("%s: %v", u.Name, err)
		}
		if d.Symlink != "" {
			_ = os.Remove(filepath.Join(root, d.Symlink)) // not ours if it was there before
		}
	}
}
