// SPDX-License-Identifier: Apache-2.0

package verify

import (
	"context"
	"errors"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/rouse-init/rouse/internal/diag"
	"github.com/rouse-init/rouse/internal/unit"
)

// shell is what the scripts of jobs are written for (init(5)).
const shell = "/bin/sh"

// shellPatience is how long the shell may take to read one script, which is
// no longer than 128 KiB.
const shellPatience = 5 * time.Second

// Scripts has the shell of this machine read the scripts of a job, which
// runs none of them, and reports what it does not understand. Without a shell
// there is nothing to report here.
func Scripts(u *unit.Unit) diag.List {
	if job(u) == nil {
		return nil
	}
	var list diag.List
	for i := range u.Service.Commands {
		c := &u.Service.Commands[i]
		if len(c.Args) < 2 || c.Path != shell {
			continue
		}
		text := c.Args[len(c.Args)-1]
		if why := shellFault(text); why != "" {
			list.Add(scriptFault(u, c, text, why))
		}
	}
	return list
}

// shellFault is what the shell says of a script, "" for one that it can read.
func shellFault(text string) string {
	ctx, cancel := context.WithTimeout(context.Background(), shellPatience)
	defer cancel()
	sh := exec.CommandContext(ctx, shell, "-n")
	sh.Stdin, sh.Env = strings.NewReader(text), []string{"LC_ALL=C"}
	out, err := sh.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || ctx.Err() != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}

// shellLine is where shells tell the line: "/bin/sh: 3: Syntax error: ..." is
// dash's, "/bin/sh: line 3: syntax error ..." bash's.
var shellLine = regexp.MustCompile(`^[^:]*: (?:line )?([0-9]+): (.*)`)

func scriptFault(u *unit.Unit, c *unit.Command, text, why string) diag.Diagnostic {
	d := diag.Diagnostic{Pos: c.Pos, Severity: diag.Error, Code: CodeScript, Unit: u.Name}
	why, _, _ = strings.Cut(why, "\n")
	if m := shellLine.FindStringSubmatch(why); m != nil {
		why = m[2]
		// A script begins on the line after its stanza.
		if n, err := strconv.ParseInt(m[1], 10, 32); err == nil && strings.HasSuffix(text, "\n") {
			d.Pos.Line, d.Pos.Col = d.Pos.Line+int32(n), 0
		}
	}
	d.Msg = "cannot run the script: the shell says: " + why
	return d
}
