// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/rouse-init/rouse/internal/bus/client"
	"github.com/rouse-init/rouse/internal/bus/systemd1"
	"github.com/rouse-init/rouse/internal/bus/systemd1/files"
	"github.com/rouse-init/rouse/internal/bus/wire"
	"github.com/rouse-init/rouse/internal/load"
	"github.com/rouse-init/rouse/internal/load/install"
)

// change performs an operation on unit files, by the manager or, without
// one, here, and prints what it did.
func (a *app) change(op systemd1.FileOp) error {
	op.Runtime, op.Force, op.Mode = a.opt.runtime, a.opt.force, a.opt.presetMode
	online, err := a.managed()
	if err != nil {
		return err
	}
	var changes []client.Change
	var carries bool
	if online {
		changes, carries, err = a.changeOnline(op)
	} else {
		var done []systemd1.Change
		done, carries, err = files.Files{Config: a.loadConfig()}.Do(op)
		for _, c := range done {
			changes = append(changes, client.Change(c))
		}
	}
	if !a.opt.quiet {
		for _, c := range changes {
			a.errorf("%s", files.ChangeLine(c.Kind, c.Path, c.Source))
		}
	}
	if err != nil {
		return fmt.Errorf("Failed to %s unit: %w", op.Verb, err) //nolint:staticcheck // systemctl's words
	}
	if !carries && !a.opt.quiet && (op.Verb == "enable" || op.Verb == "disable" || op.Verb == "reenable") {
		a.noInstall(op.Names, online)
	}
	if online && !a.opt.noReload {
		return a.reloadManager()
	}
	return nil
}

// noInstall says why nothing was done for these names.
func (a *app) noInstall(names []string, online bool) {
	others := false
	l := load.New(a.loadConfig())
	for _, name := range names {
		path := name
		if !strings.ContainsRune(name, '/') {
			if f, ok := l.File(name); ok {
				path = f.Path
			}
			if online {
				path = a.conn.Fragment(name)
			}
		}
		job, ok := strings.CutSuffix(path, ".conf")
		if !ok {
			others = true
			continue
		}
		a.errorf("%s: an Upstart job is enabled by its start on.\n    fix: write manual into %s.override to keep it from starting, remove that to let it start", name, job)
	}
	if others {
		a.errorf("%s", strings.TrimSuffix(strings.ReplaceAll(install.NoInstallHint, "systemctl", "rouse"), "\n"))
	}
}

// fileMethods are the manager's methods for the operations.
var fileMethods = map[string]struct{ member, sig string }{
	"enable":      {"EnableUnitFiles", "asbb"},
	"disable":     {"DisableUnitFilesWithFlagsAndInstallInfo", "ast"},
	"reenable":    {"ReenableUnitFiles", "asbb"},
	"mask":        {"MaskUnitFiles", "asbb"},
	"unmask":      {"UnmaskUnitFiles", "asb"},
	"preset":      {"PresetUnitFilesWithMode", "assbb"},
	"preset-all":  {"PresetAllUnitFiles", "sbb"},
	"link":        {"LinkUnitFiles", "asbb"},
	"revert":      {"RevertUnitFiles", "as"},
	"set-default": {"SetDefaultTarget", "sb"},
	// The two are one method, told apart by the type of the dependency.
	"add-wants":    {"AddDependencyUnitFiles", "asssbb"},
	"add-requires": {"AddDependencyUnitFiles", "asssbb"},
}

func (a *app) changeOnline(op systemd1.FileOp) ([]client.Change, bool, error) {
	m, ok := fileMethods[op.Verb]
	if !ok {
		return nil, false, errors.New("operation is not known to the manager")
	}
	changes, carries, err := a.conn.Change(m.member, m.sig, func(e *wire.Encoder) {
		switch m.sig {
		case "sbb":
			e.String(op.Mode)
		case "sb":
			e.String(op.Names[0])
			e.Bool(true)
			return
		default:
			e.Strings(op.Names)
		}
		switch m.sig {
		case "ast":
			var flags uint64
			if op.Runtime {
				flags = 1
			}
			e.Uint64(flags)
			return
		case "asssbb":
			e.String(op.Target)
			e.String(map[string]string{"add-wants": "Wants", "add-requires": "Requires"}[op.Verb])
		case "assbb":
			e.String(op.Mode)
		case "as":
			return
		}
		e.Bool(op.Runtime)
		if m.sig != "asb" {
			e.Bool(op.Force)
		}
	})
	return changes, carries || !strings.HasPrefix(m.member, "Enable"), err
}

// fileNames makes unit names of the arguments; a path stays one, made
// absolute, since the manager has another working directory.
func fileNames(args []string) ([]string, error) {
	var names []string
	for _, arg := range args {
		if strings.ContainsRune(arg, '/') {
			abs, err := filepath.Abs(arg)
			if err != nil {
				return nil, err
			}
			names = append(names, abs)
			continue
		}
		name, err := mangle(arg)
		if err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	return names, nil
}

// changeAndNow is change for the verbs that have --now: method is what the
// manager does with the units then.
func (a *app) changeAndNow(verb, jobVerbName, method string, args []string) error {
	names, err := fileNames(args)
	if err != nil {
		return err
	}
	if err := a.change(systemd1.FileOp{Verb: verb, Names: names}); err != nil || !a.opt.now {
		return err
	}
	if a.offline() {
		return fmt.Errorf("%s: --now needs a manager, so it does not go with --root or --unit-path", verb)
	}
	a.opt.jobMode = "replace"
	for i, n := range names {
		names[i] = filepath.Base(n)
	}
	return a.jobs(jobVerb{name: jobVerbName, method: method}, names)
}
