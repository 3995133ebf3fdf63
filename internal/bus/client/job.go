// SPDX-License-Identifier: Apache-2.0

package client

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/rouse-init/rouse/internal/bus/wire"
)

// reconnectTime is how long a manager may be away before its clients give up.
const reconnectTime = 10 * time.Second

// Jobs queues jobs and waits for their end. Make it before the first job.
type Jobs struct {
	conn    *Conn
	pending map[uint32]string // unit by job
	results []JobResult
	early   map[uint32]string // ends that came before the job's number
}

// JobResult is how a job ended: "done", "failed" and so on, as systemd.
type JobResult struct{ Unit, Result string }

// Jobs prepares to wait for jobs.
func (c *Conn) Jobs() *Jobs {
	j := &Jobs{conn: c, pending: make(map[uint32]string), early: make(map[uint32]string)}
	c.OnSignal(j.signal, "type='signal',interface='"+ifManager+"',member='JobRemoved'")
	return j
}

func (j *Jobs) signal(s *Signal) {
	if s.Interface != ifManager || s.Member != "JobRemoved" {
		return
	}
	id, _, _, result := s.Args.Uint32(), s.Args.Path(), s.Args.String(), s.Args.String()
	if s.Args.Err() == nil {
		j.ended(id, result)
	}
}

func (j *Jobs) ended(id uint32, result string) {
	unit, ok := j.pending[id]
	if !ok {
		j.early[id] = result
		return
	}
	delete(j.pending, id)
	j.results = append(j.results, JobResult{unit, result})
}

// Ask queues a job by one of the Manager's methods, such as "StartUnit".
func (j *Jobs) Ask(method, unit, mode string) error {
	d, err := j.conn.Manager(method, "ss", func(e *wire.Encoder) {
		e.String(unit)
		e.String(mode)
	})
	if errors.Is(err, ErrGone) && method != "RestartUnit" && method != "ReloadUnit" {
		// To start or stop twice is to do so once.
		if err := j.conn.redial(reconnectTime); err != nil {
			return err
		}
		return j.Ask(method, unit, mode)
	}
	if err != nil {
		return err
	}
	path := d.Path()
	if d.Err() != nil {
		return d.Err()
	}
	id, err := strconv.ParseUint(path[strings.LastIndexByte(path, '/')+1:], 10, 32)
	if err != nil {
		return err
	}
	j.pending[uint32(id)] = unit
	if result, ok := j.early[uint32(id)]; ok {
		delete(j.early, uint32(id))
		j.ended(uint32(id), result)
	}
	return nil
}

// Wait returns when all jobs have ended, also over the death of a manager:
// its successor knows the jobs by the same numbers, and what is no longer
// among them ended in between.
func (j *Jobs) Wait() ([]JobResult, error) {
	for {
		err := j.conn.Wait(func() bool { return len(j.pending) == 0 })
		if err == nil {
			return j.results, nil
		}
		if !errors.Is(err, ErrGone) {
			return j.results, err
		}
		if err := j.catchUp(); err != nil {
			return j.results, err
		}
	}
}

func (j *Jobs) catchUp() error {
	if err := j.conn.redial(reconnectTime); err != nil {
		return err
	}
	jobs, err := j.conn.ListJobs()
	if errors.Is(err, ErrGone) {
		return nil // died again; Wait comes back
	}
	if err != nil {
		return err
	}
	open := make(map[uint32]bool, len(jobs))
	for _, row := range jobs {
		open[row.ID] = true
	}
	for id, unit := range j.pending {
		if open[id] {
			continue
		}
		result := "done"
		if state, err := j.conn.Active(unit); err == nil && state == "failed" {
			result = "failed"
		}
		j.ended(id, result)
	}
	return nil
}
