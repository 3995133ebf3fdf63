// SPDX-License-Identifier: Apache-2.0

package test

import (
	"fmt"
	"testing"
)

// TestBridgeUnit: the units of docs/bridge.md. A connection starts the bridge
// and the daemon behind it, with no waiting written by anybody; when nobody is
// connected both go, and the next connection brings them back.
func TestBridgeUnit(t *testing.T) {
	port, behind := freePort(t), freePort(t)
	front := fmt.Sprintf("127.0.0.1:%d", port)
	backend := fmt.Sprintf("127.0.0.1:%d", behind)
	p := up(t, map[string]string{
		"web.socket":     "[Socket]\nListenStream=" + front + "\n[Install]\nWantedBy=sockets.target\n",
		"web.service":    "[Unit]\nRequires=daemon.service\n[Service]\nType=notify\nExecStart=" + rouse + " bridge --to " + backend + " --idle 200ms\n",
		"daemon.service": "[Unit]\nStopWhenUnneeded=yes\n[Service]\nExecStartPre=/bin/sleep 0.2\nExecStart=" + self(t, "bind", backend) + "\n",
	})
	for range 2 {
		p.await("daemon.service", "ActiveState", "inactive")
		p.await("web.service", "ActiveState", "inactive")
		if answer, err := ask("tcp", front, "hello"); err != nil || answer == "" {
			t.Fatalf("%q, %v: %s", answer, err, p.output())
		}
	}
	p.await("web.socket", "SubState", "listening")
	p.await("daemon.service", "ActiveState", "inactive")
}
