// SPDX-License-Identifier: Apache-2.0

package install

import (
	"errors"
	"path"

	"github.com/rouse-init/rouse/internal/unit"
)

const defaultTarget = "default.target"

// SetDefault makes default.target an alias of the target.
func SetDefault(opt Options, name string) Result {
	opt.Force = true
	o := begin(opt)
	if unit.KindOf(name) != unit.KindTarget || !unit.ValidName(name) || name == defaultTarget {
		o.fail("Invalid unit name %s", name)
		return o.res
	}
	in, err := o.check(name)
	switch {
	case err == nil:
		o.link(in.path, path.Join(o.config(), defaultTarget))
	case o.loader.Defined(name) && o.loader.Canonical(name) == name && !fileOf(o, name):
		// A target that exists without a file: the link dangles for
		// everybody else, but its name says what is meant.
		o.link(path.Join("/usr/lib/systemd/system", name), path.Join(o.config(), defaultTarget))
	default:
		o.fail("%w", err)
	}
	return o.res
}

func fileOf(o *op, name string) bool {
	_, ok := o.loader.File(name)
	return ok
}

var errNoDefault = errors.New("No such file or directory") //nolint:staticcheck // systemctl's words

// GetDefault returns the name of the target that default.target stands for.
// Below another root that takes a file: what this build has without files
// says nothing about what boots there.
func GetDefault(opt Options) (string, error) {
	o := begin(opt)
	if opt.Root != "" && !fileOf(o, defaultTarget) {
		return "", errNoDefault
	}
	if name := o.loader.Canonical(defaultTarget); o.loader.Defined(name) {
		return name, nil
	}
	return "", notFoundError{defaultTarget}
}
