// SPDX-License-Identifier: Apache-2.0

package bridge

import (
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/rouse-init/rouse/internal/diag"
)

// setTransparent allows a socket to have an address of another machine
// (ip(7), IP_TRANSPARENT).
func setTransparent(fd int32, family int) unix.Errno {
	if family == unix.AF_INET6 {
		return sysSetInt(fd, unix.IPPROTO_IPV6, unix.IPV6_TRANSPARENT, 1)
	}
	return sysSetInt(fd, unix.IPPROTO_IP, unix.IP_TRANSPARENT, 1)
}

// bindAs gives fd the address of the client, with a port of its own. Where the
// client has none of this family fd is left as it is.
func bindAs(fd int32, a *about, family int) unix.Errno {
	if a == nil {
		return 0
	}
	from := a.from.inet()
	if !from.IsValid() || from.Addr().Is4() != (family == unix.AF_INET) {
		return 0
	}
	if errno := setTransparent(fd, family); errno != 0 {
		return errno
	}
	_ = sysSetInt(fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)
	sa := inetAddr(netip.AddrPortFrom(from.Addr(), 0))
	return sysBind(fd, &sa)
}

// checkTransparent finds out at the start whether it will work.
func checkTransparent() error {
	fd, errno := sysSocket(unix.AF_INET, unix.SOCK_STREAM)
	if errno == 0 {
		errno = setTransparent(fd, unix.AF_INET)
		sysClose(fd)
	}
	if errno == 0 {
		return nil
	}
	return diag.Diagnostic{
		Severity: diag.Error,
		Msg:      fmt.Sprintf("cannot connect from the clients' own addresses: IP_TRANSPARENT: %s; it needs CAP_NET_ADMIN", errno.Error()),
		Fix:      "run as root (AmbientCapabilities=CAP_NET_ADMIN), or tell the backend by --send-proxy=v2",
	}
}
