// SPDX-License-Identifier: Apache-2.0

package engine

// JobStatus is a job or an instance of it in the words of initctl(8).
type JobStatus struct {
	// Unit is the name of the unit, Job and Instance are Upstart's.
	Unit, Job, Instance string
	// Class: it has an instance stanza and stands for all instances.
	Class bool
	// Goal is "start" or "stop", State "waiting", "starting", "security",
	// "pre-start", "spawned", "post-start", "running", "pre-stop", "stopping",
	// "killed" or "post-stop".
	Goal, State string
	// Processes are those that live, "main" first.
	Processes []JobProcess
	// Notes are worth knowing: "expected 2 forks, saw 1".
	Notes []string
	// Failed: this run of it, or the last one, has failed; FailStatus is then
	// the exit status, the signal shifted left by 8, or -1 where no process
	// ended (it could not be started).
	Failed     bool
	FailStatus int32
}

// JobProcess is one process of a job; Name is "main", "pre-start" and so on.
type JobProcess struct {
	Name string
	Pid  int32
}

// Explanation is the answer to `rouse why`: all times are on the boot clock.
type Explanation struct {
	Unit   string `json:"unit"`
	Active string `json:"active"`
	Sub    string `json:"sub"`
	// Goal is "up" or "down"; Since is when the state was entered.
	Goal  string `json:"goal"`
	Since Time   `json:"since"`
	// Causes lead from the last start or stop of the unit to where it came
	// from, nearest first.
	Causes []Cause `json:"causes,omitempty"`
	// Waits are what it waits for now, in words; nothing if it does not.
	Waits []string `json:"waits,omitempty"`
	// Sleep is nil for what neither sleeps nor may.
	Sleep *Sleep `json:"sleep,omitempty"`
	// StartOn and StopOn are the states of its event expressions.
	StartOn *ExprState `json:"start_on,omitempty"`
	StopOn  *ExprState `json:"stop_on,omitempty"`
	// Needs are units that must be up before, and their states.
	Needs []Need `json:"needs,omitempty"`
	// Notes are what else was seen ("expected 2 forks, saw 1", "the file has
	// changed since"), Failure why it failed last.
	Notes   []string `json:"notes,omitempty"`
	Failure string   `json:"failure,omitempty"`
}

// Cause is one link of a chain of causes.
type Cause struct {
	At   Time   `json:"at"`
	What string `json:"what"`           // "start asked for by uid 0", "event started JOB=dbus"
	Unit string `json:"unit,omitempty"` // the unit that it came from
}

// Need is a dependency that counts for the start.
type Need struct {
	Unit   string `json:"unit"`
	Why    string `json:"why"` // "Requires=", "After="
	Active string `json:"active"`
}

// ExprState is a node of an event expression and what has come true of it.
type ExprState struct {
	Op   string `json:"op"`             // "event", "and", "or"
	Text string `json:"text,omitempty"` // of an event, as in the file
	Pos  string `json:"pos,omitempty"`
	True bool   `json:"true"`
	// At and By say when and by which event ("started JOB=dbus INSTANCE=").
	At  Time         `json:"at,omitempty"`
	By  string       `json:"by,omitempty"`
	Sub []*ExprState `json:"sub,omitempty"`
}
