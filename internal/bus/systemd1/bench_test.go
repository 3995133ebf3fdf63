// SPDX-License-Identifier: Apache-2.0

package systemd1_test

import (
	"fmt"
	"testing"

	"github.com/rouse-init/rouse/internal/bus/bustest"
	"github.com/rouse-init/rouse/internal/bus/client"
)

// BenchmarkIsActive is all that a manager and its client do for `rouse
// is-active`: connection, authentication, one property.
func BenchmarkIsActive(b *testing.B) {
	s := bustest.Serve(b, bustest.New())
	for b.Loop() {
		c, err := client.Dial(s.Path)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := c.Active("web.service"); err != nil {
			b.Fatal(err)
		}
		c.Close()
	}
}

func BenchmarkListUnits(b *testing.B) {
	for _, n := range []int{300, 5000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			f := bustest.New()
			for i := range n {
				u := *f.Views["asleep.service"].Unit
				u.Name = fmt.Sprintf("x%04d.service", i)
				f.Add(&u)
			}
			s := bustest.Serve(b, f)
			c, err := client.Dial(s.Path)
			if err != nil {
				b.Fatal(err)
			}
			defer c.Close()
			b.ReportAllocs()
			for b.Loop() {
				if rows, err := c.ListUnits(nil, nil); err != nil || len(rows) < n {
					b.Fatal(len(rows), err)
				}
			}
		})
	}
}

func BenchmarkGetAll(b *testing.B) {
	s := bustest.Serve(b, bustest.New())
	c, err := client.Dial(s.Path)
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	for b.Loop() {
		if _, err := c.Unit("web.service"); err != nil {
			b.Fatal(err)
		}
	}
}
