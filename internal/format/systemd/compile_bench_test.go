// SPDX-License-Identifier: Apache-2.0

package systemd

import "testing"

const benchUnit = `[Unit]
Description=App %i
After=network.target

[Service]
ExecStart=/usr/bin/app --port 80%i --name "the app"
Restart=on-failure
User=app

[Install]
WantedBy=multi-user.target
`

func BenchmarkParseAndCompile(b *testing.B) {
	text := []byte(benchUnit)
	in := NewInterner()
	b.ReportAllocs()
	for b.Loop() {
		f, _ := Parse("/etc/systemd/system/app.service", text)
		if u, _ := Compile("app.service", []*File{f}, Options{Interner: in}); u.LoadErr != nil {
			b.Fatal(u.LoadErr)
		}
	}
}

func BenchmarkInstance(b *testing.B) {
	f, _ := Parse("/etc/systemd/system/app@.service", []byte(benchUnit))
	t := NewTemplate([]*File{f}, Options{Interner: NewInterner()})
	b.ReportAllocs()
	for b.Loop() {
		if u, _ := t.Instance("app@17-127.0.0.1:80-127.0.0.1:4711.service"); u.LoadErr != nil {
			b.Fatal(u.LoadErr)
		}
	}
}
