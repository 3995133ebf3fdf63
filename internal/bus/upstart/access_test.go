// SPDX-License-Identifier: Apache-2.0

package upstart_test

import (
	"strings"
	"testing"

	"github.com/rouse-init/rouse/internal/bus/bustest"
	"github.com/rouse-init/rouse/internal/bus/upstart"
	"github.com/rouse-init/rouse/internal/bus/wire"
)

// outlet keeps what is sent to a caller who is not connected.
type outlet struct{ sent []wire.Message }

func (o *outlet) Wants(string, string, string) bool { return false }
func (o *outlet) Send(m *wire.Message, _ []int)     { o.sent = append(o.sent, *m) }
func (o *outlet) Listening() bool                   { return false }
func (o *outlet) PassesFDs() bool                   { return true }

// Everybody may look, but not at variables; only root and the manager's user
// may change anything. All methods are tried.
func TestAccess(t *testing.T) {
	f := bustest.New()
	s := bustest.Serve(t, f)
	open := map[string]bool{"GetJobByName": true, "GetAllJobs": true, "GetInstance": true, "GetInstanceByName": true, "GetAllInstances": true}
	paths := map[string]string{upstart.IfManager: upstart.Path, upstart.IfJob: upstart.JobPath("apache"), upstart.IfInstance: upstart.InstancePath("apache", "")}
	s.Do(func() {
		o := &outlet{}
		stranger := f.Service.Server().NewRemote(o, ":1.7", 54321, 77)
		n := 0
		for _, iface := range upstart.Interfaces() {
			for _, m := range iface.Methods {
				n++
				o.sent = nil
				stranger.Call(&wire.Message{Type: wire.MethodCall, Serial: 1, Path: paths[iface.Name], Interface: iface.Name, Member: m.Name, Signature: m.In, Body: make([]byte, 64)}, nil)
				if len(o.sent) != 1 {
					t.Fatalf("%s.%s: %d answers", iface.Name, m.Name, len(o.sent))
				}
				if denied := o.sent[0].ErrorName == "com.ubuntu.Upstart0_6.Error.PermissionDenied"; denied == open[m.Name] {
					t.Errorf("%s.%s: denied %v, %+v", iface.Name, m.Name, denied, o.sent[0])
				}
			}
		}
		if n != 28 {
			t.Errorf("tried %d methods, want 28", n)
		}
		o.sent = nil
		stranger.Call(&wire.Message{Type: wire.MethodCall, Serial: 1, Path: upstart.Path, Interface: "org.freedesktop.DBus.Properties", Member: "Set", Signature: "ssv", Body: make([]byte, 64)}, nil)
		if len(o.sent) != 1 || o.sent[0].Type != wire.Error {
			t.Errorf("set a property: %+v", o.sent)
		}
		if got := strings.Join(f.Upstart.Calls, "; "); got != "" {
			t.Errorf("manager was asked for %s", got)
		}
	})
}
