// SPDX-License-Identifier: Apache-2.0

package systemd

import (
	"errors"
	"strconv"
	"strings"

	"github.com/rouse-init/rouse/internal/unit"
)

// capabilities are the names of capabilities(7) by number, without "cap_".
var capabilities = strings.Fields("chown dac_override dac_read_search fowner fsetid kill setgid setuid setpcap " +
	"linux_immutable net_bind_service net_broadcast net_admin net_raw ipc_lock ipc_owner sys_module sys_rawio " +
	"sys_chroot sys_ptrace sys_pacct sys_admin sys_boot sys_nice sys_resource sys_time sys_tty_config mknod lease " +
	"audit_write audit_control setfcap mac_override mac_admin syslog wake_alarm block_suspend audit_read perfmon " +
	"bpf checkpoint_restore")

// allCapabilities has a bit for every number that the kernel may come to use.
const allCapabilities = ^uint64(0)

// capabilitySet merges one assignment into a set: "~" takes away, the first
// one replaces initial, an empty one empties it.
func (b *build) capabilitySet(set *uint64, initial uint64, v string) error {
	rest, invert := strings.CutPrefix(v, "~")
	sum := uint64(0)
	err := b.words(rest, unquote, func(w string) error {
		name := strings.ToLower(w)
		if n, err := strconv.ParseUint(name, 10, 6); err == nil {
			sum |= 1 << n
			return nil
		}
		n := lookup(capabilities, strings.TrimPrefix(name, "cap_"))
		if n < 0 {
			err := errors.New("expected a capability such as CAP_NET_ADMIN")
			if near := nearest(strings.TrimPrefix(name, "cap_"), capabilities); near != "" {
				return hinted{err, "did you mean CAP_" + strings.ToUpper(near) + "?"}
			}
			return err
		}
		sum |= 1 << n
		return nil
	})
	switch {
	case err != nil:
		return err
	case (sum == 0 || *set == initial) && invert:
		*set = allCapabilities &^ sum
	case sum == 0 || *set == initial:
		*set = sum
	case invert:
		*set &^= sum
	default:
		*set |= sum
	}
	return nil
}

func (b *build) caps() *unit.Caps {
	if b.exec.Caps == nil {
		b.exec.Caps = &unit.Caps{Bounding: allCapabilities}
	}
	return b.exec.Caps
}

func setBounding(b *build, v string) error {
	c := b.caps()
	err := b.capabilitySet(&c.Bounding, allCapabilities, v)
	c.SetBounding = c.Bounding != allCapabilities
	return err
}

func setAmbient(b *build, v string) error { return b.capabilitySet(&b.caps().Ambient, 0, v) }

// setSecureBits reads the names of systemd.exec(5); the bits are those of
// linux/securebits.h.
func setSecureBits(b *build, v string) error {
	if v == "" {
		b.caps().SecureBits = 0
		return nil
	}
	list := strings.Fields("noroot noroot-locked no-setuid-fixup no-setuid-fixup-locked keep-caps keep-caps-locked")
	return b.words(v, unquote, func(w string) error {
		n := lookup(list, w)
		if n < 0 {
			return notOneOf(w, list)
		}
		b.caps().SecureBits |= 1 << n
		return nil
	})
}
