// SPDX-License-Identifier: Apache-2.0

package convert

import (
	"net/netip"
	"strings"

	"github.com/rouse-init/rouse/internal/unit"
)

func startOnSocket(t unit.Term, none func(string) effect) effect {
	address, why := listenAddress(t)
	if why != "" {
		return none(why)
	}
	return effect{sockets: []string{address}}
}

// listenAddress is the address of a socket event (socket-event(7)) as
// ListenStream= has it.
func listenAddress(t unit.Term) (address, why string) {
	unixPath := exactText(t, "SOCKET_PATH", 1)
	if unixPath == "" {
		unixPath = exactText(t, "PATH", -1)
	}
	port := exact(t, "PORT", 1)
	ip := exact(t, "ADDR", 2)
	switch exact(t, "PROTO", 0) {
	case "unix":
		if unixPath == "" || unixPath[0] != '/' && unixPath[0] != '@' {
			return "", "it names no path of a socket"
		}
		return escapeText(unixPath), ""
	case "inet":
		if ip == "" {
			ip = "0.0.0.0"
		}
	case "inet6":
		if ip == "" {
			ip = "::"
		}
	default:
		return "", "it names no protocol"
	}
	a, err := netip.ParseAddr(ip)
	if err != nil || port == "" || strings.Trim(port, "0123456789") != "" {
		return "", "it names no address to listen on"
	}
	if a.Is6() {
		return "[" + a.String() + "]:" + port, ""
	}
	return a.String() + ":" + port, ""
}

// startOnFile is `start on file` (file-event(7)). A path unit looks at
// states, not at events: a task must not be started again while the file is
// still there.
func (c *conversion) startOnFile(t unit.Term, none func(string) effect) effect {
	file := exactText(t, "FILE", 0)
	if !strings.HasPrefix(file, "/") {
		return none("it names no file")
	}
	glob := strings.ContainsAny(file, "*?[")
	event := exact(t, "EVENT", 1)
	line := func(key string) effect { return effect{paths: []string{key + "=" + escapeText(file)}} }
	switch {
	case glob && (event == "modify" || event == "delete"):
		return none("path units watch patterns for files that exist, nothing else")
	case glob:
		return line("PathExistsGlob")
	case strings.HasSuffix(file, "/") && event != "delete" && event != "modify":
		return line("DirectoryNotEmpty")
	case strings.HasSuffix(file, "/") && event == "modify" && !c.job.Task:
		// What is in the directory when the job comes into being is told too.
		return line("DirectoryNotEmpty").with(line("PathChanged"))
	case event == "create" && !c.job.Task:
		return line("PathExists")
	case event == "delete":
		e := line("PathChanged")
		e.missing = none("PathChanged= starts the service when the file is made or changed, too").missing
		return e
	}
	return line("PathChanged")
}

// deviceEvent takes the name of an event of the udev bridge apart.
func deviceEvent(name string) (subsystem, action string, ok bool) {
	subsystem, action, ok = strings.Cut(name, "-device-")
	if !ok || subsystem == "" || action != "added" && action != "changed" && action != "removed" {
		return "", "", false
	}
	return subsystem, action, true
}

func interfaceUnit(name string) string {
	if name == "%I" {
		return "sys-subsystem-net-devices-%i.device"
	}
	return "sys-subsystem-net-devices-" + unit.Escape(name) + ".device"
}

// onDevice is a service that is started by a device that has a unit.
func onDevice(name string) effect {
	return effect{wantedBy: []string{name}, after: []string{name}}
}

// deviceUnit is the unit of the one device that an event is about.
func (c *conversion) deviceUnit(t unit.Term, subsystem string) string {
	for _, key := range [...]string{"DEVNAME", "INTERFACE", "KERNEL"} {
		m, ok := match(t, key, -1)
		if !ok {
			continue
		}
		name := c.instanceOr(m)
		switch {
		case name == "":
		case subsystem == "net" && key != "DEVNAME":
			return interfaceUnit(name)
		case name == "%I" && key == "DEVNAME":
			return "" // the path has slashes that %i keeps escaped otherwise
		case name == "%I":
			return "dev-%i.device"
		default:
			if key != "DEVNAME" {
				name = "/dev/" + name
			}
			if e, err := unit.EscapePath(name); err == nil {
				return e + ".device"
			}
		}
	}
	return ""
}

func startOnDevice(t unit.Term, subsystem, action string, none func(string) effect) effect {
	if action != "added" {
		return none("udev starts units only for devices that appear")
	}
	if name := exact(t, "DEVNAME", -1); strings.HasPrefix(name, "/dev/") {
		if e, err := unit.EscapePath(name); err == nil {
			return onDevice(e + ".device")
		}
	}
	if name := exact(t, "INTERFACE", -1); subsystem == "net" && name != "" {
		return onDevice(interfaceUnit(name))
	}
	rule := `SUBSYSTEM=="` + udevText(subsystem) + `"`
	for _, m := range t.Match {
		switch {
		case m.Key == "" || m.Key == "SUBSYSTEM" || m.Key == "ACTION":
			continue
		case m.Key == "KERNEL":
			rule += ", KERNEL"
		case !plainName(m.Key):
			continue
		default:
			rule += ", ENV{" + m.Key + "}"
		}
		if m.Negate {
			rule += "!="
		} else {
			rule += "=="
		}
		rule += `"` + udevText(strings.ReplaceAll(m.Value, "[!", "[^")) + `"`
	}
	return effect{rules: []string{rule}}
}

// udevText keeps a value inside its quotes in a rule (udev(7)).
func udevText(s string) string { return strings.ReplaceAll(printable(s), `"`, `?`) }

// triggers are the files that start the service on demand.
func (c *conversion) triggers(start effect) []File {
	var files []File
	add := func(k unit.Kind, what string, keys []string, target string) {
		s := section{name: strings.ToUpper(k.Suffix()[:1]) + k.Suffix()[1:], lines: keys}
		u := section{name: "Unit", lines: []string{"Description=" + escapeText(what+" "+c.job.Name)}}
		i := section{name: "Install", lines: []string{"WantedBy=" + target}}
		files = append(files, File{Name: unit.WithKind(c.name, k), Text: c.text(c.header()[:1], &u, &s, &i)})
	}
	if len(start.sockets) > 0 {
		add(unit.KindSocket, "Socket of", prefixed("ListenStream=", start.sockets), "sockets.target")
	}
	if len(start.paths) > 0 {
		add(unit.KindPath, "Files of", prefixed("", start.paths), "paths.target")
	}
	if len(start.calendars) > 0 {
		add(unit.KindTimer, "Timer of", prefixed("OnCalendar=", escapeAll(start.calendars)), "timers.target")
	}
	if len(start.rules) > 0 {
		files = append(files, c.rulesFile(start.rules))
	}
	return files
}

// triggerNames are the units among them: who enables the service enables them.
func (c *conversion) triggerNames(start effect) []string {
	var out []string
	if len(start.sockets) > 0 {
		out = append(out, unit.WithKind(c.name, unit.KindSocket))
	}
	if len(start.paths) > 0 {
		out = append(out, unit.WithKind(c.name, unit.KindPath))
	}
	if len(start.calendars) > 0 {
		out = append(out, unit.WithKind(c.name, unit.KindTimer))
	}
	return out
}

// rulesFile makes udev start the service for a device.
func (c *conversion) rulesFile(rules []string) File {
	wanted := c.name
	if c.template() {
		from := "%k"
		if c.variable != "INTERFACE" && c.variable != "KERNEL" {
			from = "$env{" + c.variable + "}"
		}
		wanted = strings.Replace(c.name, "@", "@"+from, 1)
	}
	text := wrap(c.header()[0]) + "\n" + wrap("Goes into /etc/udev/rules.d.") + "\n"
	for _, r := range rules {
		text += `ACTION=="add", ` + r + `, TAG+="systemd", ENV{SYSTEMD_WANTS}+="` + wanted + `"` + "\n"
	}
	return File{Name: "90-" + strings.TrimSuffix(unit.Split(c.name).Prefix, ".service") + ".rules", Text: text}
}

func prefixed(prefix string, values []string) []string {
	var out []string
	for _, v := range values {
		out = append(out, prefix+v)
	}
	return out
}

func escapeAll(values []string) []string {
	var out []string
	for _, v := range values {
		out = append(out, escapeText(v))
	}
	return out
}
