// SPDX-License-Identifier: Apache-2.0

package test

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// idleUnits is a service behind one socket that sleeps after 20 ms.
func idleUnits(t *testing.T, port int, action, signal string) map[string]string {
	return map[string]string{
		"web.socket":  fmt.Sprintf("[Socket]\nListenStream=127.0.0.1:%d\nX-IdleSec=20ms\nX-IdleAction=%s\n", port, action),
		"web.service": fmt.Sprintf("[Service]\nKillSignal=%s\nExecStart=%s\n", signal, self(t, "fd")),
	}
}

// TestSleepUnderLoad: closed-loop clients that pause now and then; the
// service sleeps in the pauses, and no request is lost.
func TestSleepUnderLoad(t *testing.T) {
	for _, c := range []struct{ action, signal string }{{"stop", "SIGKILL"}, {"stop", "SIGTERM"}, {"freeze", "SIGTERM"}} {
		t.Run(c.action+"-"+c.signal, func(t *testing.T) {
			port := freePort(t)
			p := up(t, idleUnits(t, port, c.action, c.signal))
			asked, failed := load(t, port, 8, long(3*time.Second))
			_, status := p.ctl("status", "web.socket", "web.service")
			t.Logf("%d requests, %d failed\n%s", asked, failed, status)
			if failed > 0 || asked == 0 {
				t.Errorf("%d of %d requests failed", failed, asked)
			}
			if n := sleeps(status); n == 0 {
				t.Errorf("the service never slept:\n%s", status)
			} else {
				t.Logf("%d sleeps", n)
			}
		})
	}
}

// load runs clients that pause for 0 to 300 ms between requests.
func load(t *testing.T, port, clients int, d time.Duration) (asked, failed int64) {
	return crowd(t, clients, d, 300*time.Millisecond, func(*rand.Rand) (int, string) { return port, "" })
}

// crowd runs clients that ask at random, with pauses of up to that length; next
// says which port, and what if that matters.
func crowd(t *testing.T, clients int, d, pause time.Duration, next func(*rand.Rand) (port int, line string)) (asked, failed int64) {
	var wg sync.WaitGroup
	var ok, bad atomic.Int64
	end := time.Now().Add(d)
	for i := range clients {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(1, uint64(i)))
			for n := 0; time.Now().Before(end); n++ {
				port, line := next(r)
				if line == "" {
					line = fmt.Sprintf("request %d of client %d", n, i)
				}
				answer, err := ask("tcp", "127.0.0.1:"+strconv.Itoa(port), line)
				if err != nil || !strings.HasSuffix(answer, line) {
					t.Logf("%s: %q, %v", line, answer, err)
					bad.Add(1)
				} else {
					ok.Add(1)
				}
				time.Sleep(time.Duration(r.Int64N(int64(pause))))
			}
		})
	}
	wg.Wait()
	return ok.Load() + bad.Load(), bad.Load()
}

var sleepCount = regexp.MustCompile(`\(and (\d+) sleeps\)`)

// sleeps reads "Wakes: 3 (and 2 sleeps)" from status.
func sleeps(status string) int {
	n := 0
	for _, m := range sleepCount.FindAllStringSubmatch(status, -1) {
		k, _ := strconv.Atoi(m[1])
		n = max(n, k)
	}
	return n
}
