// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// The histogram: one strip for each tier, all over one logarithmic axis.
const (
	width, strip   = 760, 110
	left, right    = 150, 20
	top, bottom    = 50, 40
	perDecade      = 12
	decades        = 5 // from 0.1 ms to 10 s
	shortest       = 100 * time.Microsecond
	bins           = perDecade * decades
	binWidth       = float64(width-left-right) / bins
	barHeight      = strip - 30
	axisTextOffset = 16
)

var colours = [tiers]string{"#2e8b57", "#3b7dd8", "#8a63d2", "#c8553d"}

// binOf is the column of a time; what is off the axis counts at its end.
func binOf(d time.Duration) int {
	if d <= shortest {
		return 0
	}
	return min(int(math.Log10(float64(d)/float64(shortest))*perDecade), bins-1)
}

// histogram draws the times of each tier, sorted or not, as SVG.
func histogram(took [tiers][]time.Duration, span time.Duration) string {
	var b strings.Builder
	height := top + int(tiers)*strip + bottom
	total := 0
	for _, t := range took {
		total += len(t)
	}
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %[1]d %[2]d" font-family="sans-serif" font-size="12" fill="#333">`+"\n", width, height)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="#fff"/>`+"\n", width, height)
	fmt.Fprintf(&b, `<text x="%d" y="22" font-size="15">How long a request took, by how deep its image slept</text>`+"\n", left)
	fmt.Fprintf(&b, `<text x="%d" y="39">%d requests in %v; each strip has its own height</text>`+"\n", left, total, span)
	axis(&b, height)
	for t := range tiers {
		drawStrip(&b, t, took[t], top+int(t)*strip)
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// axis draws a line for each decade.
func axis(b *strings.Builder, height int) {
	for i := range decades + 1 {
		x := left + float64(i*perDecade)*binWidth
		fmt.Fprintf(b, `<line x1="%.1f" y1="%d" x2="%.1f" y2="%d" stroke="#ddd"/>`+"\n", x, top, x, height-bottom)
		label := time.Duration(float64(shortest) * math.Pow10(i)).String()
		fmt.Fprintf(b, `<text x="%.1f" y="%d" text-anchor="middle">%s</text>`+"\n", x, height-bottom+axisTextOffset, label)
	}
}

func drawStrip(b *strings.Builder, t tier, took []time.Duration, y int) {
	floor := y + strip - 10
	var count [bins]int
	for _, d := range took {
		count[binOf(d)]++
	}
	most := slices.Max(count[:])
	for i, n := range count {
		if n == 0 {
			continue
		}
		h := max(1, float64(barHeight)*float64(n)/float64(most))
		fmt.Fprintf(b, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="%s"><title>%d</title></rect>`+"\n",
			left+float64(i)*binWidth, float64(floor)-h, binWidth-1, h, colours[t], n)
	}
	fmt.Fprintf(b, `<line x1="%d" y1="%d" x2="%d" y2="%[2]d" stroke="#999"/>`+"\n", left, floor, width-right)
	fmt.Fprintf(b, `<text x="12" y="%d" font-weight="bold" fill="%s">%s</text>`+"\n", floor-48, colours[t], t)
	if len(took) == 0 {
		fmt.Fprintf(b, `<text x="12" y="%d">no request</text>`+"\n", floor-32)
		return
	}
	sorted := slices.Sorted(slices.Values(took))
	fmt.Fprintf(b, `<text x="12" y="%d">%d requests</text>`+"\n", floor-32, len(sorted))
	fmt.Fprintf(b, `<text x="12" y="%d">half within %.2f ms</text>`+"\n", floor-16, ms(at(sorted, 50)))
	fmt.Fprintf(b, `<text x="12" y="%d">99 %% in %.2f ms</text>`+"\n", floor, ms(at(sorted, 99)))
}
