// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"os"
	"slices"

	"github.com/rouse-init/rouse/internal/bus/systemd1/files"
	"github.com/rouse-init/rouse/internal/load"
	"github.com/rouse-init/rouse/internal/load/install"
)

// loadConfig says where unit files are for the options of the command line:
// what --root or --unit-path name, else the search path of this user.
func (a *app) loadConfig() load.Config {
	cfg := load.Config{Scope: load.System, Root: a.opt.root, Getenv: os.Getenv}
	if a.opt.root == "" && os.Getuid() != 0 {
		cfg.Scope = load.User
	}
	if len(a.opt.unitPath) > 0 {
		cfg.Paths = a.opt.unitPath
	}
	return cfg
}

// managed tells whether a manager is to be asked: not with --root or
// --unit-path, and not where none runs, as long as none was asked for.
func (a *app) managed() (bool, error) {
	if a.offline() {
		return false, nil
	}
	_, err := a.connect()
	var none noManagerError
	if errors.As(err, &none) && a.opt.socket == "" && os.Getenv("ROUSE_SOCKET") == "" {
		return false, nil
	}
	return err == nil, err
}

// files are the unit files of this command line, or those of the manager: it
// tells its search path, and they are read here.
func (a *app) files() (files.Files, error) {
	cfg := a.loadConfig()
	online, err := a.managed()
	if err != nil || !online {
		return files.Files{Config: cfg}, err
	}
	v, err := a.conn.ManagerProperty("UnitPath")
	if err != nil {
		return files.Files{}, err
	}
	// The path that everybody has comes with places for links and presets.
	path, ok := v.Value.([]string)
	if ok && len(path) > 0 && !slices.Equal(path, load.NewLookup(cfg).Dirs) {
		cfg.Paths = path
	}
	return files.Files{Config: cfg}, nil
}

func globMatch(pattern, name string) bool { return install.Glob(pattern, name) }
