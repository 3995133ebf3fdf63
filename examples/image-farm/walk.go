// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/rouse-init/rouse/internal/bus/client"
)

// walk is one run over the farm.
type walk struct {
	dir, rouse, svg string
	span, quiet     time.Duration
	pause, kill     time.Duration
	walkers         int
	seed            uint64

	host *host
	plan
	visits []visited // by server

	mu   sync.Mutex
	took [tiers][]time.Duration
	lost []error
	most map[string]int // the most that were awake at once, by kind
}

// visited is what the last answer of a server said.
type visited struct {
	mu          sync.Mutex
	pid, served int
}

func (w *walk) run() (err error) {
	text, err := os.ReadFile(filepath.Join(w.dir, planFile))
	if err != nil {
		return fmt.Errorf("%w; run make first", err)
	}
	if err := json.Unmarshal(text, &w.plan); err != nil {
		return err
	}
	w.visits = make([]visited, len(w.Servers))
	w.most = map[string]int{}
	began := time.Now()
	if w.host, err = startHost(w.dir, w.rouse); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.host.stop()) }()
	fmt.Printf("%d servers at ports %d to %d; rouse was ready in %.2f s\n\n", len(w.Servers),
		w.Servers[0].Port, w.Servers[len(w.Servers)-1].Port, time.Since(began).Seconds())
	if err := w.phases(); err != nil {
		return err
	}
	return w.verdict()
}

// phases: nothing runs; all are woken once; all sleep, deeper and deeper; the walk.
func (w *walk) phases() error {
	fmt.Println(rowHead())
	if err := w.show("nobody has asked yet"); err != nil {
		return err
	}
	stop := w.watchCeiling()
	w.knockAll()
	stop()
	if err := w.show("all have been asked once"); err != nil {
		return err
	}
	asleep, err := w.until(3*time.Minute, func(m *measured) bool { return m.count[awake] == 0 })
	if err != nil {
		return err
	}
	if !asleep {
		return errors.New("the images do not fall asleep")
	}
	if err := w.show("all sleep"); err != nil {
		return err
	}
	// The work of paging out is not what idleness costs, nor are our questions.
	deep, err := w.until(w.Reclaim+10*time.Second, func(m *measured) bool { return m.count[frozen] == 0 })
	if err != nil {
		return err
	}
	if !deep {
		fmt.Println("not all were paged out; rouse status says what is not possible here")
	}
	if w.quiet > 0 {
		if err := w.host.idleCPU("all sleep", w.quiet); err != nil {
			return err
		}
	}
	if err := w.show("after that"); err != nil {
		return err
	}
	if _, err := w.until(w.Stop+30*time.Second, func(m *measured) bool { return m.count[stopped] == len(w.Servers) }); err != nil {
		return err
	}
	if err := w.show("before the walk"); err != nil {
		return err
	}
	stop = w.watchCeiling()
	end := w.killer()
	w.stroll()
	end()
	stop()
	return w.show("after the walk")
}

// killer kills the manager again and again, until it is told to end.
func (w *walk) killer() (end func()) {
	if w.kill == 0 {
		return func() {}
	}
	stop, ended := make(chan bool), make(chan bool)
	go func() {
		defer close(ended)
		for {
			select {
			case <-stop:
				return
			case <-time.After(w.kill):
			}
			if err := w.host.killManager(); err != nil {
				w.fail(err)
			}
		}
	}()
	return func() {
		close(stop)
		<-ended
		fmt.Printf("the manager was killed %d times\n", w.host.killed)
	}
}

// show prints how the farm is.
func (w *walk) show(what string) error {
	m, err := w.host.measure(w.Servers)
	if err == nil {
		fmt.Println(m.row(what))
	}
	return err
}

// until waits for a state of the farm that takes seconds to come; false where
// it does not.
func (w *walk) until(most time.Duration, done func(m *measured) bool) (bool, error) {
	for deadline := time.Now().Add(most); time.Now().Before(deadline); time.Sleep(200 * time.Millisecond) {
		m, err := w.host.measure(w.Servers)
		if err != nil || done(&m) {
			return true, err
		}
	}
	return false, nil
}

// watchCeiling counts who is awake, until it is told to end.
func (w *walk) watchCeiling() (stop func()) {
	end, ended := make(chan bool), make(chan bool)
	go func() {
		defer close(ended)
		conn, err := client.Dial(w.host.socket())
		if err != nil {
			w.fail(err)
			return
		}
		defer conn.Close()
		for {
			n, err := awakeByKind(conn)
			if err != nil {
				w.fail(err)
				return
			}
			w.mu.Lock()
			for kind, count := range n {
				w.most[kind] = max(w.most[kind], count)
			}
			w.mu.Unlock()
			select {
			case <-end:
				return
			case <-time.After(250 * time.Millisecond):
			}
		}
	}()
	return func() { close(end); <-ended }
}

// knockAll asks every server once, in no order.
func (w *walk) knockAll() {
	order := rand.New(rand.NewPCG(w.seed, 0)).Perm(len(w.Servers))
	next := make(chan int)
	var walkers sync.WaitGroup
	began := time.Now()
	var mu sync.Mutex
	var worst time.Duration
	for range w.walkers {
		walkers.Go(func() {
			for i := range next {
				took, _, err := w.visit(i)
				if err != nil {
					w.fail(err)
				}
				mu.Lock()
				worst = max(worst, took)
				mu.Unlock()
			}
		})
	}
	for _, i := range order {
		next <- i
	}
	close(next)
	walkers.Wait()
	took := time.Since(began)
	fmt.Printf("all %d reached for the first time in %.1f s, %.0f a second; the longest waited %.0f ms\n",
		len(w.Servers), took.Seconds(), float64(len(w.Servers))/took.Seconds(), float64(worst)/1e6)
}

// stroll has walkers go from server to server: mostly to one nearby, which is
// awake or sleeps lightly, now and then to any, and always after a pause.
func (w *walk) stroll() {
	deadline := time.Now().Add(w.span)
	var walkers sync.WaitGroup
	for i := range w.walkers {
		walkers.Go(func() {
			conn, err := client.Dial(w.host.socket())
			if err != nil {
				w.fail(err)
				return
			}
			defer conn.Close()
			r := rand.New(rand.NewPCG(w.seed, uint64(i)+1))
			n := len(w.Servers)
			for at := r.IntN(n); time.Now().Before(deadline); {
				time.Sleep(time.Duration(r.ExpFloat64() * float64(w.pause)))
				if r.IntN(20) == 0 {
					at = r.IntN(n)
				} else {
					at = (at + r.IntN(11) - 5 + n) % n
				}
				w.step(conn, at)
			}
		})
	}
	walkers.Wait()
}

// step visits a server and books how long it took under its tier.
func (w *walk) step(conn *client.Conn, i int) {
	t, err := tierOf(conn, w.Servers[i].unit())
	if err != nil {
		w.fail(err)
		return
	}
	took, fresh, err := w.visit(i)
	if err != nil {
		w.fail(err)
		return
	}
	if fresh {
		t = stopped // it may have been stopped since it was asked for
	}
	w.mu.Lock()
	w.took[t] = append(w.took[t], took)
	w.mu.Unlock()
}

// visit asks a server and checks that its memory is as it was left. fresh: it
// is another process than last time.
func (w *walk) visit(i int) (took time.Duration, fresh bool, err error) {
	s, v := &w.Servers[i], &w.visits[i]
	v.mu.Lock()
	defer v.mu.Unlock()
	began := time.Now()
	served, pid, err := request(s.Port)
	took = time.Since(began)
	if err != nil {
		return took, false, fmt.Errorf("%s after %v: %w", s.unit(), took.Round(time.Millisecond), err)
	}
	fresh = pid != v.pid
	want := v.served + 1
	if fresh {
		want = 1
	}
	if served != want {
		err = fmt.Errorf("%s: process %d has served %d, expected %d", s.unit(), pid, served, want)
	}
	v.pid, v.served = pid, served
	return took, fresh, err
}

// patience is how long a client waits; no tier takes a hundredth of it.
const patience = time.Minute

// request asks a server for "PORT SERVED PID".
func request(port int) (served, pid int, err error) {
	c, err := net.DialTimeout("tcp", "127.0.0.1:"+strconv.Itoa(port), patience)
	if err != nil {
		return 0, 0, err
	}
	defer func() { _ = c.Close() }()
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		return 0, 0, err
	}
	if _, err := io.WriteString(c, "GET / HTTP/1.0\r\n\r\n"); err != nil {
		return 0, 0, err
	}
	answer, err := io.ReadAll(io.LimitReader(c, 64<<10))
	if err != nil {
		return 0, 0, err
	}
	head, body, _ := strings.Cut(string(answer), "\r\n\r\n")
	var from int
	if _, err := fmt.Sscan(body, &from, &served, &pid); err != nil || !strings.Contains(head, " 200 ") {
		return 0, 0, fmt.Errorf("expected an answer, found %.200q", answer)
	}
	if from != port {
		return 0, 0, fmt.Errorf("port %d answers at port %d", from, port)
	}
	return served, pid, nil
}

func (w *walk) fail(err error) {
	w.mu.Lock()
	w.lost = append(w.lost, err)
	w.mu.Unlock()
}
