// SPDX-License-Identifier: Apache-2.0

package convert

import (
	"slices"
	"strings"

	"github.com/rouse-init/rouse/internal/unit"
)

// commandText is all that a command says, for searching in it.
func commandText(cmd unit.Command) string {
	if text, ok := shellText(cmd); ok {
		return text
	}
	return strings.Join(cmd.Args, " ")
}

func (c *conversion) commandText() string {
	var b strings.Builder
	for _, cmd := range c.svc.Commands {
		b.WriteString(commandText(cmd))
		b.WriteByte('\n')
	}
	return b.String()
}

// mentions tells whether a script uses the variable name.
func mentions(text, name string) bool {
	for rest := text; name != ""; {
		i := strings.Index(rest, name)
		if i < 0 {
			return false
		}
		end := i + len(name)
		before := strings.TrimSuffix(rest[:i], "{")
		if strings.HasSuffix(before, "$") && (end == len(rest) || !nameByte(rest[end])) {
			return true
		}
		rest = rest[end:]
	}
	return false
}

func nameByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_'
}

// Tools of Upstart that scripts call by name.
var tools = []string{"initctl", "start", "stop", "restart", "reload", "status", "telinit", "runlevel"}

// calls returns the commands of a script whose name is one of names, each to
// the end of the simple command. It is a reader's glance, not a shell's.
func calls(text string, names ...string) []string {
	var out []string
	for line := range strings.Lines(text) {
		for _, part := range strings.FieldsFunc(line, func(r rune) bool { return strings.ContainsRune(";&|()`\n", r) }) {
			f := strings.Fields(part)
			for len(f) > 0 && (slices.Contains([]string{"if", "then", "else", "elif", "do", "while", "until", "!", "exec", "{", "}"}, f[0]) ||
				strings.Contains(f[0], "=") && plainName(f[0][:strings.IndexByte(f[0], '=')])) {
				f = f[1:]
			}
			if len(f) == 0 {
				continue
			}
			if f[0][0] == '#' {
				break
			}
			name := f[0]
			if dir := strings.LastIndexByte(name, '/'); dir >= 0 && strings.Contains(name[:dir], "bin") {
				name = name[dir+1:]
			}
			if slices.Contains(names, name) {
				out = append(out, strings.Join(f, " "))
			}
		}
	}
	return out
}

func usesWord(text, name string) bool { return len(calls(text, name)) > 0 }

// stopsItself tells whether a script calls `stop` without naming a job.
func stopsItself(text string) bool { return slices.Contains(calls(text, "stop"), "stop") }

// eventVariables are those that the events of a boot and of the bridges
// carry, in their order.
var eventVariables = map[string][]string{
	"starting": {"JOB", "INSTANCE"}, "started": {"JOB", "INSTANCE"},
	"stopping":      {"JOB", "INSTANCE", "RESULT", "PROCESS", "EXIT_STATUS", "EXIT_SIGNAL"},
	"stopped":       {"JOB", "INSTANCE", "RESULT", "PROCESS", "EXIT_STATUS", "EXIT_SIGNAL"},
	"runlevel":      {"RUNLEVEL", "PREVLEVEL", "INIT_HALT"},
	"net-device-up": {"IFACE", "LOGICAL", "ADDRFAM", "METHOD"}, "net-device-added": {"INTERFACE"},
	"mounted":  {"DEVICE", "MOUNTPOINT", "TYPE", "OPTIONS"},
	"mounting": {"DEVICE", "MOUNTPOINT", "TYPE", "OPTIONS"},
	"file":     {"FILE", "EVENT", "MATCH"},
	"socket":   {"PROTO", "PORT", "ADDR", "SOCKET_PATH"},
	"calendar": {"SPEC", "TIME"},
	"mount":    {"MOUNTPOINT", "TYPE", "DEVICE"},
}

// deviceVariables are those of all device events.
var deviceVariables = []string{"KERNEL", "DEVPATH", "DEVNAME", "SUBSYSTEM", "ACTION"}

// scripts says what of the commands will not work: variables of events, and
// the tools of Upstart.
func (c *conversion) scripts(start effect) {
	text := c.commandText()
	var lost []string
	have := func(name string) bool {
		pair := func(p string) bool { return strings.HasPrefix(p, name+"=") }
		return name == c.variable || slices.Contains(lost, name) ||
			c.svc.Exec != nil && slices.ContainsFunc(c.svc.Exec.Environment, pair) || slices.ContainsFunc(start.environment, pair)
	}
	lose := func(names ...string) {
		for _, n := range names {
			if mentions(text, n) && !have(n) && !strings.Contains(text, n+"=") {
				lost = append(lost, n)
			}
		}
	}
	if c.u.Events != nil {
		for _, t := range c.u.Events.StartOn {
			lose(eventVariables[t.Event]...)
			if _, _, ok := deviceEvent(t.Event); ok {
				lose(deviceVariables...)
			}
			for _, m := range t.Match {
				lose(m.Key)
			}
		}
	}
	lose("UPSTART_EVENTS", "UPSTART_STOP_EVENTS")
	if len(lost) > 0 {
		c.stanza("$"+strings.Join(lost, ", $"), "what starts a unit gives it no variables")
	}
	var seen []string
	for _, cmd := range c.svc.Commands {
		for _, call := range calls(commandText(cmd), tools...) {
			if call == "start" && cmd.Phase == unit.PhasePreStop { // said with the command
				continue
			}
			if call == "stop" && cmd.Phase == unit.PhaseStartPre && len(unit.Of(c.svc.Commands, unit.PhaseStart)) > 0 || slices.Contains(seen, call) {
				continue
			}
			seen = append(seen, call)
			c.note(&c.service, cmd.Pos, call, c.advice(call))
		}
	}
}

// advice is what to call in the place of a tool of Upstart.
func (c *conversion) advice(call string) string {
	f := slices.DeleteFunc(strings.Fields(call), func(w string) bool { return w[0] == '-' })
	verb := f[0][strings.LastIndexByte(f[0], '/')+1:]
	if verb == "initctl" && len(f) > 1 {
		f = f[1:]
		verb = f[0]
	}
	switch verb {
	case "start", "stop", "restart", "reload", "status":
		return "for a unit it is systemctl " + verb + " " + c.target(f[1:])
	case "emit":
		return "systemd has no events; a target can be started in the place of one"
	case "telinit", "runlevel":
		return "systemd has it only for compatibility (runlevel(8))"
	case "set-env", "unset-env":
		return "systemctl set-environment is for all units, none is for this one alone"
	case "list":
		return "for units it is systemctl list-units"
	case "reload-configuration":
		return "for units it is systemctl daemon-reload"
	}
	return "systemctl has nothing like it"
}

// target is the unit that the arguments of `start` and its kin name; without
// any it is the job's own.
func (c *conversion) target(args []string) string {
	if len(args) == 0 {
		return c.name
	}
	job := strings.Trim(args[0], `"'`)
	if job == "$UPSTART_JOB" || job == "${UPSTART_JOB}" {
		return c.name
	}
	name, ok := unitOf(job)
	if strings.Contains(job, "$") || !ok {
		name = job + ".service"
	}
	if len(args) > 1 && strings.Contains(args[1], "=") {
		p := unit.Split(name)
		_, p.Instance, _ = strings.Cut(args[1], "=")
		p.At = true
		name = p.String()
	}
	return name
}
