// SPDX-License-Identifier: Apache-2.0

package inetd

import (
	"flag"
	"net/netip"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/rouse-init/rouse/internal/format/golden"
	"github.com/rouse-init/rouse/internal/format/pair/pairtest"
	"github.com/rouse-init/rouse/internal/unit"
)

var update = flag.Bool("update", false, "write testdata/ anew")

var ports = map[string]uint16{
	"echo": 7, "discard": 9, "daytime": 13, "chargen": 19, "ftp": 21, "telnet": 23, "time": 37, "tftp": 69, "finger": 79, "exec": 512,
}

func testOptions() Options {
	return Options{
		Program: "/usr/bin/rouse",
		Port:    func(s, _ string) (uint16, bool) { p, ok := ports[s]; return p, ok },
		Addrs: func(h string) []netip.Addr {
			switch h {
			case "localhost":
				return []netip.Addr{netip.MustParseAddr("127.0.0.1")}
			case "dual":
				return []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")}
			}
			return nil
		},
	}
}

// TestGolden reads the inetd.conf of each archive. Words in the comment, on a
// line of their own, set options: noipv6, user, options.
func TestGolden(t *testing.T) {
	golden.Run(t, *update, func(comment string, files []txtar.File) string {
		opt := testOptions()
		for line := range strings.Lines(comment) {
			switch strings.TrimSpace(line) {
			case "noipv6":
				opt.NoIPv6 = true
			case "user":
				opt.User = true
			case "options":
				opt.Rate, opt.Backlog = 1000, 5
			}
		}
		return pairtest.Print(Parse(files[0].Name, files[0].Data, opt))
	})
}

// TestWhole: the defaults that the golden files leave out.
func TestWhole(t *testing.T) {
	pairs, _ := Parse("inetd.conf", []byte("finger stream tcp nowait nobody /bin/cat\n"), testOptions())
	for name, want := range map[string][]string{
		"finger-tcp.socket": {
			`Accept: true`, `Service: "finger-tcp@.service"`, `Backlog: max`, `Mode: 438`,
			`{Kind=1 Implicit=true Name="sysinit.target"}`,
		},
		"finger-tcp@1-1.service": {
			"Stdin:\n      Kind: 10", `Slice: "system-finger\\x2dtcp.slice"`, `Path="/bin/cat" Args=["cat"]`, `Signal: 15`,
		},
	} {
		u, _ := pairs[0].Instance(name)
		text := pairtest.Diff(u, new(unit.Unit))
		for _, w := range want {
			if !strings.Contains(text, w) {
				t.Errorf("%s: no %q in\n%s", name, w, text)
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("echo stream tcp nowait root internal\n[::1],localhost:\n*:ftp stream tcp,sndbuf=64k nowait.5 a.b /x y\n  z\n#<off># tftp dgram udp wait nobody /t t\n")
	f.Add(":o:g:600:/run/x stream unix nowait/1/2/3 u:g/c /x\n/a\tseqpacket unix wait u /y")
	opt := testOptions()
	f.Fuzz(func(t *testing.T, text string) {
		pairs, list := Parse("inetd.conf", []byte(text), opt)
		names := map[string]bool{}
		for _, p := range pairs {
			if names[p.Name] {
				t.Errorf("twice: %s", p.Name)
			}
			names[p.Name] = true
			for _, n := range []string{p.SocketName(), p.ServiceName()} {
				u, found := p.Instance(n)
				if u.LoadErr == nil != !found.Errors() && u.Socket != nil {
					t.Errorf("%s: %v but %v", n, u.LoadErr, found)
				}
				if u.Socket != nil && u.LoadErr == nil && len(u.Socket.Listens) == 0 {
					t.Errorf("%s listens on nothing", n)
				}
			}
			list = append(list, p.Diags...)
		}
		for _, d := range list {
			if d.Pos.Line == 0 || d.Pos.Col == 0 || d.Code == "" || d.Msg == "" {
				t.Errorf("no place: %+v", d)
			}
		}
	})
}
