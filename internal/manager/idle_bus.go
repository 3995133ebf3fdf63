// SPDX-License-Identifier: Apache-2.0

package manager

import (
	"bytes"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rouse-init/rouse/internal/bus/client"
	"github.com/rouse-init/rouse/internal/engine"
	"github.com/rouse-init/rouse/internal/linux/poll"
	"github.com/rouse-init/rouse/internal/linux/sockdiag"
	"github.com/rouse-init/rouse/internal/unit"
)

// countService looks at a service itself: what it has used of the CPU, and
// whether messages wait for it.
func (m *Manager) countService(name string) engine.Count {
	u := m.engine.Def(name)
	c := engine.Count{Service: name, CPU: m.cpuOf(u)}
	if m.cg == nil && u != nil {
		c.CPU = cpuOfProcesses(m.pidsOf(u))
	}
	if u == nil || u.Service == nil || u.Service.BusName == "" {
		return c
	}
	list, err := m.busClients(u)
	if err != nil || len(list) == 0 {
		// What cannot be seen is taken for busy: no message is overlooked.
		if err != nil {
			m.sayOnce("bus"+name, "%s: cannot look at its connection to the message bus: %v; it stays awake", name, err)
		}
		c.Queued = 1
	}
	for i := range list {
		if list[i].Unread > 0 {
			c.Queued++
		}
	}
	return c
}

// busClients are a service's connections to the bus that it has its name on.
func (m *Manager) busClients(u *unit.Unit) ([]sockdiag.Client, error) {
	session := m.cfg.user(m.uid)
	if u.Service.Job != nil {
		session = u.Service.Job.SessionBus
	}
	var names []string
	for _, l := range m.buses.list {
		if slices.Contains(l.kinds, session) {
			if paths, err := client.ParseAddress(l.address); err == nil {
				names = append(names, paths...)
			}
		}
	}
	return m.diag.diag.Clients(sockdiag.Inodes(m.pidsOf(u)), names)
}

// takeBusConnections watches the connections of a frozen service to its bus.
// One that cannot be watched would never wake, so it is woken at once.
func (m *Manager) takeBusConnections(u *unit.Unit) {
	name := u.Name
	list, err := m.busClients(u)
	conns := make([]sockdiag.Conn, len(list))
	for i := range list {
		conns[i].Inode = list[i].Inode
	}
	var taken []sockdiag.Taken
	if err == nil {
		taken, err = sockdiag.Take(conns, m.pidsOf(u))
	}
	m.watched.taken[name] = append(m.watched.taken[name], taken...)
	for _, t := range taken {
		if bad := m.loop.Add(t.FD, poll.In|poll.RdHup, func(uint32) { m.connectionSpoke(name) }); bad != nil {
			err = bad
		}
	}
	if err != nil || len(taken) < len(list) || len(list) == 0 {
		m.sayOnce("take"+name, "%s: cannot watch its connection to the message bus while it is frozen (%v); it is woken again", name, err)
		m.connectionSpoke(name)
	}
}

// cpuOfProcesses is what is known of the CPU time without cgroups: that of the
// processes which are still there, in ticks of 10 ms (proc_pid_stat(5)).
func cpuOfProcesses(pids []int) engine.Time {
	const tick = engine.Time(10 * time.Millisecond)
	var sum engine.Time
	for _, pid := range pids {
		b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
		if err != nil {
			continue // it has ended
		}
		// The name may have blanks and parentheses in it.
		f := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
		for i := 11; i <= 12 && i < len(f); i++ { // utime and stime
			n, _ := strconv.ParseInt(f[i], 10, 40) // the kernel writes numbers
			sum += engine.Time(n) * tick
		}
	}
	return sum
}
