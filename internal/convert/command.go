// SPDX-License-Identifier: Apache-2.0

package convert

import (
	"path"
	"strings"

	"github.com/rouse-init/rouse/internal/format/systemd"
	"github.com/rouse-init/rouse/internal/unit"
)

// sigHUP is the default reload signal.
const sigHUP = 1

// commands writes the Exec*= lines.
func (c *conversion) commands() {
	s := &c.service
	of := func(p unit.Phase) []unit.Command { return unit.Of(c.svc.Commands, p) }
	main := of(unit.PhaseStart)
	for _, cmd := range of(unit.PhaseSecurity) {
		s.set("ExecStartPre", c.command(cmd, ""))
	}
	pre := "ExecStartPre"
	if len(main) == 0 {
		pre = "ExecStart" // what a job without a process does is what it does before
	}
	for _, cmd := range of(unit.PhaseStartPre) {
		c.preStart(pre, cmd)
	}
	for _, cmd := range main {
		s.set("ExecStart", c.command(cmd, ""))
	}
	if len(main) == 0 && (len(of(unit.PhaseStartPre)) == 0 || pre != "ExecStart") {
		s.set("ExecStart", "/bin/true")
	}
	if c.job.Expect == unit.ExpectStop && len(main) > 0 && !c.job.Task {
		s.comment("expect stop: the daemon stops itself when it is ready")
		s.set("ExecStartPost", ":/bin/sh -c "+script(waitStopped))
	}
	for _, cmd := range of(unit.PhaseStartPost) {
		s.set("ExecStartPost", c.command(cmd, ""))
	}
	if len(main) > 0 && !c.job.Task {
		sig := c.svc.ReloadSignal
		if sig == 0 {
			sig = sigHUP
		}
		s.set("ExecReload", "/bin/kill -"+strings.TrimPrefix(systemd.SignalName(sig), "SIG")+" $MAINPID")
	}
	for _, cmd := range of(unit.PhasePreStop) {
		s.comment("pre-stop: not where the process has ended by itself")
		s.set("ExecStop", c.command(cmd, unlessEnded))
		if usesWord(commandText(cmd), "start") {
			c.note(s, cmd.Pos, "start in pre-stop", "ExecStop= cannot cancel the stop")
		}
	}
	for _, cmd := range of(unit.PhaseStopPost) {
		s.set("ExecStopPost", c.command(cmd, ""))
	}
}

const (
	// waitStopped waits until the main process has raised SIGSTOP, and lets
	// it go on: what Upstart does for expect stop.
	waitStopped = `until grep -q "^State:.T" /proc/$MAINPID/status; do kill -0 $MAINPID || exit 1; sleep 0.1; done; kill -CONT $MAINPID`
	// unlessEnded: systemd runs ExecStop= also after the main process has
	// ended, and only then sets EXIT_CODE.
	unlessEnded = `[ -z "$EXIT_CODE" ] || exit 0`
	// recordStop gives `stop` in pre-start its meaning: the rest of the
	// script runs, the main process does not, and it is no failure
	// (ExecCondition=: 1 skips, 255 fails).
	recordStop = `stop() { stopped=1; }; trap 'r=$?; [ $r = 0 ] || exit 255; [ -z "$stopped" ] || exit 1' 0`
)

// preStart writes a pre-start, which may call off the start.
func (c *conversion) preStart(key string, cmd unit.Command) {
	if _, shell := shellText(cmd); shell && key == "ExecStartPre" && stopsItself(commandText(cmd)) {
		c.service.comment("stop in pre-start: a condition that does not hold")
		c.service.set("ExecCondition", c.command(cmd, recordStop))
		return
	}
	c.service.set(key, c.command(cmd, ""))
}

// command is a command line. prelude is shell code to put before a script;
// a command that is no script becomes one for it.
func (c *conversion) command(cmd unit.Command, prelude string) string {
	var b strings.Builder
	if cmd.IgnoreFailure {
		b.WriteByte('-')
	}
	if x := c.svc.Exec; cmd.Phase == unit.PhaseSecurity && x != nil && x.User+x.Group+x.RootDirectory != "" {
		b.WriteByte('+')
	}
	text, shell := shellText(cmd)
	if prelude != "" {
		if !shell {
			text = "exec " + shellWords(cmd.Args)
		}
		sep := "; "
		if strings.Contains(text, "\n") {
			sep = "\n"
		}
		text, shell = prelude+sep+text, true
	}
	if words := simple(text); shell && words != nil {
		shell, cmd.Path, cmd.Args = false, words[0], words
	}
	if shell {
		if strings.Contains(text, "$") {
			b.WriteByte(':')
		}
		b.WriteString("/bin/sh -e -c ")
		b.WriteString(script(text))
		return b.String()
	}
	if strings.Contains(strings.Join(cmd.Args, " "), "$") {
		b.WriteByte(':')
	}
	b.WriteString(word(c.program(cmd.Path)))
	for _, a := range cmd.Args[min(1, len(cmd.Args)):] {
		b.WriteByte(' ')
		b.WriteString(word(a))
	}
	return b.String()
}

// simple splits a script that only executes a program with plain words: what
// Upstart gives to the shell for nothing but a "=".
func simple(text string) []string {
	rest, ok := strings.CutPrefix(text, "exec ")
	words := strings.Fields(rest)
	if !ok || len(words) == 0 || strings.ContainsAny(rest, "~`!$^&*()|{}[];\"'<>?\\\n#") || strings.Contains(words[0], "=") {
		return nil
	}
	return words
}

// program is the path of a program as systemd wants it: absolute, or a name
// to search for.
func (c *conversion) program(name string) string {
	if path.IsAbs(name) || !strings.Contains(name, "/") {
		return name
	}
	dir := "/"
	if x := c.svc.Exec; x != nil && path.IsAbs(x.WorkingDirectory) {
		dir = x.WorkingDirectory
	}
	return path.Join(dir, name)
}

// shellText is the script of a command that is one.
func shellText(cmd unit.Command) (string, bool) {
	a := cmd.Args
	if len(a) == 4 && a[0] == "/bin/sh" && a[1] == "-e" && a[2] == "-c" {
		return a[3], true
	}
	return "", false
}

// shellWords quotes words for a shell.
func shellWords(words []string) string {
	var out []string
	for _, w := range words {
		plain := w != ""
		for i := range len(w) {
			plain = plain && plainByte(w[i])
		}
		if !plain {
			w = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
		out = append(out, w)
	}
	return strings.Join(out, " ")
}
