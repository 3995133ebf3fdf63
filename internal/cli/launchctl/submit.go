// SPDX-License-Identifier: Apache-2.0

package launchctl

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/rouse-init/rouse/internal/format/launchd"
	"github.com/rouse-init/rouse/internal/format/launchd/plist"
)

// submit writes a property list for this boot, and loads it.
func (r *run) submit(args []string) error {
	v := &plist.Value{Kind: plist.Dict}
	keys := map[string]string{"-l": "Label", "-p": "Program", "-o": "StandardOutPath", "-e": "StandardErrorPath"}
	label := ""
	for len(args) > 0 && args[0] != "--" {
		key := keys[args[0]]
		if key == "" || len(args) < 2 {
			return errUsage
		}
		if key == "Label" {
			label = args[1]
		}
		v.Entries = append(v.Entries, plist.Entry{Key: key, Value: &plist.Value{Text: args[1]}})
		args = args[2:]
	}
	if len(args) > 0 {
		args = args[1:]
	}
	if label == "" || label != filepath.Base(label) || len(args) == 0 && v.Get("Program") == nil {
		return errUsage
	}
	if len(args) > 0 {
		argv := &plist.Value{Kind: plist.Array}
		for _, a := range args {
			argv.Items = append(argv.Items, &plist.Value{Text: a})
		}
		v.Entries = append(v.Entries, plist.Entry{Key: "ProgramArguments", Value: argv})
	}
	v.Entries = append(v.Entries, plist.Entry{Key: "KeepAlive", Value: &plist.Value{Kind: plist.Bool, Bool: true}})
	_, runtime := r.dirs()
	if runtime == "" {
		return errors.New("submit: there is no place for a job of this session\n    fix: set XDG_RUNTIME_DIR")
	}
	path := filepath.Join(runtime, label+launchd.Suffix)
	if _, err := os.Lstat(path); err == nil {
		return fmt.Errorf("%s: Already loaded", label)
	}
	if err := replace(path, plist.XML(v)); err != nil {
		return err
	}
	err := r.loadFiles([]string{path}, loadOptions{})
	if err == nil && r.code == 0 {
		return nil
	}
	_ = os.Remove(path) // the manager did not take it
	return err
}

// remove unloads a job by its label. One that was submitted is gone for good.
func (r *run) remove(args []string) error {
	if len(args) != 1 {
		return errUsage
	}
	return r.removeLabel(args[0])
}

func (r *run) removeLabel(label string) error {
	j, err := r.lookUp(label)
	if err != nil {
		return err
	}
	p := r.read(j.path)
	if !j.known || p == nil {
		return fmt.Errorf("Could not find service %q", label)
	}
	return r.unloadJob(p, j.path, false)
}

// bootstrap is load with a domain in front.
func (r *run) bootstrap(args []string) error {
	if len(args) < 2 {
		return errUsage
	}
	return r.loadFiles(r.files(args[1:]), loadOptions{})
}

// bootout is unload: by paths, or by the name of a service.
func (r *run) bootout(args []string) error {
	switch {
	case len(args) == 0 || len(args) == 1 && split(args[0]) == "":
		return errUsage
	case len(args) == 1:
		return r.removeLabel(split(args[0]))
	}
	return r.unload(args[1:])
}
