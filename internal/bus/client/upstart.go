// SPDX-License-Identifier: Apache-2.0

package client

import (
	"errors"
	"strings"

	"github.com/rouse-init/rouse/internal/bus/wire"
)

// The names of com.ubuntu.Upstart on the bus. UpstartName is also what the
// manager owns on a message bus.
const (
	UpstartName       = "com.ubuntu.Upstart"
	upstartPath       = "/com/ubuntu/Upstart"
	upstartJobs       = upstartPath + "/jobs/"
	ifUpstart         = "com.ubuntu.Upstart0_6"
	ifUpstartJob      = ifUpstart + ".Job"
	ifUpstartInstance = ifUpstart + ".Instance"
	ifRouseJob        = "dev.rouse.Job1"
	ifRouseInstance   = "dev.rouse.Instance1"
	// UpstartError begins the names of Upstart's errors (Error.Name), which
	// end in "UnknownJob", "AlreadyStarted" and so on.
	UpstartError = ifUpstart + ".Error."
)

// Upstart is a manager that speaks com.ubuntu.Upstart: rouse or, with the
// parts that rouse has not invented, Upstart itself. A method that waits
// (wait is true) does so for as long as it takes.
type Upstart struct{ conn *Conn }

// DialUpstart connects to a manager: address is a D-Bus address such as
// "unix:abstract=/com/ubuntu/upstart" (as in $UPSTART_SESSION), or the path of
// its socket.
func DialUpstart(address string) (*Upstart, error) {
	c, err := DialAddress(address)
	if err != nil {
		return nil, err
	}
	return c.Upstart(), nil
}

// DialUpstartBus reaches a manager through the message bus at address, where
// it owns the name dest ("" means UpstartName).
func DialUpstartBus(address, dest string) (*Upstart, error) {
	if dest == "" {
		dest = UpstartName
	}
	c, err := DialBus(address, dest)
	if err != nil {
		return nil, err
	}
	return &Upstart{c}, nil
}

// Upstart uses a connection that exists for com.ubuntu.Upstart.
func (c *Conn) Upstart() *Upstart {
	if c.onSignal == nil && len(c.rules) == 0 {
		// A client without rules is sent everything, and events are only
		// told of at all where somebody listens.
		c.OnSignal(nil, "type='error'")
	}
	return &Upstart{c}
}

// Conn is the connection.
func (u *Upstart) Conn() *Conn { return u.conn }

// Close ends the connection.
func (u *Upstart) Close() { u.conn.Close() }

// JobByName finds a job by the name that initctl uses. The error's Name is
// UpstartError + "UnknownJob" where there is none; its Msg says why (a file
// that has an error, for instance).
func (u *Upstart) JobByName(name string) (*UpstartJob, error) {
	d, err := u.call(upstartPath, ifUpstart, "GetJobByName", "s", texts(name))
	if err != nil {
		return nil, err
	}
	return u.job(d.Path()), d.Err()
}

// AllJobs are all jobs, sorted by name.
func (u *Upstart) AllJobs() ([]*UpstartJob, error) {
	d, err := u.call(upstartPath, ifUpstart, "GetAllJobs", "", nil)
	if err != nil {
		return nil, err
	}
	var list []*UpstartJob
	for _, path := range paths(d) {
		list = append(list, u.job(path))
	}
	return list, d.Err()
}

// EmitEvent emits an event; env are NAME=value.
func (u *Upstart) EmitEvent(name string, env []string, wait bool) error {
	_, err := u.patient(wait, upstartPath, ifUpstart, "EmitEvent", "sasb", func(e *wire.Encoder) {
		e.String(name)
		e.Strings(env)
		e.Bool(wait)
	})
	if wait && errors.Is(err, ErrGone) {
		return u.outlastEvent(name, env)
	}
	return err
}

// EmitEventWithFile is EmitEvent with a descriptor for what the event starts.
// The caller keeps fd.
func (u *Upstart) EmitEventWithFile(name string, env []string, wait bool, fd int) error {
	u.conn.sendFDs = []int{fd}
	_, err := u.patient(wait, upstartPath, ifUpstart, "EmitEventWithFile", "sasbh", func(e *wire.Encoder) {
		e.String(name)
		e.Strings(env)
		e.Bool(wait)
		e.FD(0)
	})
	u.conn.sendFDs = nil
	if wait && errors.Is(err, ErrGone) {
		return u.outlastEvent(name, env)
	}
	return err
}

// ReloadConfiguration has all files read again.
func (u *Upstart) ReloadConfiguration() error { return u.plain("ReloadConfiguration", "", nil) }

// Restart has the manager start itself again, with its state. It may end the
// connection before it is answered.
func (u *Upstart) Restart() error { return u.plain("Restart", "", nil) }

// EndSession ends a session manager and all that it has started.
func (u *Upstart) EndSession() error { return u.plain("EndSession", "", nil) }

// NotifyDiskWriteable says that log files can be written.
func (u *Upstart) NotifyDiskWriteable() error { return u.plain("NotifyDiskWriteable", "", nil) }

// NotifyDBusAddress says where the message bus is.
func (u *Upstart) NotifyDBusAddress(address string) error {
	return u.plain("NotifyDBusAddress", "s", texts(address))
}

// NotifyCGroupManagerAddress says where cgmanager is.
func (u *Upstart) NotifyCGroupManagerAddress(address string) error {
	return u.plain("NotifyCGroupManagerAddress", "s", texts(address))
}

// State is the manager's state as JSON.
func (u *Upstart) State() (string, error) { return u.text("GetState", "", nil) }

// Version is what `initctl version` prints.
func (u *Upstart) Version() (string, error) {
	return u.textProperty(upstartPath, ifUpstart, "version")
}

// LogPriority is "debug", "info", "message", "warn", "error" or "fatal".
func (u *Upstart) LogPriority() (string, error) {
	return u.textProperty(upstartPath, ifUpstart, "log_priority")
}

// SetLogPriority sets it; Error.Name ends in ".InvalidArgs" for a word that is
// none of these.
func (u *Upstart) SetLogPriority(priority string) error {
	_, err := u.call(upstartPath, ifProps, "Set", "ssv", func(e *wire.Encoder) {
		e.String(ifUpstart)
		e.String("log_priority")
		e.Variant("s")
		e.String(priority)
	})
	return err
}

// JobDetails names whose variables a function is about: nil for those of all
// jobs, else a job and its instance ("" for the only one).
func JobDetails(job, instance string) []string { return []string{job, instance} }

// Env is the value of a variable that jobs get.
func (u *Upstart) Env(details []string, name string) (string, error) {
	return u.text("GetEnv", "ass", func(e *wire.Encoder) {
		e.Strings(details)
		e.String(name)
	})
}

// ListEnv are all of them, NAME=value.
func (u *Upstart) ListEnv(details []string) ([]string, error) {
	d, err := u.call(upstartPath, ifUpstart, "ListEnv", "as", func(e *wire.Encoder) { e.Strings(details) })
	if err != nil {
		return nil, err
	}
	env := d.Strings()
	return env, d.Err()
}

// SetEnv sets variables (NAME=value); those that are set already only with
// replace.
func (u *Upstart) SetEnv(details, vars []string, replace bool) error {
	return u.plain("SetEnvList", "asasb", func(e *wire.Encoder) {
		e.Strings(details)
		e.Strings(vars)
		e.Bool(replace)
	})
}

// UnsetEnv removes variables.
func (u *Upstart) UnsetEnv(details, names []string) error {
	return u.plain("UnsetEnvList", "asas", func(e *wire.Encoder) {
		e.Strings(details)
		e.Strings(names)
	})
}

// ResetEnv takes all changes back.
func (u *Upstart) ResetEnv(details []string) error {
	return u.plain("ResetEnv", "as", func(e *wire.Encoder) { e.Strings(details) })
}

// lastPart is what the last element of an object path stands for.
func lastPart(path string) string {
	text, _ := wire.Unescape(path[strings.LastIndexByte(path, '/')+1:])
	return text
}
