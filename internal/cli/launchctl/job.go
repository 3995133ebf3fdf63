// SPDX-License-Identifier: Apache-2.0

package launchctl

import (
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/rouse-init/rouse/internal/bus/client"
	"github.com/rouse-init/rouse/internal/bus/wire"
	"github.com/rouse-init/rouse/internal/format/launchd"
	"github.com/rouse-init/rouse/internal/format/launchd/plist"
	"github.com/rouse-init/rouse/internal/load"
	"github.com/rouse-init/rouse/internal/unit"
)

// job is one job as the manager knows it.
type job struct {
	label, unit string
	path        string // of its property list
	known       bool   // the manager has a unit of this name
	active      string
	pid         uint64
	ended       bool  // it has run, and LastExit is of its end
	status      int64 // a wait status (wait(2))
}

// config is where the manager of this user looks for jobs.
func (r *run) config() load.Config {
	c := load.Config{Root: r.Root, Scope: load.System, Getenv: r.Getenv}
	if r.UID != 0 {
		c.Scope = load.User
	}
	return c
}

// dirs are the directories of jobs on this host, that of this boot first.
func (r *run) dirs() (all []string, runtime string) {
	c := r.config()
	root := load.Root(c.Root)
	for _, d := range load.AgentDirs(c) {
		all = append(all, root.Host(d))
	}
	if d := load.RuntimeAgents(c); d != "" {
		runtime = root.Host(d)
	}
	return all, runtime
}

// labelOf takes the label out of a unit's name.
func labelOf(name string) string {
	name = strings.TrimSuffix(strings.TrimSuffix(name, ".service"), "@")
	if plain, err := unit.Unescape(strings.ReplaceAll(name, "-", `\x2d`)); err == nil {
		return plain
	}
	return name
}

// split takes the domain off DOMAIN/LABEL, such as system/org.x or gui/501/org.x.
// A label alone is one, too.
func split(target string) (label string) {
	switch first, rest, _ := strings.Cut(target, "/"); first {
	case "system":
		return rest
	case "user", "gui", "login", "pid", "session":
		_, label, _ = strings.Cut(rest, "/")
		return label
	}
	return target
}

// find asks the manager for a job by its label.
func (r *run) find(label string) (job, error) {
	conn, err := r.connect()
	if err != nil {
		return job{}, err
	}
	name := launchd.ServiceName(label)
	if unit.KindOf(label) == unit.KindService {
		name = label
	}
	return r.ask(conn, name)
}

// ask reads one unit; of an inetd job that is its template, of which nothing
// but the file is known.
func (r *run) ask(conn *client.Conn, name string) (job, error) {
	j := job{label: labelOf(name), unit: name}
	if !unit.ValidName(name) {
		return j, nil
	}
	if _, err := conn.Manager("LoadUnit", "s", func(e *wire.Encoder) { e.String(name) }); err != nil {
		return j, err
	}
	props, err := conn.Unit(name)
	if err != nil {
		return j, err
	}
	j.path = props.Text("FragmentPath")
	state := props.Text("LoadState")
	j.known = state == "loaded" || state == "bad-setting"
	j.active = props.Text("ActiveState")
	j.pid = props.Number("MainPID")
	if code := props.Number("ExecMainCode"); code != 0 {
		j.ended = true
		j.status = int64(int32(props.Number("ExecMainStatus")))
		if code == 1 { // CLD_EXITED of waitid(2); else a signal
			j.status <<= 8
		}
	}
	return j, nil
}

// jobs are all jobs of launchd that the manager knows, by label.
func (r *run) jobs() ([]job, error) {
	conn, err := r.connect()
	if err != nil {
		return nil, err
	}
	rows, err := conn.ListUnits(nil, []string{"*.service", "*.socket"})
	if err != nil {
		return nil, err
	}
	var out []job
	seen := map[string]bool{}
	for _, row := range rows {
		if row.Load == "bad-setting" && row.Active != "active" {
			continue // launchd does not load what it cannot read
		}
		path := conn.Fragment(row.Name)
		if !load.IsPropertyList(path) || seen[path] {
			continue
		}
		p := r.read(path)
		if p == nil || strings.Contains(p.Service(), "@") && unit.KindOf(row.Name) != unit.KindSocket {
			continue
		}
		seen[path] = true
		j := job{label: p.Label, unit: p.Service(), path: path, known: true}
		if !unit.IsTemplate(p.Service()) {
			if j, err = r.ask(conn, p.Service()); err != nil {
				continue // it has gone since
			}
			j.label = p.Label
		}
		if p.Off && j.pid == 0 {
			continue // it is not loaded
		}
		out = append(out, j)
	}
	slices.SortFunc(out, func(a, b job) int { return strings.Compare(a.label, b.label) })
	return out, nil
}

// read reads a property list as the manager does, but for ports and hosts,
// which are not looked up: what is asked here is the names of its units. It is
// nil where the file cannot be read.
func (r *run) read(path string) *launchd.Job {
	text, err := readFile(path)
	if err != nil {
		return nil
	}
	opt := launchd.Options{
		User:     r.UID != 0,
		Port:     func(string, string) (uint16, bool) { return 1, true },
		Addrs:    func(string) []netip.Addr { return []netip.Addr{netip.IPv6Loopback(), netip.MustParseAddr("127.0.0.1")} },
		Disabled: r.disabled(filepath.Dir(path)),
	}
	opt.Host, _ = os.Hostname() // as good as none
	opt.RuntimeDir = r.Getenv("XDG_RUNTIME_DIR")
	if !filepath.IsAbs(opt.RuntimeDir) {
		opt.RuntimeDir = ""
	}
	return launchd.Parse(path, text, opt)
}

// root reads the dictionary of a job, nil where it cannot be read.
func root(path string) *plist.Value {
	text, err := readFile(path)
	if err != nil {
		return nil
	}
	v, _ := plist.Parse(path, text)
	if v == nil || v.Kind != plist.Dict {
		return nil
	}
	return v
}

// readFile reads a regular file that is not larger than any property list.
func readFile(path string) ([]byte, error) {
	const most = 4 << 20
	st, err := os.Stat(path)
	if err == nil && (!st.Mode().IsRegular() || st.Size() > most) {
		err = &os.PathError{Op: "read", Path: path, Err: os.ErrInvalid}
	}
	if err != nil {
		return nil, err
	}
	return os.ReadFile(path)
}

// column is the second one of list.
func (j job) column() string {
	switch {
	case j.pid != 0:
		return "-"
	case j.status&0x7f != 0:
		return strconv.FormatInt(-(j.status & 0x7f), 10)
	}
	return strconv.FormatInt(j.status>>8, 10)
}
