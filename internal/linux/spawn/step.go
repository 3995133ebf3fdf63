// SPDX-License-Identifier: Apache-2.0

package spawn

import (
	"fmt"
	"strings"
	"syscall"
)

// Step is what a part of a program is for. It is what a failure names.
type Step uint16

// The steps.
const (
	StepFork Step = iota
	StepCgroup
	StepAnnounce
	StepHold
	StepSignals
	StepSession
	StepStdin
	StepStdout
	StepStderr
	StepFds
	StepOOM
	StepCoredump
	StepNice
	StepScheduler
	StepAffinity
	StepIOPriority
	StepTimerSlack
	StepPersonality
	StepUmask
	StepKeyring
	StepLimits
	StepRoot
	StepBounding
	StepGroups
	StepGroup
	StepUser
	StepCapabilities
	StepAmbient
	StepSecureBits
	StepParentDeath
	StepDirectory
	StepNoNewPrivileges
	StepSeccomp
	StepEnvironment
	StepExec
	StepOther
	numSteps
)

// stepInfo is one row of stepTable.
type stepInfo struct {
	name      string
	directive string // "" where no directive asks for the step
	status    uint8  // systemd.exec(5), "Process Exit Codes"
}

// stepTable gives each step its name, its directive and its exit status.
//
//nolint:gochecknoglobals // a constant table
var stepTable = [numSteps]stepInfo{
	StepFork:            {"fork", "", 202},
	StepCgroup:          {"cgroup", "Slice", 219},
	StepAnnounce:        {"announce", "", 202},
	StepHold:            {"hold", "", 202},
	StepSignals:         {"signals", "IgnoreSIGPIPE", 207},
	StepSession:         {"session", "", 220},
	StepStdin:           {"stdin", "StandardInput", 208},
	StepStdout:          {"stdout", "StandardOutput", 209},
	StepStderr:          {"stderr", "StandardError", 222},
	StepFds:             {"descriptors", "Sockets", 202},
	StepOOM:             {"oom score", "OOMScoreAdjust", 206},
	StepCoredump:        {"coredump filter", "CoredumpFilter", 205},
	StepNice:            {"nice", "Nice", 201},
	StepScheduler:       {"scheduler", "CPUSchedulingPolicy", 214},
	StepAffinity:        {"cpu affinity", "CPUAffinity", 215},
	StepIOPriority:      {"io priority", "IOSchedulingPriority", 211},
	StepTimerSlack:      {"timer slack", "TimerSlackNSec", 212},
	StepPersonality:     {"personality", "Personality", 230},
	StepUmask:           {"umask", "UMask", 202},
	StepKeyring:         {"keyring", "KeyringMode", 237},
	StepLimits:          {"limits", "Limit", 205},
	StepRoot:            {"chroot", "RootDirectory", 210},
	StepBounding:        {"capability bounding set", "CapabilityBoundingSet", 218},
	StepGroups:          {"groups", "SupplementaryGroups", 216},
	StepGroup:           {"group", "Group", 216},
	StepUser:            {"user", "User", 217},
	StepCapabilities:    {"capabilities", "AmbientCapabilities", 218},
	StepAmbient:         {"ambient capabilities", "AmbientCapabilities", 218},
	StepSecureBits:      {"secure bits", "SecureBits", 213},
	StepParentDeath:     {"parent death signal", "", 207},
	StepDirectory:       {"chdir", "WorkingDirectory", 200},
	StepNoNewPrivileges: {"no new privileges", "NoNewPrivileges", 227},
	StepSeccomp:         {"seccomp", "X-Handover", 228},
	StepEnvironment:     {"environment", "", 202},
	StepExec:            {"exec", "ExecStart", 203},
	StepOther:           {"step", "", 202},
}

// limitNames are the Limit*= directives by resource number, which is the same
// on all architectures that rouse knows (MIPS and SPARC differ).
//
//nolint:gochecknoglobals // a constant table
var limitNames = [...]string{
	"LimitCPU", "LimitFSIZE", "LimitDATA", "LimitSTACK", "LimitCORE", "LimitRSS", "LimitNPROC", "LimitNOFILE",
	"LimitMEMLOCK", "LimitAS", "LimitLOCKS", "LimitSIGPENDING", "LimitMSGQUEUE", "LimitNICE", "LimitRTPRIO", "LimitRTTIME",
}

func (s Step) String() string {
	if s >= numSteps {
		return fmt.Sprintf("step %d", uint16(s))
	}
	return stepTable[s].name
}

// Status is the exit status of a process whose step s failed, as
// systemd.exec(5) has it.
func (s Step) Status() uint8 {
	if s >= numSteps {
		return stepTable[StepOther].status
	}
	return stepTable[s].status
}

// Failure is a step that failed, in the child or, for StepFork and
// StepCgroup, in clone3 itself.
type Failure struct { //nolint:errname // what failed, before it is an error
	Step Step
	// Directive is the setting that asked for the step, for instance
	// "WorkingDirectory" or "LimitNOFILE"; "" when none did. For StepExec it
	// is "ExecStart"; the caller knows which command it really was.
	Directive string
	// Path is the file that it was about, or "".
	Path  string
	Errno syscall.Errno
}

// Status is the exit status that goes with it.
func (f *Failure) Status() uint8 { return f.Step.Status() }

// Error says what failed and why: chdir "/nowhere": no such file or directory.
func (f *Failure) Error() string {
	var b strings.Builder
	b.WriteString(f.Step.String())
	if f.Path != "" {
		fmt.Fprintf(&b, " %q", f.Path)
	}
	fmt.Fprintf(&b, ": %v", f.Errno)
	return b.String()
}

// Unwrap gives the errno to errors.Is.
func (f *Failure) Unwrap() error { return f.Errno }

// newFailure completes a failure; detail is the resource number of
// StepLimits, otherwise 0.
func newFailure(s Step, detail uint16, errno syscall.Errno, path string) *Failure {
	f := &Failure{Step: s, Path: path, Errno: errno}
	if s < numSteps {
		f.Directive = stepTable[s].directive
	}
	if s == StepLimits && int(detail) < len(limitNames) {
		f.Directive = limitNames[detail]
	}
	return f
}
