// SPDX-License-Identifier: Apache-2.0

package condition

import (
	"os"
	"strconv"
	"strings"

	"github.com/moby/sys/capability"
)

// hasCapability: the capability is in the manager's bounding set.
func hasCapability(arg string) (bool, error) {
	name := strings.TrimPrefix(strings.ToLower(arg), "cap_")
	caps, err := capability.NewPid2(0)
	if err != nil {
		return false, err
	}
	if err := caps.Load(); err != nil {
		return false, err
	}
	for _, c := range capability.ListKnown() {
		if c.String() == name {
			return caps.Get(capability.BOUNDING, c), nil
		}
	}
	return false, errUnknown
}

// virtualization tells containers by what their managers leave, and virtual
// machines by the kernel's DMI strings and the CPU's hypervisor flag.
func virtualization(arg string) (bool, error) {
	container := Container()
	machine := machineKind()
	switch arg {
	case "container":
		return container != "", nil
	case "vm":
		return container == "" && machine != "", nil
	case "private-users":
		return fileText("/proc/self/uid_map") != "         0          0 4294967295", nil
	}
	if want, err := boolean(arg); err == nil {
		return (container != "" || machine != "") == want, nil
	}
	if container != "" {
		return arg == container, nil
	}
	return arg == machine, nil
}

// Container names the kind of container that this is, "" for none: as its
// maker says it in the environment (systemd's Container Interface), or as
// docker and podman leave it.
func Container() string {
	if c := os.Getenv("container"); c != "" {
		return c
	}
	if _, err := os.Stat("/.dockerenv"); err == nil {
		return "docker"
	}
	if _, err := os.Stat("/run/.containerenv"); err == nil {
		return "podman"
	}
	return fileText("/run/systemd/container")
}

var vendors = []struct{ prefix, kind string }{
	{"KVM", "kvm"},
	{"OpenStack", "kvm"},
	{"Amazon EC2", "amazon"},
	{"QEMU", "qemu"},
	{"VMware", "vmware"},
	{"VMW", "vmware"},
	{"innotek GmbH", "oracle"},
	{"VirtualBox", "oracle"},
	{"Xen", "xen"},
	{"Bochs", "bochs"},
	{"Parallels", "parallels"},
	{"BHYVE", "bhyve"},
	{"Hyper-V", "microsoft"},
	{"Apple Virtualization", "apple"},
	{"Google Compute Engine", "google"},
}

func machineKind() string {
	for _, file := range []string{"product_name", "sys_vendor", "board_vendor", "bios_vendor", "product_version"} {
		text := fileText("/sys/class/dmi/id/" + file)
		for _, v := range vendors {
			if strings.HasPrefix(text, v.prefix) {
				return v.kind
			}
		}
	}
	if ok, err := cpuFeature("hypervisor"); ok && err == nil {
		return "vm-other"
	}
	return ""
}

// pressure makes the check of MemoryPressure= and its kin: "[slice:]limit%
// [/timespan]" holds while the average stays below the limit. Only the
// system-wide pressure is read; a limit for a slice is judged by it too.
func pressure(resource string) checkFunc {
	return func(arg string) (bool, error) {
		if i := strings.LastIndexByte(arg, ':'); i >= 0 {
			arg = arg[i+1:]
		}
		limit, span, _ := strings.Cut(arg, "/")
		want, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(limit), "%"), 64)
		if err != nil {
			return false, err
		}
		field := map[string]string{"": "avg300=", "10s": "avg10=", "1min": "avg60=", "5min": "avg300="}[strings.TrimSpace(span)]
		const kind = "some "
		for _, line := range strings.Split(fileText("/proc/pressure/"+resource), "\n") {
			if !strings.HasPrefix(line, kind) {
				continue
			}
			for _, w := range strings.Fields(line) {
				if v, ok := strings.CutPrefix(w, field); ok && field != "" {
					got, err := strconv.ParseFloat(v, 64)
					return got <= want, err
				}
			}
		}
		return true, nil // no pressure information in this kernel: as systemd, it holds
	}
}
