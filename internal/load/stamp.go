// SPDX-License-Identifier: Apache-2.0

package load

import (
	"slices"
	"syscall"

	"github.com/rouse-init/rouse/internal/diag"
	"github.com/rouse-init/rouse/internal/unit"
)

// stamp tells two states of one file or directory apart. The zero stamp is
// that of something that is not there.
type stamp struct {
	ino   uint64
	mtime int64 // nanoseconds
	size  int64
}

func stampOf(path string) stamp {
	var st syscall.Stat_t
	if path == "" || syscall.Stat(path, &st) != nil {
		return stamp{}
	}
	return fromStat(&st)
}

func fromStat(st *syscall.Stat_t) stamp {
	return stamp{ino: st.Ino, mtime: st.Mtim.Nano(), size: st.Size}
}

// current returns an index of the directories as they are now: the one that
// units are loaded from while nothing has changed, and a newer one, remembered
// until something changes again, when it has.
func (l *Loader) current() *index {
	if l.fresh == nil {
		l.fresh = l.index
	}
	for i := range l.fresh.dirs {
		if d := &l.fresh.dirs[i]; stampOf(d.host) != d.stamp {
			l.fresh = newIndex(l.cfg)
			return l.fresh
		}
	}
	for _, d := range l.fresh.jobs.dirs {
		if !d.unitDir && stampOf(d.path) != d.stamp {
			l.fresh = newIndex(l.cfg)
			return l.fresh
		}
	}
	for _, f := range l.fresh.super.read {
		if stampOf(f.path) != f.stamp {
			l.fresh = newIndex(l.cfg)
			break
		}
	}
	return l.fresh
}

// Look notices units that were added to the directories since they were
// listed: what was not found before is looked for anew. What is loaded stays
// as it is.
func (l *Loader) Look() {
	if x := l.current(); x != l.index {
		l.index = x
		for name, u := range l.units {
			if u.Load == unit.NotFound {
				delete(l.units, name)
			}
		}
	}
}

// Changed tells whether what is on disk for the unit is no longer what was
// loaded: NeedDaemonReload= of systemd. It costs a stat call for each
// directory of the path and for each file of the unit, and a listing only
// after a change.
func (l *Loader) Changed(name string) bool {
	u, ok := l.Unit(name)
	if !ok && l.index.class(name) != nil { // an instance that was made of its job elsewhere
		u, ok = l.Unit(unit.Split(name).Prefix + ".service")
	}
	if !ok || u.Transient {
		return false
	}
	if u.Socket != nil && u.Socket.MemberOf != "" {
		return l.Changed(u.Socket.MemberOf)
	}
	x := l.current()
	if !isJob(u) && x.canonical(name) != u.Name {
		return true
	}
	was, now := l.index.find(u.Name), x.find(u.Name)
	if was != now && (was == nil || now == nil || was.kind != now.kind || was.path != now.path || overrideOf(was) != overrideOf(now)) {
		return true
	}
	if u.Fragment != "" && stampOf(u.Fragment) != l.stamps[u.Fragment] {
		return true
	}
	for _, f := range u.DropIns {
		if stampOf(f) != l.stamps[f] {
			return true
		}
	}
	return !isJob(u) && (now == nil || !isRead(now)) && !slices.Equal(x.live().dropIns(u.Name, u.Aliases), u.DropIns)
}

// Reload forgets everything, reads the directories again and loads the named
// units (those that the caller knows) and all jobs. It returns the new set, with all that
// they refer to, and the names that were loaded before and that nothing
// defines any longer, sorted.
func (l *Loader) Reload(names ...string) (units []*unit.Unit, gone []string, list diag.List) {
	before := l.units
	l.forget()
	l.known = make(map[string]bool, len(names))
	for _, n := range names {
		l.known[n] = true
	}
	defer func() { l.known = nil }()
	units, list = l.Load(slices.Concat(l.JobNames(), l.agentNames(), names)...)
	for name, u := range before {
		if u.Load != unit.NotFound && !impliedKind(u.Kind) && l.vanished(name) {
			gone = append(gone, name)
		}
	}
	slices.Sort(gone)
	return units, gone, list
}
