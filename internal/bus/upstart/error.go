// SPDX-License-Identifier: Apache-2.0

package upstart

import (
	"cmp"
	"fmt"

	"github.com/rouse-init/rouse/internal/bus"
	"github.com/rouse-init/rouse/internal/engine"
	"github.com/rouse-init/rouse/internal/unit"
)

// The errors of the interface.
const (
	errUnknownJob      = errorPrefix + "UnknownJob"
	errUnknownInstance = errorPrefix + "UnknownInstance"
	// errUnknownJobInstance is that of the environment's methods alone.
	errUnknownJobInstance = errorPrefix + "UnknownJobInstance"
	errJobFailed          = errorPrefix + "JobFailed"
	errDenied             = errorPrefix + "PermissionDenied"
)

// emptyName is the text for a job or an event without a name.
const emptyName = "Name may not be empty string"

// refusals are the errors for the codes of the Backend, and what they mean
// where it has not said. The codes of systemd1 come from units that are no
// jobs of Upstart.
var refusals = map[string]struct{ name, msg string }{
	"UnknownJob":       {errUnknownJob, "Unknown job"},
	"NoSuchUnit":       {errUnknownJob, "Unknown job"},
	"LoadFailed":       {errUnknownJob, "Unknown job: its file cannot be used"},
	"UnknownInstance":  {errUnknownInstance, "Unknown instance"},
	"AlreadyStarted":   {errorPrefix + "AlreadyStarted", "Job is already running"},
	"AlreadyStopped":   {errorPrefix + "AlreadyStopped", "Job has already been stopped"},
	"NotRunning":       {errorPrefix + "NotRunning", "Job is not running"},
	"JobFailed":        {errJobFailed, "Job failed"},
	"EventFailed":      {errorPrefix + "EventFailed", "Event failed"},
	"PermissionDenied": {errDenied, "Permission denied"},
	"InvalidArgs":      {bus.ErrArgs, "Invalid arguments"},
	"LimitsExceeded":   {bus.ErrLimits, "Too much"},
}

// refuse answers a call with a refusal of the Backend. What Upstart has no
// name for is a failure of the job, with the reason in the text.
func refuse(c *bus.Call, r *engine.Refusal) {
	known, ok := refusals[r.Code]
	if !ok {
		known.name, known.msg = errJobFailed, r.Code
	}
	c.Fail(known.name, "%s", cmp.Or(r.Msg, known.msg))
}

// job finds a job that can be used, or answers that it is not known. Upstart
// leaves it at that when the file has an error; its users hated that.
func (s *Service) job(c *bus.Call, name string) (*unit.Unit, bool) {
	u, ok := s.be.Job(name)
	if !ok {
		c.Fail(errUnknownJob, "Unknown job: %s", name)
		return nil, false
	}
	// What runs can be looked at and stopped whatever has become of its file.
	return u, len(s.be.Instances(u.Name)) > 0 || usable(c, u)
}

// usable answers the call and returns false for a job whose file has an error.
func usable(c *bus.Call, u *unit.Unit) bool {
	name := jobName(u)
	switch {
	case u.Load == unit.Loaded:
		return true
	case u.LoadErr == nil:
		c.Fail(errUnknownJob, "Unknown job: %s: it cannot be used", name)
	default:
		msg := u.LoadErr.Msg
		if u.LoadErr.Pos.File != "" {
			msg = u.LoadErr.Pos.String() + ": " + msg
		}
		if u.LoadErr.Fix != "" {
			msg += "\n    fix: " + u.LoadErr.Fix
		}
		c.Fail(errUnknownJob, "Unknown job: %s: %s", name, msg)
	}
	return false
}

// unknownInstance says what Upstart says, but for a job that can only have one.
func unknownInstance(c *bus.Call, job *unit.Unit, instance string) {
	if instance == "" {
		instance = fmt.Sprintf("job %s is not running", jobName(job))
	}
	c.Fail(errUnknownInstance, "Unknown instance: %s", instance)
}
