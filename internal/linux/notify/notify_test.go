// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func parsed(t testing.TB, data string, fds ...int) (Message, error) {
	t.Helper()
	m := empty()
	m.Pid, m.FDs = 7, fds
	err := m.parse([]byte(data))
	return m, err
}

func TestFields(t *testing.T) {
	const all = "READY=1\nRELOADING=1\nSTOPPING=1\nWATCHDOG=1\nWATCHDOG=trigger\nX_ROUSE_BUSY=1\nMONOTONIC_USEC=12\n" +
		"STATUS=a=b ünd\nERRNO=2\nBUSERROR=org.x.No\nEXIT_STATUS=255\nMAINPID=4711\nMAINPIDFD=1\nWATCHDOG_USEC=5\n" +
		"EXTEND_TIMEOUT_USEC=6\nNOTIFYACCESS=all\nFDSTORE=1\nFDSTOREREMOVE=1\nFDNAME=a b\nFDPOLL=0\nNEW_THING=9\nno sense\n"
	m, err := parsed(t, all)
	if err != nil {
		t.Fatal(err)
	}
	want := Message{
		Pid: 7, PidFD: -1, Ready: true, Reloading: true, Stopping: true, Watchdog: true, WatchdogTrigger: true, Busy: 1,
		MonotonicUS: 12, Status: "a=b ünd", StatusSaid: true, Errno: 2, BusError: "org.x.No", ExitStatus: 255, MainPid: 4711,
		MainPidFD: true, WatchdogUS: 5, ExtendUS: 6, NotifyAccess: 3, FDStore: true, FDStoreRemove: true, FDName: "a b", Barrier: -1,
	}
	if got, w := format(m), format(want); got != w {
		t.Errorf("got  %s\nwant %s", got, w)
	}
}

func TestNonsenseIsPassedOver(t *testing.T) {
	m, err := parsed(t, "READY=yes\nERRNO=-1\nEXIT_STATUS=256\nMAINPID=0\nWATCHDOG_USEC=x\nNOTIFYACCESS=some\nFDNAME=a:b\n"+
		"X_ROUSE_BUSY=\nSTATUS=\xff\nMONOTONIC_USEC=99999999999999999999")
	if err != nil {
		t.Fatal(err)
	}
	want := empty()
	want.Pid = 7
	if got, w := format(m), format(want); got != w {
		t.Errorf("got  %s\nwant %s", got, w)
	}
}

func TestBarrier(t *testing.T) {
	if m, err := parsed(t, "BARRIER=1", 99); err != nil || m.Barrier != 99 || m.FDs != nil {
		t.Errorf("got %+v, %v", m, err)
	}
	for _, bad := range []string{"BARRIER=1\nREADY=1", "READY=1\nBARRIER=1"} {
		if _, err := parsed(t, bad, 99); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
	if _, err := parsed(t, "BARRIER=1"); err == nil {
		t.Error("a barrier without descriptor was taken")
	}
}

func TestReal(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify")
	r, err := Open(path, Options{PidFD: true})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if m, ok, err := r.Read(); ok || err != nil {
		t.Fatalf("an empty socket gave %+v, %v", m, err)
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	send := func(data string, fds ...int) {
		t.Helper()
		var oob []byte
		if len(fds) > 0 {
			oob = unix.UnixRights(fds...)
		}
		if err := unix.Sendmsg(fd, []byte(data), oob, &unix.SockaddrUnix{Name: path}, 0); err != nil {
			t.Fatal(err)
		}
	}
	before := openFDs(t)
	send("READY=1\nFDSTORE=1\nFDNAME=x", 0, 1)
	m, ok, err := r.Read()
	if err != nil || !ok {
		t.Fatalf("got %v, %v", ok, err)
	}
	if int(m.Pid) != os.Getpid() || int(m.UID) != os.Getuid() || !m.Ready || len(m.FDs) != 2 || m.FDName != "x" {
		t.Errorf("got %+v", m)
	}
	m.Close()
	send("STATUS="+strings.Repeat("x", MaxSize), 0)
	if _, ok, err := r.Read(); ok || err == nil || !strings.Contains(err.Error(), "longer than 4096 bytes") {
		t.Errorf("too long: got %v, %v", ok, err)
	}
	many := make([]int, 250)
	send("X=1", many...)
	if m, ok, err = r.Read(); !ok || err != nil || len(m.FDs) != len(many) {
		t.Errorf("got %d descriptors, %v, %v", len(m.FDs), ok, err)
	}
	m.Close()
	if after := openFDs(t); after != before {
		t.Errorf("%d descriptors leaked", after-before)
	}
}

func openFDs(t *testing.T) int {
	t.Helper()
	d, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(d)
}

func FuzzParse(f *testing.F) {
	f.Add("READY=1\nSTATUS=x\nMAINPID=1\n")
	f.Add("BARRIER=1")
	f.Add("FDNAME=\x7f\nX_ROUSE_BUSY=0\x00")
	f.Fuzz(func(t *testing.T, data string) {
		m, err := parsed(t, data, 3)
		if err == nil && (len(m.Status)+len(m.FDName)+len(m.BusError) > len(data) || m.MainPid < 0 || m.ExitStatus > 255) {
			t.Errorf("%q gave %+v", data, m)
		}
		if err == nil && m.Barrier < 0 && len(m.FDs) != 1 {
			t.Errorf("%q lost a descriptor: %+v", data, m)
		}
	})
}

func format(m Message) string { return fmt.Sprintf("%+v", m) }
