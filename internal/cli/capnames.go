// SPDX-License-Identifier: Apache-2.0

package cli

import "strings"

// capNames are the capabilities of capabilities(7) by number.
var capNames = [...]string{
	"chown", "dac_override", "dac_read_search", "fowner", "fsetid", "kill", "setgid", "setuid", "setpcap", "linux_immutable",
	"net_bind_service", "net_broadcast", "net_admin", "net_raw", "ipc_lock", "ipc_owner", "sys_module", "sys_rawio", "sys_chroot",
	"sys_ptrace", "sys_pacct", "sys_admin", "sys_boot", "sys_nice", "sys_resource", "sys_time", "sys_tty_config", "mknod", "lease",
	"audit_write", "audit_control", "setfcap", "mac_override", "mac_admin", "syslog", "wake_alarm", "block_suspend", "audit_read",
	"perfmon", "bpf", "checkpoint_restore",
}

func capabilityNames(set uint64) string {
	var words []string
	for i, n := range capNames {
		if set&(1<<i) != 0 {
			words = append(words, "cap_"+n)
		}
	}
	return strings.Join(words, " ")
}
