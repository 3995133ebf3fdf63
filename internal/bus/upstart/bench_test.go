// SPDX-License-Identifier: Apache-2.0

package upstart_test

import (
	"testing"

	"github.com/rouse-init/rouse/internal/bus/bustest"
)

// BenchmarkUnheard is what a change of a unit costs while 50 clients are there
// and none wants to know of it.
func BenchmarkUnheard(b *testing.B) {
	f := bustest.New()
	s := bustest.Serve(b, f)
	for range 50 {
		if _, err := dial(b, s).Version(); err != nil {
			b.Fatal(err)
		}
	}
	s.Do(func() {
		b.ReportAllocs()
		b.ResetTimer()
		for range b.N {
			f.Upstart.Service.UnitChanged("apache.service")
		}
	})
}
