// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"encoding/json"
	"fmt"
	"strings"
)

type jsonText = json.RawMessage

// managerStatus is what dev.rouse.Manager1.Status tells.
type managerStatus struct {
	Version       string   `json:"version"`
	Scope         string   `json:"scope"`
	State         string   `json:"state"`
	Cgroups       string   `json:"cgroups"`
	ControlGroup  string   `json:"control_group"`
	Handover      string   `json:"handover"`
	Freeze        string   `json:"freeze"`
	Notes         []string `json:"notes"`
	GuardianPid   int32    `json:"guardian_pid"`
	ManagerPid    int32    `json:"manager_pid"`
	ManagerStarts uint32   `json:"manager_starts"`
	LastDeath     string   `json:"last_death"`
	SinceUSec     uint64   `json:"since_usec"`
	Units         uint32   `json:"units"`
	Active        uint32   `json:"active"`
	Failed        uint32   `json:"failed"`
	Sleeping      uint32   `json:"sleeping"`
	Jobs          uint32   `json:"jobs"`
	Wakes         uint64   `json:"wakes"`
	Sleeps        uint64   `json:"sleeps"`
	Path          []string `json:"unit_path"`
}

// statusManager prints the manager's own state.
func (a *app) statusManager(asJSON bool) error {
	conn, err := a.connect()
	if err != nil {
		return err
	}
	var raw jsonText
	if err := conn.JSON("Status", &raw); err != nil {
		return err
	}
	if asJSON {
		a.printf("%s\n", raw)
		return nil
	}
	var s managerStatus
	if err := json.Unmarshal(raw, &s); err != nil {
		return fmt.Errorf("cannot understand the manager: %w", err)
	}
	dotState := "active"
	if s.State == "degraded" {
		dotState = "failed"
	}
	a.printf("%s rouse %s (%s)\n", a.dot(dotState), s.Version, s.Scope)
	a.line("State", "%s", s.State)
	a.line("Units", "%d loaded, %d active, %d failed, %d jobs", s.Units, s.Active, s.Failed, s.Jobs)
	a.line("Sleep", "%s asleep; %s and %s so far", counted(int(s.Sleeping), "service"), counted(int(s.Wakes), "wake"), counted(int(s.Sleeps), "sleep"))
	a.line("Since", "%s; %s", stamp(s.SinceUSec), ago(s.SinceUSec))
	if s.GuardianPid != 0 {
		a.line("Guardian", "%d", s.GuardianPid)
	}
	manager := fmt.Sprint(s.ManagerPid)
	if s.ManagerStarts > 1 {
		manager += fmt.Sprintf(", started %d times", s.ManagerStarts)
		if s.LastDeath != "" {
			manager += "; the last one " + s.LastDeath
		}
	}
	a.line("Manager", "%s", manager)
	a.line("Cgroups", "%s", s.Cgroups)
	if s.ControlGroup != "" {
		a.line("CGroup", "%s", s.ControlGroup)
	}
	if s.Handover != "" {
		a.line("Handover", "%s", s.Handover)
	}
	if s.Freeze != "" {
		a.line("Freeze", "%s", s.Freeze)
	}
	a.more("Unit path", s.Path)
	for _, n := range s.Notes {
		a.line("Note", "%s", strings.ReplaceAll(n, "\n", " "))
	}
	return nil
}
