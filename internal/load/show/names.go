// SPDX-License-Identifier: Apache-2.0

package show

import "github.com/rouse-init/rouse/internal/unit"

// pick returns the i-th word, "" for a value that has none.
func pick(i int, words ...string) string {
	if i < 0 || i >= len(words) {
		return ""
	}
	return words[i]
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// ServiceType is Type= in systemd's spelling.
func ServiceType(t unit.ServiceType) string {
	return pick(int(t), "simple", "exec", "forking", "oneshot", "dbus", "notify", "notify-reload", "idle")
}

// RestartPolicy is Restart= in systemd's spelling.
func RestartPolicy(r unit.RestartPolicy) string {
	return pick(int(r), "no", "on-success", "on-failure", "on-abnormal", "on-watchdog", "on-abort", "always")
}

// LoadState is the load state in systemd's spelling.
func LoadState(s unit.LoadState) string {
	return pick(int(s), "loaded", "not-found", "bad-setting", "error", "masked", "stub")
}

// JobMode is a job mode in systemd's spelling.
func JobMode(m unit.JobMode) string {
	return pick(int(m), "replace", "fail", "replace-irreversibly", "isolate", "flush", "ignore-dependencies",
		"ignore-requirements", "triggering", "restart-dependencies")
}

// Action is an emergency action in systemd's spelling.
func Action(a unit.Action) string {
	return pick(int(a), "none", "reboot", "reboot-force", "reboot-immediate", "poweroff", "poweroff-force",
		"poweroff-immediate", "exit", "exit-force", "soft-reboot", "soft-reboot-force", "kexec", "kexec-force",
		"halt", "halt-force", "halt-immediate")
}

// CollectMode is CollectMode= in systemd's spelling.
func CollectMode(m unit.CollectMode) string {
	return pick(int(m), "inactive", "inactive-or-failed")
}

func timeoutMode(m unit.TimeoutMode) string { return pick(int(m), "terminate", "abort", "kill") }

func preserve(p unit.FDPreserve) string { return pick(int(p), "restart", "no", "yes") }
