// SPDX-License-Identifier: Apache-2.0

package condition

import (
	"os"
	"path"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// architectures are systemd's names for those of Go.
var architectures = map[string]string{
	"amd64": "x86-64", "386": "x86", "arm64": "arm64", "arm": "arm", "riscv64": "riscv64",
	"ppc64": "ppc64", "ppc64le": "ppc64-le", "s390x": "s390x", "loong64": "loongarch64",
}

func architecture(arg string) (bool, error) {
	own := architectures[runtime.GOARCH]
	return arg == "native" || arg == own, nil
}

func host(arg string) (bool, error) {
	if id := fileText("/etc/machine-id"); id != "" && strings.EqualFold(id, strings.ReplaceAll(arg, "-", "")) {
		return true, nil
	}
	name, err := os.Hostname()
	if err != nil {
		return false, err
	}
	return path.Match(strings.ToLower(arg), strings.ToLower(name))
}

// kernelCommandLine: a word without "=" matches both "word" and "word=...".
func kernelCommandLine(arg string) (bool, error) {
	file := "/proc/cmdline"
	if os.Getpid() != 1 && os.Getenv("container") != "" {
		file = "/proc/1/cmdline"
	}
	for _, w := range strings.Fields(strings.ReplaceAll(fileText(file), "\x00", " ")) {
		if w == arg || !strings.Contains(arg, "=") && strings.HasPrefix(w, arg+"=") {
			return true, nil
		}
	}
	return false, nil
}

func kernelVersion(arg string) (bool, error) {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return false, err
	}
	release := unix.ByteSliceToString(u.Release[:])
	for _, word := range strings.Fields(arg) {
		op, want := comparison(word)
		if op == "" {
			ok, err := path.Match(want, release)
			if err != nil || !ok {
				return false, err
			}
			continue
		}
		if !holds(op, compareVersions(release, want)) {
			return false, nil
		}
	}
	return true, nil
}

func firstBoot(arg string) (bool, error) {
	want, err := boolean(arg)
	if err != nil {
		return false, err
	}
	_, err = os.Stat("/run/systemd/first-boot")
	return (err == nil) == want, nil
}

func environment(arg string) (bool, error) {
	name, value, exact := strings.Cut(arg, "=")
	got, ok := os.LookupEnv(name)
	return ok && (!exact || got == value), nil
}

func credential(arg string) (bool, error) {
	for _, v := range []string{"CREDENTIALS_DIRECTORY", "ENCRYPTED_CREDENTIALS_DIRECTORY"} {
		if dir := os.Getenv(v); dir != "" {
			if _, err := os.Stat(path.Join(dir, path.Base(arg))); err == nil {
				return true, nil
			}
		}
	}
	return false, nil
}

// acPower holds when a mains supply is online, or when none is known.
func acPower(arg string) (bool, error) {
	want, err := boolean(arg)
	if err != nil {
		return false, err
	}
	const dir = "/sys/class/power_supply"
	supplies, err := os.ReadDir(dir)
	if err != nil {
		supplies = nil
	}
	seen, online := false, false
	for _, s := range supplies {
		if fileText(path.Join(dir, s.Name(), "type")) == "Mains" {
			seen = true
			online = online || fileText(path.Join(dir, s.Name(), "online")) == "1"
		}
	}
	return (online || !seen) == want, nil
}

func memory(arg string) (bool, error) {
	op, want := comparison(arg)
	if op == "" {
		op = ">="
	}
	n, err := size(want)
	if err != nil {
		return false, err
	}
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		return false, err
	}
	return holds(op, compare(uint64(info.Totalram)*uint64(info.Unit), n)), nil //nolint:unconvert // narrower on 32-bit architectures
}

func cpus(arg string) (bool, error) {
	op, want := comparison(arg)
	if op == "" {
		op = ">="
	}
	n, err := strconv.Atoi(want)
	if err != nil {
		return false, err
	}
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return false, err
	}
	return holds(op, compare(set.Count(), n)), nil
}

func cpuFeature(arg string) (bool, error) {
	for _, line := range strings.Split(fileText("/proc/cpuinfo"), "\n") {
		k, v, ok := strings.Cut(line, ":")
		if k = strings.TrimSpace(k); !ok || k != "flags" && k != "Features" {
			continue
		}
		for _, f := range strings.Fields(v) {
			if f == arg {
				return true, nil
			}
		}
		return false, nil
	}
	return false, nil
}

func osRelease(arg string) (bool, error) {
	values := assignments("/etc/os-release")
	if values == nil {
		values = assignments("/usr/lib/os-release")
	}
	for _, word := range strings.Fields(arg) {
		i := strings.IndexAny(word, "=!<>$")
		if i < 0 {
			return false, strconv.ErrSyntax
		}
		op, want := comparison(word[i:])
		got, want := values[word[:i]], strings.Trim(want, `"'`)
		switch op {
		case "=", "":
			if got != want {
				return false, nil
			}
		case "!=":
			if got == want {
				return false, nil
			}
		default:
			if !holds(op, compareVersions(got, want)) {
				return false, nil
			}
		}
	}
	return true, nil
}
