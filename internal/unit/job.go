// SPDX-License-Identifier: Apache-2.0

package unit

import "time"

// Job is what only services that come from Upstart job files have (init(5)).
// The unit of job NAME is NAME.service; of a job with an instance stanza it
// stands for all instances and never runs itself, and instance I is NAME@I.service.
// A "/" in the name of the job becomes "-" in that of the unit.
type Job struct {
	// Name is the name of the job: its path below the directory, without
	// ".conf".
	Name                   string
	Author, Version, Usage string
	// Instance is the text that names the instance, with $VARIABLES; ""
	// means that there is only one.
	Instance string
	// Task: whoever starts it waits until it has finished.
	Task   bool
	Expect Expect
	// ExpectTimeout is how long its readiness is waited for (rouse's own).
	ExpectTimeout time.Duration

	Respawn bool
	// RespawnCount respawns are allowed in RespawnInterval; 0: without limit.
	RespawnCount    uint32
	RespawnInterval time.Duration
	// NormalExit are the ends that are no failure and are not respawned from.
	NormalExit *ExitSet

	// Console is "none", "log", "output" or "owner"; "" is the manager's default.
	Console string
	// AppArmorLoad and AppArmorSwitch are a profile's file and name.
	AppArmorLoad, AppArmorSwitch string
	Cgroups                      []CgroupRule
	Debug                        bool
	// Manual: the manual stanza stands after the last start on.
	Manual bool
	// BusName of a `dbus` stanza is in Service.BusName; SessionBus tells
	// which bus is meant.
	SessionBus bool
	// Needs are the jobs or units of `needs` stanzas; they are in Deps too.
	Needs []string
	// Stanzas are the higher-level stanzas and the expressions that they
	// stand for, which are part of StartOn, for `initctl show-config -e`.
	Stanzas []Stanza
}

// Stanza is one higher-level stanza, as written, and what it means.
type Stanza struct {
	Text    string
	StartOn Expr
	StopOn  Expr
}

// CgroupRule is one cgroup stanza of init(5).
type CgroupRule struct{ Controller, Name, Key, Value string }

// Expect is how a job tells that it is ready (the expect stanza of init(5)).
type Expect uint8

// The values of expect. ExpectListen is seed and rouse only.
const (
	ExpectNone Expect = iota
	ExpectStop
	ExpectFork
	ExpectDaemon
	ExpectListen
)

// Forks is how many forks the main process is followed through.
func (x Expect) Forks() int {
	switch x {
	case ExpectFork:
		return 1
	case ExpectDaemon:
		return 2
	case ExpectNone, ExpectStop, ExpectListen:
	}
	return 0
}
