// SPDX-License-Identifier: Apache-2.0

package manager

import (
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rouse-init/rouse/internal/diag"
	"github.com/rouse-init/rouse/internal/format/systemd"
	"github.com/rouse-init/rouse/internal/load"
	"github.com/rouse-init/rouse/internal/unit"
)

func (m *Manager) openLoader() { m.loader = load.New(m.loadConfig()) }

// loadConfig is where units come from.
func (m *Manager) loadConfig() load.Config {
	cfg := load.Config{
		Paths: m.cfg.Paths, Getenv: os.Getenv, Options: systemd.Options{Facts: m.facts4units()},
		Inetd: m.cfg.Inetd, InetdOptions: m.cfg.InetdOptions, Program: m.cfg.Program,
	}
	if m.cfg.user(m.uid) {
		cfg.Scope = load.User
	}
	if u := &m.cfg.Upstart; u.JobDirs != nil || u.PrependJobDirs != nil || u.AppendJobDirs != nil {
		cfg.JobPaths = u.JobDirsOr(load.JobLookup(cfg))
	}
	if m.cfg.Mode == ModeUp || m.cfg.Mode == ModeOn {
		cfg.SocketDir = m.cfg.Runtime // it goes when the manager does
	}
	if m.cfg.Mode == ModeOn {
		cfg.NoJobs = true
		cfg.Paths = []string{filepath.Join(m.cfg.Runtime, "units")}
	}
	return cfg
}

// facts4units are what specifiers resolve to.
func (m *Manager) facts4units() *systemd.Facts {
	f := &systemd.Facts{
		Lookup: specifier(), User: "root", UID: strconv.Itoa(m.uid), Group: "root", GID: strconv.Itoa(os.Getgid()),
		Home: os.Getenv("HOME"), Shell: os.Getenv("SHELL"),
	}
	if u, err := user.LookupId(f.UID); err == nil {
		f.User = u.Username
		if f.Home == "" {
			f.Home = u.HomeDir
		}
	}
	if g, err := user.LookupGroupId(f.GID); err == nil {
		f.Group = g.Name
	}
	if f.Shell == "" {
		f.Shell = "/bin/sh"
	}
	f.RuntimeDir, f.StateDir = m.dirRoot(unit.RuntimeDir), m.dirRoot(unit.StateDir)
	f.CacheDir, f.LogsDir = m.dirRoot(unit.CacheDir), m.dirRoot(unit.LogsDir)
	f.ConfigDir = m.dirRoot(unit.ConfigurationDir)
	f.TmpDir, f.VarTmpDir = "/tmp", "/var/tmp"
	for _, v := range []string{"TMPDIR", "TEMP", "TMP"} {
		if dir := os.Getenv(v); dir != "" {
			f.TmpDir, f.VarTmpDir = dir, dir
			break
		}
	}
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) == nil {
		f.TotalMemory = uint64(info.Totalram) * uint64(info.Unit) //nolint:unconvert // narrower on 32-bit architectures
	}
	if b, err := os.ReadFile("/proc/sys/kernel/pid_max"); err == nil {
		f.MaxTasks, _ = strconv.ParseUint(strings.TrimSpace(string(b)), 10, 64)
	}
	return f
}

// specifier reads what the rarer specifiers of systemd.unit(5) stand for.
func specifier() func(byte) (string, error) {
	known := make(map[byte]string)
	return func(c byte) (string, error) {
		if v, ok := known[c]; ok {
			return v, nil
		}
		v, err := readSpecifier(c)
		if err == nil {
			known[c] = v
		}
		return v, err
	}
}

func readSpecifier(c byte) (string, error) {
	release := map[byte]string{'A': "IMAGE_VERSION", 'B': "BUILD_ID", 'M': "IMAGE_ID", 'o': "ID", 'w': "VERSION_ID", 'W': "VARIANT_ID"}
	switch c {
	case 'a':
		return map[string]string{"amd64": "x86-64", "arm64": "arm64", "386": "x86"}[runtime.GOARCH], nil
	case 'b':
		return strings.ReplaceAll(line("/proc/sys/kernel/random/boot_id"), "-", ""), nil
	case 'm':
		return line("/etc/machine-id"), nil
	case 'H', 'q':
		return os.Hostname()
	case 'l':
		h, err := os.Hostname()
		h, _, _ = strings.Cut(h, ".")
		return h, err
	case 'v':
		return line("/proc/sys/kernel/osrelease"), nil
	}
	for _, l := range strings.Split(line("/etc/os-release"), "\n") {
		if k, v, ok := strings.Cut(l, "="); ok && k == release[c] {
			return strings.Trim(v, `"'`), nil
		}
	}
	return "", nil
}

func line(path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// firstStart loads what is to run and asks for it.
func (m *Manager) firstStart() {
	var units []*unit.Unit
	var list diag.List
	switch {
	case len(m.cfg.Units) > 0:
		m.saved.Start = m.cfg.Units
		units, list = m.loader.Load(m.cfg.Units...)
	case m.cfg.Mode == ModeUp || m.cfg.Mode == ModeOn:
		var plan load.Plan
		plan, units, list = m.loader.Plan()
		m.saved.Start = plan.Start
		if m.cfg.Mode == ModeUp && len(plan.Start)+len(plan.Jobs) == 0 && len(m.loader.JobNames()) == 0 {
			m.say("nothing to start: %s", plan.Why)
		}
	default:
		m.saved.Start = []string{"default.target"}
		units, list = m.loader.Load("default.target")
	}
	jobs, more := m.loader.Jobs()
	m.report(append(list, more...))
	m.loaded(union(units, jobs), nil)
	m.startup.started = true
	m.startup.event(m)
	for _, name := range m.saved.Start {
		m.startup.wish(m, name)
	}
	m.startup.check(m)
}

func wallClock() time.Time { return time.Now() }

// union is a and those of b that are not in it, by name.
func union(a, b []*unit.Unit) []*unit.Unit {
	known := make(map[string]bool, len(a))
	for _, u := range a {
		known[u.Name] = true
	}
	for _, u := range b {
		if !known[u.Name] {
			a = append(a, u)
		}
	}
	return a
}
