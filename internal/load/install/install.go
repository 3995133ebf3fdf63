// SPDX-License-Identifier: Apache-2.0

// Package install carries out what systemctl calls unit file commands:
// enable, disable, mask, preset and their kin. It makes and removes symbolic
// links in the configuration directories and reads unit files through package
// load; it talks to no manager. Each operation returns what it did, in the
// words that systemctl prints.
package install

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/rouse-init/rouse/internal/load"
	"github.com/rouse-init/rouse/internal/unit"
)

// Options are what the commands have in common.
type Options struct {
	load.Config
	Runtime bool // --runtime: below /run, gone with the next boot
	Force   bool // --force: replace links that are in the way
	DryRun  bool // report only
	Mode    PresetMode
}

// ChangeKind is what happened to one file, or did not.
type ChangeKind uint8

// The kinds of changes, as systemctl tells them apart.
const (
	Symlink       ChangeKind = iota // Path now points to Source
	Unlink                          // Path is gone
	IsMasked                        // Path was left out because it is masked
	IsDangling                      // Path is an alias of nothing
	NoDestination                   // Path hangs on the unit Source, which does not exist
	NoAuxiliary                     // Path, named by Also=, could not be enabled
	Failed                          // see Err
)

// Change is one step of an operation.
type Change struct {
	Kind         ChangeKind
	Path, Source string // as systemctl shows them: Path on this host
	Err          error  // of Failed
}

// String is systemctl's line for the change; of Failed, what follows
// "Failed to enable unit: ".
func (c Change) String() string {
	switch c.Kind {
	case Symlink:
		return fmt.Sprintf("Created symlink '%s' → '%s'.", c.Path, c.Source)
	case Unlink:
		return fmt.Sprintf("Removed '%s'.", c.Path)
	case IsMasked:
		return fmt.Sprintf("Unit %s is masked, ignoring.", c.Path)
	case IsDangling:
		return fmt.Sprintf("Unit %s is an alias to a unit that is not present, ignoring.", c.Path)
	case NoDestination:
		return fmt.Sprintf("Unit %s is added as a dependency to a non-existent unit %s.", c.Path, c.Source)
	case NoAuxiliary:
		return fmt.Sprintf("Failed to enable auxiliary unit %s, ignoring.", c.Path)
	case Failed:
		return c.Err.Error()
	}
	return ""
}

// Result is what an operation did.
type Result struct {
	Changes []Change
	// NoInstall tells that none of the units has an [Install] section:
	// systemctl then prints NoInstallHint, and succeeds.
	NoInstall bool
}

// Err returns the first failure.
func (r Result) Err() error {
	for i := range r.Changes {
		if r.Changes[i].Kind == Failed {
			return r.Changes[i].Err
		}
	}
	return nil
}

// NoInstallHint is what systemctl says about units that cannot be enabled.
const NoInstallHint = `The unit files have no installation config (WantedBy=, RequiredBy=, UpheldBy=,
Also=, or Alias= settings in the [Install] section, and DefaultInstance= for
template units). This means they are not meant to be enabled or disabled using systemctl.

Possible reasons for having these kinds of units are:
• A unit may be statically enabled by being symlinked from another unit's
  .wants/, .requires/, or .upholds/ directory.
• A unit's purpose may be to act as a helper for some other unit which has
  a requirement dependency on it.
• A unit may be started when needed via activation (socket, path, timer,
  D-Bus, udev, scripted systemctl call, ...).
• In case of template units, the unit is meant to be enabled with some
  instance name specified.
`

// op is one operation under way.
type op struct {
	opt    Options
	root   load.Root
	look   load.Lookup
	loader *load.Loader
	res    Result
}

func begin(opt Options) *op {
	o := &op{opt: opt, root: load.Root(opt.Root)}
	o.look = load.NewLookup(opt.Config)
	if opt.Paths != nil {
		// With a search path of its own, its first directory is what can
		// be configured.
		o.look = load.Lookup{Dirs: opt.Paths, Config: o.root.Inside(opt.Paths[0])}
		o.look.Runtime = o.look.Config
	}
	o.loader = load.New(opt.Config)
	return o
}

// config is the directory that the operation writes to, inside the root.
func (o *op) config() string {
	if o.opt.Runtime {
		return o.look.Runtime
	}
	return o.look.Config
}

func (o *op) add(k ChangeKind, path, source string) {
	o.res.Changes = append(o.res.Changes, Change{Kind: k, Path: path, Source: source})
}

func (o *op) fail(format string, args ...any) {
	o.res.Changes = append(o.res.Changes, Change{Kind: Failed, Err: fmt.Errorf(format, args...)})
}

// link makes the symbolic link at (inside the root) point to target, as a
// whole or not at all. A link that points there already is left alone.
func (o *op) link(target, at string) {
	if !filepath.IsAbs(at) {
		o.fail("cannot tell the directory to write to: set HOME or XDG_CONFIG_HOME, and XDG_RUNTIME_DIR for --runtime")
		return
	}
	host := o.root.Host(at)
	if old, err := os.Readlink(host); err == nil {
		if o.same(old, at, target) {
			return
		}
		if !o.opt.Force {
			o.fail("File '%s' already exists and is a symlink to %s", host, old)
			return
		}
	} else if _, err := os.Lstat(host); err == nil {
		// Never overwrite a file that somebody wrote, --force or not.
		o.fail("File '%s' already exists", host)
		return
	}
	_, err := os.Lstat(host)
	existed := err == nil
	if !o.opt.DryRun {
		if err := replaceLink(target, host); err != nil {
			o.fail("cannot create the link %q: %w", host, err)
			return
		}
	}
	if existed {
		o.add(Unlink, host, "")
	}
	o.add(Symlink, host, target)
}

// same tells whether a link at the path at with the text old leads to target.
func (o *op) same(old, at, target string) bool {
	if !filepath.IsAbs(old) {
		old = filepath.Join(filepath.Dir(at), old)
	}
	old = filepath.Clean(old)
	if old == target {
		return true
	}
	a, err := o.root.Resolve(old)
	if err != nil {
		return false
	}
	b, err := o.root.Resolve(target)
	return err == nil && a == b && a != "/dev/null"
}

// replaceLink makes a link under another name and renames it, so that there
// is never none and never half of one.
func replaceLink(target, host string) error {
	if err := os.MkdirAll(filepath.Dir(host), 0o755); err != nil {
		return err
	}
	err := os.Symlink(target, host)
	if !errors.Is(err, os.ErrExist) {
		return err
	}
	for i := range 100 {
		tmp := filepath.Join(filepath.Dir(host), fmt.Sprintf(".#%s%d-%d", filepath.Base(host), os.Getpid(), i))
		err = os.Symlink(target, tmp)
		if errors.Is(err, os.ErrExist) {
			continue
		}
		if err != nil {
			return err
		}
		if err = os.Rename(tmp, host); err != nil {
			_ = os.Remove(tmp) // the rename's error is the one to report
		}
		return err
	}
	return err
}

// unlink removes one link or file, and its directory when that is empty then
// and belongs to a unit.
func (o *op) unlink(host string) {
	if !o.opt.DryRun {
		if err := os.Remove(host); err != nil && !errors.Is(err, os.ErrNotExist) {
			o.fail("cannot remove %q: %w", host, err)
			return
		}
		if d := filepath.Dir(host); isLinkDir(filepath.Base(d)) {
			_ = os.Remove(d) // fails while it is not empty, as it should
		}
	}
	o.add(Unlink, host, "")
}

func isLinkDir(name string) bool {
	return strings.HasSuffix(name, ".wants") || strings.HasSuffix(name, ".requires") || strings.HasSuffix(name, ".upholds")
}

// rules tells whether an [Install] section makes any link of its own.
func rules(in *unit.Install) bool {
	return in != nil && len(in.Aliases)+len(in.WantedBy)+len(in.RequiredBy)+len(in.UpheldBy) > 0
}
