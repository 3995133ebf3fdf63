// SPDX-License-Identifier: Apache-2.0

package engine

var verbNames = [...]string{
	Start: "start", VerifyActive: "verify-active", Stop: "stop", Reload: "reload", Restart: "restart",
	TryRestart: "try-restart", ReloadOrStart: "reload-or-start", ReloadOrRestart: "reload-or-restart",
	TryReloadOrRestart: "try-reload-or-restart", Nop: "nop",
}

// String names the verb as systemd names the job type.
func (v Verb) String() string {
	if int(v) < len(verbNames) {
		return verbNames[v]
	}
	return "unknown"
}

// ParseVerb is the inverse of String.
func ParseVerb(s string) (Verb, bool) {
	for v, name := range verbNames {
		if name == s {
			return Verb(v), true
		}
	}
	return 0, false
}

// up is systemd's "active or reloading".
func up(s ActiveState) bool { return s == Active || s == Reloading }

// dead is systemd's "inactive or failed".
func dead(s ActiveState) bool { return s == Inactive || s == Failed }

// rising is systemd's "active or activating".
func rising(s ActiveState) bool { return up(s) || s == Activating }

// falling is systemd's "inactive or deactivating".
func falling(s ActiveState) bool { return dead(s) || s == Deactivating }

// collapse turns the verbs that depend on the unit's state into a job type
// (systemctl(1), try-restart and the like). canReload is asked for only by
// those that fall back to a restart.
func collapse(v Verb, s ActiveState, canReload bool) Verb {
	switch v {
	case TryRestart:
		if falling(s) {
			return Nop
		}
		return Restart
	case ReloadOrRestart:
		if canReload {
			return collapse(ReloadOrStart, s, true)
		}
		return Restart
	case TryReloadOrRestart:
		if falling(s) {
			return Nop
		}
		if canReload {
			return Reload
		}
		return Restart
	case ReloadOrStart:
		if falling(s) {
			return Start
		}
		return Reload
	case Start, VerifyActive, Stop, Reload, Restart, Nop:
	}
	return v
}

// merge finds the one job type that does the work of two; false if they
// contradict. Start and reload together depend on the state.
func merge(a, b Verb, s ActiveState) (Verb, bool) {
	m, ok := mergeTypes(a, b)
	return collapse(m, s, true), ok
}

// mergeTypes is merge without the state: the lower triangle of a symmetric
// table.
func mergeTypes(a, b Verb) (Verb, bool) {
	switch {
	case a == b:
		return a, true
	case a == Stop || b == Stop || a == Nop || b == Nop:
		return 0, false
	case a == Restart || b == Restart:
		return Restart, true
	case a == VerifyActive:
		return b, true
	case b == VerifyActive:
		return a, true
	}
	return ReloadOrStart, true
}

// conflicting tells whether two job types cannot be one job.
func conflicting(a, b Verb) bool {
	_, ok := mergeTypes(a, b)
	return !ok
}

// redundant tells whether a job of type v has nothing to do in state s.
func redundant(v Verb, s ActiveState) bool {
	switch v {
	case Start, VerifyActive:
		return up(s)
	case Stop:
		return dead(s)
	case Reload:
		return s == Reloading
	case Nop:
		return true
	case Restart, TryRestart, ReloadOrStart, ReloadOrRestart, TryReloadOrRestart:
	}
	return false
}
