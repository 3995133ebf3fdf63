// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// verdict prints what the walk has found; an error means that the farm did not
// keep its promises.
func (w *walk) verdict() error {
	total := 0
	fmt.Printf("\n%-10s %9s %9s %9s %9s %9s   (ms, from connect() to the end of the answer)\n", "was", "requests", "half", "90 %", "99 %", "longest")
	for t := range tiers {
		took := w.took[t]
		slices.Sort(took)
		total += len(took)
		if len(took) == 0 {
			fmt.Printf("%-10s %9d\n", t, 0)
			continue
		}
		fmt.Printf("%-10s %9d %9.2f %9.2f %9.2f %9.2f\n", t, len(took), ms(at(took, 50)), ms(at(took, 90)), ms(at(took, 99)), ms(took[len(took)-1]))
	}
	if w.svg == "" {
		w.svg = filepath.Join(w.dir, "wake-ups.svg")
	}
	if err := os.WriteFile(w.svg, []byte(histogram(w.took, w.span)), 0o644); err != nil {
		return err
	}
	fmt.Printf("\n%d requests in %v, %d lost; histogram: %s\n", total, w.span, len(w.lost), w.svg)
	err := errors.Join(w.lost[:min(len(w.lost), 10)]...)
	for _, s := range w.ceilings() {
		fmt.Printf("at most %d of %s awake at once (X-RunningMax=%d)\n", w.most[s.Kind], s.Kind, s.Awake)
		if w.most[s.Kind] > s.Awake {
			err = errors.Join(err, fmt.Errorf("%d images of %s were awake at once, %d may be", w.most[s.Kind], s.Kind, s.Awake))
		}
	}
	return err
}

// ceilings is one server of each kind.
func (w *walk) ceilings() (out []server) {
	for _, s := range w.Servers {
		if !slices.ContainsFunc(out, func(o server) bool { return o.Kind == s.Kind }) {
			out = append(out, s)
		}
	}
	return out
}

// at is a percentile of sorted times.
func at(sorted []time.Duration, percent int) time.Duration {
	return sorted[min(len(sorted)*percent/100, len(sorted)-1)]
}

func ms(d time.Duration) float64 { return float64(d) / 1e6 }
