// SPDX-License-Identifier: Apache-2.0

package sysv

import (
	"errors"
	"strings"

	"github.com/rouse-init/rouse/internal/cli/option"
)

func (r *run) telinit(args []string) error {
	var env []string
	words, done, err := r.parse(args, []option.Option{
		{Short: 'e', Arg: "KEY=VALUE", Each: func(s string) { env = append(env, s) }, Help: "a variable of the runlevel event"},
	}, doc{
		"RUNLEVEL", "Change the runlevel.",
		"RUNLEVEL is one of 0123456sS; s and S are the same. Q or q has the manager read its\nconfiguration again, U or u has it start itself again, with its state.",
	})
	switch {
	case done:
		return err
	case len(words) == 0:
		return option.UsageError("missing runlevel")
	case len(words[0]) != 1 || !strings.Contains("0123456SsQqUu", words[0]):
		return option.UsageError("illegal runlevel: " + words[0])
	}
	for _, e := range env {
		if name, _, ok := strings.Cut(e, "="); !ok || name == "" {
			return errors.New("Env must be KEY=VALUE pairs") //nolint:staticcheck // Upstart's words
		}
	}
	if err := r.needRoot(); err != nil {
		return err
	}
	switch level := strings.ToUpper(words[0]); level {
	case "Q", "U":
		m, err := r.Connect()
		if err != nil {
			return err
		}
		if level == "U" {
			return m.Reexec()
		}
		return m.Reload()
	default:
		return r.change(level, "", env)
	}
}
