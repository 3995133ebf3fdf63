// SPDX-License-Identifier: Apache-2.0

package spawn

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// sigactionWords is the size of the kernel's struct sigaction where it is
// four words (amd64, with the restorer); others use the first two of them.
const sigactionWords = 4

// SignalAction sets a signal to be ignored, or to its default.
func (b *Builder) SignalAction(sig int, ignore bool) {
	var act [sigactionWords]Arg
	if ignore {
		act[0] = Int(1) // SIG_IGN
	}
	b.Call(unix.SYS_RT_SIGACTION, Int(sig), b.Words(act[:]...), Int(0), Int(8))
}

// SigMask sets the mask of blocked signals, bit 0 for signal 1.
func (b *Builder) SigMask(mask uint64) {
	b.Call(unix.SYS_RT_SIGPROCMASK, Int(unix.SIG_SETMASK), b.Words(Int(mask)), Int(0), Int(8))
}

// Limit sets a resource limit.
func (b *Builder) Limit(resource uint8, soft, hard uint64) {
	b.Call(unix.SYS_PRLIMIT64, Int(0), Int(uint64(resource)), b.Words(Int(soft), Int(hard)), Int(0))
}

// OOMScore sets oom_score_adj. The program then needs memory of its own.
// Where it is not permitted the score stays, as in systemd: user namespaces
// forbid it.
func (b *Builder) OOMScore(adjust int16) {
	b.WriteFile("/proc/self/oom_score_adj", strconv.Itoa(int(adjust)), unix.EPERM, unix.EACCES)
	b.p.ownMemory = true
}

// CoredumpFilter sets coredump_filter. The program then needs memory of its
// own.
func (b *Builder) CoredumpFilter(mask uint64) {
	b.WriteFile("/proc/self/coredump_filter", fmt.Sprintf("%#x", mask), unix.EPERM, unix.EACCES)
	b.p.ownMemory = true
}

// SetNice sets the nice value; where it may not be lowered it stays.
func (b *Builder) SetNice(nice int8) {
	b.Call(unix.SYS_SETPRIORITY, Int(unix.PRIO_PROCESS), Int(0), Int(int(nice)))
	b.Ignore(unix.EPERM, unix.EACCES)
}

// SchedSetScheduler sets the scheduling policy.
func (b *Builder) SchedSetScheduler(policy int, priority int32, resetOnFork bool) {
	if resetOnFork {
		policy |= 0x40000000 // SCHED_RESET_ON_FORK, sched(7)
	}
	p := binary.NativeEndian.AppendUint32(nil, uint32(priority))
	b.Call(unix.SYS_SCHED_SETSCHEDULER, Int(0), Int(policy), b.Bytes(p))
}

// SchedSetAffinity sets the processors that it may run on.
func (b *Builder) SchedSetAffinity(cpus []uint32) {
	var words []Arg
	for _, c := range cpus {
		for int(c/64) >= len(words) {
			words = append(words, Int(0))
		}
		words[c/64].value |= 1 << (c % 64)
	}
	b.Call(unix.SYS_SCHED_SETAFFINITY, Int(0), Int(8*len(words)), b.Words(words...))
}

// IoprioSet sets the I/O class and priority (ioprio_set(2)).
func (b *Builder) IoprioSet(class, priority int) {
	const whoProcess, classShift = 1, 13
	b.Call(unix.SYS_IOPRIO_SET, Int(whoProcess), Int(0), Int(class<<classShift|priority))
}

// scheduling adds what concerns the processor, the disk and the OOM killer.
func (s *Spawner) scheduling(b *Builder, spec *Spec) {
	if spec.OOM != nil {
		b.ForPath(StepOOM, "/proc/self/oom_score_adj")
		b.OOMScore(*spec.OOM)
	}
	sched := spec.Sched
	if sched != nil && sched.CoredumpFilter != 0 {
		b.ForPath(StepCoredump, "/proc/self/coredump_filter")
		b.CoredumpFilter(sched.CoredumpFilter)
	}
	if spec.Nice != nil {
		b.For(StepNice)
		b.SetNice(*spec.Nice)
	}
	if sched == nil {
		return
	}
	if sched.Policy >= 0 {
		b.For(StepScheduler)
		b.SchedSetScheduler(int(sched.Policy), sched.Priority, sched.ResetOnFork)
	}
	if len(sched.Affinity) > 0 {
		b.For(StepAffinity)
		b.SchedSetAffinity(sched.Affinity)
	}
	if sched.IOClass >= 0 {
		b.For(StepIOPriority)
		b.IoprioSet(int(sched.IOClass), int(sched.IOPriority))
	}
	if sched.TimerSlack > 0 {
		b.For(StepTimerSlack)
		b.Prctl(unix.PR_SET_TIMERSLACK, Int(int64(sched.TimerSlack/time.Nanosecond)))
	}
	if sched.Personality != 0 {
		b.For(StepPersonality)
		b.Call(unix.SYS_PERSONALITY, Int(sched.Personality))
	}
}

// ignoredSignals are those that this process ignores. clone3 resets handlers,
// but what is ignored stays ignored, over execve too.
func ignoredSignals() (mask uint64) {
	for sig := 1; sig <= 64; sig++ {
		var act [sigactionWords]uintptr
		_, _, errno := unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(sig), 0, uintptr(unsafe.Pointer(&act)), 8, 0, 0)
		if errno == 0 && act[0] == 1 {
			mask |= 1 << (sig - 1)
		}
	}
	return mask
}
