// SPDX-License-Identifier: Apache-2.0

package xinetd

import (
	"flag"
	"io/fs"
	"net/netip"
	"path"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/rouse-init/rouse/internal/format/golden"
	"github.com/rouse-init/rouse/internal/format/pair/pairtest"
)

var update = flag.Bool("update", false, "write testdata/ anew")

var ports = map[string]uint16{
	"echo/tcp": 7, "echo/udp": 7, "daytime/tcp": 13, "ftp/tcp": 21, "telnet/tcp": 23, "time/udp": 37, "tftp/udp": 69, "http/tcp": 80,
}

// options read the files of an archive.
func options(files []txtar.File) Options {
	return Options{
		Program: "/usr/bin/rouse",
		Port:    func(s, proto string) (uint16, bool) { p, ok := ports[s+"/"+proto]; return p, ok },
		Addrs: func(h string) []netip.Addr {
			if h == "trusted" {
				return []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")}
			}
			return nil
		},
		Read: func(name string) ([]byte, error) {
			for _, f := range files {
				if f.Name == name {
					return f.Data, nil
				}
			}
			return nil, fs.ErrNotExist
		},
		List: func(dir string) (out []string, err error) {
			err = fs.ErrNotExist
			for _, f := range files {
				if path.Dir(f.Name) == dir {
					out, err = append(out, path.Base(f.Name)), nil
				}
			}
			return out, err
		},
	}
}

// TestGolden reads the first file of each archive, and the others where it
// includes them. In the comment "dir PATH" reads a directory, too, and
// "noipv6" is a kernel without IPv6.
func TestGolden(t *testing.T) {
	golden.Run(t, *update, func(comment string, files []txtar.File) string {
		opt := options(files)
		tops := []string{files[0].Name}
		for line := range strings.Lines(comment) {
			w := strings.Fields(line)
			switch {
			case len(w) == 2 && w[0] == "dir":
				tops = append(tops, w[1])
			case len(w) == 1 && w[0] == "noipv6":
				opt.NoIPv6 = true
			}
		}
		return pairtest.Print(Parse(tops, opt))
	})
}

func FuzzParse(f *testing.F) {
	f.Add("defaults\n{\n\tinstances = 60\n\tonly_from = 10.0.0.0\n}\nservice ftp\n{\nsocket_type=stream\nwait = no\nuser = root\nserver = /bin/a\nno_access += 10.1.2.{3,4} 1.2.3.0/24\n}\ninclude /x\nincludedir /d\n")
	f.Add("service x {\n type = UNLISTED INTERNAL\n cps = 3 4\n access_times = 01:00-02:00\n redirect = ::1 80\n rlimit_as = 8M\n flags -= IPv4 }\n}\n")
	f.Fuzz(func(t *testing.T, text string) {
		files := []txtar.File{{Name: "/x", Data: []byte(text)}, {Name: "/d/y", Data: []byte(text)}}
		pairs, list := Parse([]string{"/x"}, options(files))
		names := map[string]bool{}
		for _, p := range pairs {
			if names[p.Name] {
				t.Errorf("twice: %s", p.Name)
			}
			names[p.Name] = true
			u, found := p.Instance(p.SocketName())
			if u.LoadErr == nil && (len(u.Socket.Listens) == 0 || p.Command.Path == "") {
				t.Errorf("%s loads, but listens on nothing or starts nothing", p.Name)
			}
			if u.LoadErr == nil == found.Errors() {
				t.Errorf("%s: %v but %v", p.Name, u.LoadErr, found)
			}
			list = append(list, p.Diags...)
		}
		for _, d := range list {
			if d.Pos.File == "" || d.Code == "" || d.Msg == "" {
				t.Errorf("no place: %+v", d)
			}
		}
	})
}
