// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/rouse-init/rouse/internal/cli/option"
	"github.com/rouse-init/rouse/internal/diag"
	"github.com/rouse-init/rouse/internal/format/upstart"
	"github.com/rouse-init/rouse/internal/load/verify"
)

// checkconf is init-checkconf(8): is this a job file that init would take,
// and would the shell take its scripts? No manager is needed.
func (a *app) checkconf(args []string) int {
	var file, ignored string
	var debug, noScript, help bool
	p := option.Parser{Options: []option.Option{
		{Short: 'd', Long: "debug", On: &debug, Help: "print warnings too"},
		{Short: 'f', Long: "file", Arg: "FILE", Value: &file, Help: "the job file to check"},
		{Short: 'i', Long: "initctl-path", Arg: "PATH", Value: &ignored, Help: "do nothing: no other program is needed"},
		{Short: 's', Long: "noscript", On: &noScript, Help: "do not check scripts"},
		{Short: 'x', Long: "upstart-path", Arg: "PATH", Value: &ignored, Help: "do nothing: no other program is needed"},
		{Short: 'h', Long: "help", On: &help, Help: "print this help and exit"},
	}}
	err := p.Parse(args, func(string) error { return nil }, func() bool { return help })
	if help {
		a.printf("Usage: init-checkconf [OPTIONS] FILE\nCheck an Upstart job file.\n")
		option.Help(a.out, p.Options)
		return 0
	}
	if file == "" && len(p.Words) > 0 {
		file = p.Words[0]
	}
	switch {
	case err != nil:
		a.errorf("ERROR: %v", err)
		return 1
	case file == "":
		a.errorf("ERROR: Must specify configuration file")
		return 1
	}
	return a.checkFile(file, noScript, debug)
}

func (a *app) checkFile(file string, noScript, debug bool) int {
	text, err := os.ReadFile(file)
	if err != nil {
		a.errorf("ERROR: File %s: cannot read: %v", file, err)
		return 1
	}
	name := strings.TrimSuffix(filepath.Base(file), ".conf")
	u, list := upstart.Compile(name, upstart.Parse(file, text), nil, upstart.Options{User: os.Getuid() != 0})
	list = append(list, verify.Calendars(u, time.Now())...)
	if !noScript {
		list = append(list, verify.Scripts(u)...)
	}
	bad := 0
	for i := range list {
		if list[i].Severity == diag.Error {
			bad++
		}
		if list[i].Severity == diag.Error || debug {
			a.errorf("%v", &list[i])
		}
	}
	if bad > 0 {
		a.errorf("ERROR: File %s: syntax invalid", file)
		return 1
	}
	a.printf("File %s: syntax ok\n", file)
	return 0
}
