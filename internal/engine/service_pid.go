// SPDX-License-Identifier: Apache-2.0

package engine

// adoptMain makes a process main that was not ordered: by MAINPID=, by a PID
// file or by a guess.
func (e *Engine) adoptMain(n *node, pid int32) {
	s := n.service
	if s.Main.Pid == pid {
		return
	}
	if s.Main.Pid != 0 {
		delete(e.pids, s.Main.Pid)
	}
	if !s.Main.alive() {
		e.live++
	}
	e.gen++
	s.Main = proc{Gen: e.gen, Index: -1}
	s.MainKnown = true
	e.setMain(n, pid)
}

// forked: the process that starts a forking daemon has done so.
func (e *Engine) forked(n *node) {
	d := n.serviceDef()
	switch {
	case d.PIDFile != "":
		e.readPIDFile(n, false)
		e.watchCgroup(n) // without a process nobody will write the file
	case d.GuessMainPID:
		e.readPIDFile(n, true)
	default:
		e.enterStartPost(n)
	}
}

// readPIDFile asks for the pid of the main process.
func (e *Engine) readPIDFile(n *node, now bool) {
	t := e.order(n.def.Name)
	n.service.PIDFile = t.Gen
	e.emit(ReadPIDFile{Token: t, Path: n.serviceDef().PIDFile, Now: now})
}

// pidFileRead: the main process is known, or not.
func (e *Engine) pidFileRead(n *node, in PIDFileRead) {
	s, d := n.service, n.serviceDef()
	if s.PIDFile == 0 || in.Token.Gen != s.PIDFile {
		e.late++
		return
	}
	if n.ev != nil && n.ev.Asking {
		e.leftFound(n, in.Pid)
		return
	}
	moving := s.Main.alive() && s.Main.Pid == 0 // see mayMove
	if in.Pid > 0 {
		s.PIDFile = 0
		e.adoptMain(n, in.Pid)
	}
	switch {
	case s.State == svcStart && in.Pid > 0, s.State == svcStart && d.PIDFile == "":
		s.PIDFile = 0
		e.enterStartPost(n)
	case s.State == svcStart:
		e.record(RecordDebug, n, "waiting for the PID file: %s", in.Msg)
	case in.Pid > 0 && s.State.stopping():
		e.spawnedLate(n, Spawned{Token: Token{Gen: s.Main.Gen}, Pid: in.Pid})
	case in.Pid > 0:
	case moving:
		s.PIDFile = 0
		v := &n.view
		e.mainExited(n, Exited{Code: v.MainCode, Status: v.MainStatus}, false)
	default:
		s.PIDFile = 0
	}
}
