// SPDX-License-Identifier: Apache-2.0

package initctl

import (
	"strings"

	"github.com/rouse-init/rouse/internal/bus/client"
)

// jobs are the named job, or all.
func (r *run) jobs(args []string) ([]*client.UpstartJob, error) {
	up, err := r.connect()
	if err != nil {
		return nil, err
	}
	if len(args) == 0 {
		return up.AllJobs()
	}
	j, err := up.JobByName(args[0])
	return []*client.UpstartJob{j}, err
}

func showConfigCmd(r *run, args []string) error {
	jobs, err := r.jobs(args)
	if err != nil {
		return err
	}
	for _, j := range jobs {
		info, err := j.Info()
		if gone(err) {
			continue
		}
		if err != nil {
			return err
		}
		r.printf("%s\n", info.Name)
		for _, e := range info.Emits {
			r.printf("  emits %s\n", e)
		}
		for _, c := range []struct {
			what string
			expr [][]string
		}{{"start on", info.StartOn}, {"stop on", info.StopOn}} {
			if r.enumerate {
				for _, term := range c.expr {
					if operator(term) == "" && len(term) > 0 {
						r.printf("  %s %s\n", c.what, enumerated(term))
					}
				}
			} else if text := bracketed(c.expr); text != "" {
				r.printf("  %s %s\n", c.what, text)
			}
		}
	}
	return nil
}

// operator is "and" or "or" where a term of a postfix expression is one.
func operator(term []string) string {
	switch {
	case len(term) == 1 && term[0] == "/AND":
		return "and"
	case len(term) == 1 && term[0] == "/OR":
		return "or"
	}
	return ""
}

// bracketed is a postfix expression as text, each operator in brackets.
func bracketed(expr [][]string) string {
	var stack []string
	for _, term := range expr {
		op := operator(term)
		if op == "" || len(stack) < 2 {
			stack = append(stack, strings.Join(term, " "))
			continue
		}
		a, b := stack[len(stack)-2], stack[len(stack)-1]
		stack = append(stack[:len(stack)-2], "("+a+" "+op+" "+b+")")
	}
	return strings.Join(stack, " ")
}

// jobOf splits the job off an event of a job: its first variable, or JOB=.
func jobOf(term []string) (job string, rest []string) {
	if !jobEvent(term[0]) || len(term) < 2 {
		return "", term[1:]
	}
	key, value, named := strings.Cut(term[1], "=")
	switch {
	case !named:
		return term[1], term[2:]
	case key == "JOB":
		return value, term[2:]
	}
	return "", term[1:]
}

func jobEvent(name string) bool {
	switch name {
	case "starting", "started", "stopping", "stopped":
		return true
	}
	return false
}

// enumerated is one event as `show-config --enumerate` shows it.
func enumerated(term []string) string {
	job, rest := jobOf(term)
	space := func(s string) string {
		if s == "" {
			return ""
		}
		return " " + s
	}
	return term[0] + " (job:" + space(job) + ", env:" + space(strings.Join(rest, " ")) + ")"
}
