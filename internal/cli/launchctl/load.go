// SPDX-License-Identifier: Apache-2.0

package launchctl

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rouse-init/rouse/internal/bus/client"
	"github.com/rouse-init/rouse/internal/diag"
	"github.com/rouse-init/rouse/internal/format/launchd"
	"github.com/rouse-init/rouse/internal/load"
	"github.com/rouse-init/rouse/internal/unit"
)

// loadOptions are -w, -F, -S and -D.
type loadOptions struct{ write, force bool }

// options reads them; of -S and -D it takes the value and needs none.
func options(args []string) (o loadOptions, paths []string, err error) {
	for len(args) > 0 && len(args[0]) > 1 && args[0][0] == '-' {
		word := args[0][1:]
		args = args[1:]
		for i, c := range word {
			switch c {
			case 'w':
				o.write = true
			case 'F':
				o.force = true
			case 'S', 'D':
				if i == len(word)-1 {
					if len(args) == 0 {
						return o, nil, errUsage
					}
					args = args[1:]
				}
			default:
				return o, nil, errUsage
			}
			if c == 'S' || c == 'D' {
				break
			}
		}
	}
	if len(args) == 0 {
		return o, nil, errUsage
	}
	return o, args, nil
}

// files are the property lists that paths lead to.
func (r *run) files(paths []string) (out []string) {
	for _, p := range paths {
		path, err := filepath.Abs(p)
		var st fs.FileInfo
		if err == nil {
			st, err = os.Stat(path)
		}
		switch {
		case err != nil:
			r.complain("%s: %v", p, errors.Unwrap(err))
		case !st.IsDir():
			out = append(out, path)
		default:
			list, _ := filepath.Glob(filepath.Join(escape(path), "*"+launchd.Suffix)) // the pattern is well-formed
			out = append(out, list...)
		}
	}
	return out
}

func escape(path string) string {
	return strings.NewReplacer("*", `\*`, "?", `\?`, "[", `\[`, `\`, `\\`).Replace(path)
}

// dubious tells why a file is not to be trusted, as it says what is run: one
// that others may write, or that belongs to somebody else.
func (r *run) dubious(path string) string {
	st, err := os.Stat(path)
	if err != nil {
		return err.Error()
	}
	owner, open := load.Dubious(st, r.UID)
	switch {
	case !strings.HasSuffix(path, launchd.Suffix):
		return "no " + launchd.Suffix + " at the end of the name (skipping)"
	case open:
		return "Dubious permissions on file (skipping)"
	case owner >= 0:
		return "Dubious ownership on file (skipping)"
	}
	return ""
}

func (r *run) load(args []string) error {
	o, paths, err := options(args)
	if err != nil {
		return err
	}
	return r.loadFiles(r.files(paths), o)
}

// loadFiles makes the manager know the files, and starts what they load. A
// file that lies in no directory of the manager is linked into that of this
// boot.
func (r *run) loadFiles(files []string, o loadOptions) error {
	conn, err := r.connect()
	if err != nil {
		return err
	}
	var names []string
	for _, path := range files {
		p, place, ok := r.admit(path, o)
		if !ok {
			continue
		}
		if j, err := r.ask(conn, p.Names()[0]); err == nil && j.known && j.path == place && r.running(conn, p) {
			r.complain("%s: Already loaded", p.Label)
			continue
		}
		names = append(names, place)
	}
	if len(names) == 0 {
		if r.code == 0 {
			r.complain("nothing found to load")
		}
		return nil
	}
	if _, err := conn.Manager("Reload", "", nil); err != nil {
		return err
	}
	jobs := conn.Jobs()
	asked := 0
	for _, path := range names {
		p := r.read(path)
		if p == nil {
			continue
		}
		if !r.known(conn, p, path) {
			continue
		}
		for _, name := range p.Load {
			if err := jobs.Ask("StartUnit", name, "replace"); err != nil {
				r.complain("%s: Could not start %s: %v", p.Label, name, err)
				continue
			}
			asked++
		}
	}
	return r.outcome(jobs, asked)
}

// admit checks a file and puts it where the manager finds it, which is place.
func (r *run) admit(path string, o loadOptions) (p *launchd.Job, place string, ok bool) {
	if why := r.dubious(path); why != "" && !o.force {
		r.complain("%s: %s", path, why)
		return nil, "", false
	}
	if p = r.read(path); p == nil {
		r.complain("%s: cannot be read", path)
		return nil, "", false
	}
	for _, d := range p.Diags {
		if d.Severity > diag.Note {
			_, _ = fmt.Fprintln(r.Err, d)
		}
	}
	if p.Diags.Errors() {
		r.complain("%s: Invalid property list", path)
		return nil, "", false
	}
	dirs, runtime := r.dirs()
	own := slices.Contains(dirs, filepath.Dir(path))
	place = path
	err := r.admitted(p, filepath.Dir(path), runtime, own, o)
	if err == nil && runtime != "" && !own && !r.hasUnit(p) {
		place = filepath.Join(runtime, strings.ReplaceAll(p.Label, "/", "-")+launchd.Suffix)
		if err = link(path, place); err == nil && (o.write || o.force) {
			err = setDisabled(runtime, p.Label, false, true)
		}
	}
	if err != nil {
		r.complain("%s: Could not load: %v", p.Label, err)
		return nil, "", false
	}
	if p = r.read(place); p == nil || p.Off {
		if place != path {
			_ = os.Remove(place) // the link
		}
		return nil, "", false // Disabled, or not for this host: passed over without a word, as under macOS
	}
	return p, place, true
}

// admitted takes back an unload, and with -w writes down that the job is
// enabled.
func (r *run) admitted(p *launchd.Job, dir, runtime string, own bool, o loadOptions) error {
	if runtime != "" && own {
		if err := setDisabled(runtime, p.Label, false, o.force && p.Off); err != nil {
			return err
		}
	}
	if !o.write {
		return nil
	}
	return setDisabled(dir, p.Label, false, true)
}

func (r *run) hasUnit(p *launchd.Job) bool {
	conn, err := r.connect()
	if err != nil {
		return false
	}
	j, err := r.ask(conn, p.Names()[0])
	return err == nil && j.known
}

func link(path, place string) error {
	if err := os.MkdirAll(filepath.Dir(place), 0o755); err != nil {
		return err
	}
	if old, err := os.Readlink(place); err == nil && old == path {
		return nil
	}
	return os.Symlink(path, place)
}

// known tells whether the manager has the unit now, and else says what to do.
func (r *run) known(conn *client.Conn, p *launchd.Job, place string) bool {
	j, err := r.ask(conn, p.Names()[0])
	if err == nil && j.known {
		return true
	}
	path := place
	if target, err := os.Readlink(place); err == nil {
		path = target
		_ = os.Remove(place) // it led nowhere
	}
	dirs, _ := r.dirs()
	usual := dirs[min(1, len(dirs)-1)] // behind that of this boot
	r.complain("%s: Could not load: the manager does not read %s\n    fix: copy the file to the directory that `rouse up` was given, or for another manager to %s, and load it there", p.Label, path, usual)
	return false
}

// running tells whether anything of a job is active.
func (r *run) running(conn *client.Conn, p *launchd.Job) bool {
	return slices.ContainsFunc(p.Names(), func(name string) bool {
		if unit.IsTemplate(name) {
			return false
		}
		state, err := conn.Active(name)
		return err == nil && (state == "active" || state == "activating" || state == "reloading")
	})
}

// outcome waits for jobs of the manager and says which have failed.
func (r *run) outcome(jobs *client.Jobs, asked int) error {
	if asked == 0 {
		return nil
	}
	results, err := jobs.Wait()
	if err != nil {
		return err
	}
	for _, res := range results {
		if res.Result != "done" && res.Result != "skipped" && res.Result != "canceled" {
			r.complain("%s: %s; see rouse status %s", labelOf(res.Unit), res.Result, res.Unit)
		}
	}
	return nil
}

func (r *run) unload(args []string) error {
	o, paths, err := options(args)
	if err != nil {
		return err
	}
	for _, path := range r.files(paths) {
		p := r.read(path)
		if p == nil {
			r.complain("%s: cannot be read", path)
			continue
		}
		if err := r.unloadJob(p, path, o.write); err != nil {
			return err
		}
	}
	return nil
}

// unloadJob stops all of a job, and keeps events from starting it until it is
// loaded again or, without -w, until the next boot.
func (r *run) unloadJob(p *launchd.Job, path string, forGood bool) error {
	conn, err := r.connect()
	if err != nil {
		return err
	}
	j, err := r.ask(conn, p.Names()[0])
	if err != nil || !j.known || p.Off && !r.running(conn, p) {
		r.complain("%s: Could not find specified service", p.Label)
		return nil //nolint:nilerr // said
	}
	dirs, runtime := r.dirs()
	dir := filepath.Dir(j.path)
	if forGood {
		err = setDisabled(filepath.Dir(path), p.Label, true, true)
	}
	switch {
	case err != nil:
	case runtime != "" && dir == runtime:
		if err = os.Remove(j.path); err == nil { // a link, or submitted
			err = setDisabled(runtime, p.Label, false, false)
		}
	case forGood: // its word counts where it lies
	case runtime != "" && slices.Contains(dirs, dir):
		err = setDisabled(runtime, p.Label, true, true)
	default:
		if _, e := os.Stat(j.path); e == nil && len(p.Names()) > 0 {
			fmt.Fprintf(r.Err, "%s: is stopped, and what starts it may start it again\n    fix: unload -w, which writes that down, or remove %s\n", p.Label, j.path)
		}
	}
	if err != nil {
		return err
	}
	return r.teardown(conn, p)
}

// teardown stops the units, sockets first so that nobody wakes the service.
func (r *run) teardown(conn *client.Conn, p *launchd.Job) error {
	jobs := conn.Jobs()
	asked := 0
	names := slices.Clone(p.Names())
	slices.SortStableFunc(names, func(a, b string) int {
		return strings.Compare(unit.KindOf(b).Suffix(), unit.KindOf(a).Suffix()) // socket before service
	})
	for _, name := range names {
		if unit.IsTemplate(name) {
			continue
		}
		if err := jobs.Ask("StopUnit", name, "replace"); err == nil {
			asked++
		}
	}
	if err := r.outcome(jobs, asked); err != nil {
		return err
	}
	_, err := conn.Manager("Reload", "", nil)
	return err
}
