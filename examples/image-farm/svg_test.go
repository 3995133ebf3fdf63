// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
	"time"
)

func TestBins(t *testing.T) {
	for d, want := range map[time.Duration]int{
		0: 0, shortest: 0, time.Millisecond: perDecade, 999 * time.Microsecond: perDecade - 1, time.Second: 4 * perDecade,
		10 * time.Second: bins - 1, time.Hour: bins - 1,
	} {
		if got := binOf(d); got != want {
			t.Errorf("%v is in column %d, want %d", d, got, want)
		}
	}
}

// TestHistogram: it is XML, and every request stands in a column.
func TestHistogram(t *testing.T) {
	var took [tiers][]time.Duration
	took[awake] = []time.Duration{time.Millisecond, time.Millisecond, 2 * time.Millisecond}
	took[stopped] = []time.Duration{time.Minute}
	text := histogram(took, time.Minute)
	for d := xml.NewDecoder(strings.NewReader(text)); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []string{"<title>2</title>", ">4 requests in 1m0s;", ">3 requests<", ">no request<", "half within 60000.00 ms"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing:\n%s", want, text)
		}
	}
}
