// SPDX-License-Identifier: Apache-2.0

package upstart

import (
	"slices"
	"strings"

	"github.com/rouse-init/rouse/internal/bus"
)

// Whose variables a method is about is its first argument: nothing for those
// of all jobs, or a job and an instance of it, which a process of a job has in
// UPSTART_JOB and UPSTART_INSTANCE.

// target finds it: the instance's unit, "" for all jobs. It answers the call
// if there is none, or if the client would change what it must not.
func (s *Service) target(c *bus.Call, details []string, change bool) (unitName string, ok bool) {
	if len(details) == 0 {
		if change && !s.be.User() {
			c.Fail(errDenied, "Not permissible to modify PID 1 job environment")
			return "", false
		}
		return "", true
	}
	if len(details) > 2 {
		c.Fail(bus.ErrArgs, "Job details must be a job and an instance, got %d words", len(details))
		return "", false
	}
	job, ok := s.job(c, details[0])
	if !ok {
		return "", false
	}
	instance := strings.Join(details[1:], "")
	st, ok := s.instance(job, instance)
	if !ok {
		c.Fail(errUnknownJobInstance, "Unknown instance: %s of job %s", instance, jobName(job))
		return "", false
	}
	return st.Unit, true
}

// environ is the table of a target that exists.
func (s *Service) environ(c *bus.Call, details []string) ([]string, bool) {
	name, ok := s.target(c, details, false)
	if !ok {
		return nil, false
	}
	env, ok := s.be.JobEnv(name)
	if !ok {
		c.Fail(errUnknownJobInstance, "Unknown instance: %s", strings.Join(details, " "))
	}
	return env, ok
}

func getEnv(subject any, c *bus.Call) {
	details, name := c.Args.Strings(), c.Args.String()
	env, ok := subject.(*Service).environ(c, details)
	if !ok {
		return
	}
	if i := find(env, name); i >= 0 && name != "" {
		c.Body().String(env[i][len(name)+1:])
		c.Return()
		return
	}
	c.Fail(bus.ErrArgs, "No such variable: %.255s", name)
}

func listEnv(subject any, c *bus.Call) {
	env, ok := subject.(*Service).environ(c, c.Args.Strings())
	if ok {
		c.Body().Strings(env)
		c.Return()
	}
}

// find is the index of a variable, -1 where it is not set.
func find(env []string, key string) int {
	return slices.IndexFunc(env, func(pair string) bool {
		rest, ok := strings.CutPrefix(pair, key)
		return ok && strings.HasPrefix(rest, "=")
	})
}

func setEnv(subject any, c *bus.Call) {
	details, pair, replace := c.Args.Strings(), c.Args.String(), c.Args.Bool()
	subject.(*Service).set(c, details, []string{pair}, replace)
}

func setEnvList(subject any, c *bus.Call) {
	details, pairs, replace := c.Args.Strings(), c.Args.Strings(), c.Args.Bool()
	subject.(*Service).set(c, details, pairs, replace)
}

// set sets variables; a name alone is set to nothing, as by initctl.
func (s *Service) set(c *bus.Call, details, pairs []string, replace bool) {
	name, ok := s.target(c, details, true)
	if !ok {
		return
	}
	for i, pair := range pairs {
		if !strings.Contains(pair, "=") {
			pairs[i] = pair + "="
		}
	}
	if !goodEnv(c, pairs) {
		return
	}
	if !replace {
		old, _ := s.be.JobEnv(name)
		pairs = slices.DeleteFunc(pairs, func(pair string) bool {
			key, _, _ := strings.Cut(pair, "=")
			return find(old, key) >= 0
		})
	}
	s.change(c, name, pairs, nil, false)
}

func unsetEnv(subject any, c *bus.Call) {
	details, name := c.Args.Strings(), c.Args.String()
	subject.(*Service).unset(c, details, []string{name})
}

func unsetEnvList(subject any, c *bus.Call) {
	details, names := c.Args.Strings(), c.Args.Strings()
	subject.(*Service).unset(c, details, names)
}

func (s *Service) unset(c *bus.Call, details, names []string) {
	name, ok := s.target(c, details, true)
	if !ok {
		return
	}
	if len(names) > maxEnv || slices.ContainsFunc(names, func(n string) bool { return !goodKey(n) || strings.Contains(n, "=") }) {
		c.Fail(bus.ErrArgs, "Want names of variables, at most %d", maxEnv)
		return
	}
	s.change(c, name, nil, names, false)
}

func resetEnv(subject any, c *bus.Call) {
	s := subject.(*Service)
	if name, ok := s.target(c, c.Args.Strings(), true); ok {
		s.change(c, name, nil, nil, true)
	}
}

func (s *Service) change(c *bus.Call, unitName string, set, unset []string, reset bool) {
	if refusal := s.be.SetJobEnv(unitName, set, unset, reset); refusal != nil {
		refuse(c, refusal)
		return
	}
	c.Return()
}
