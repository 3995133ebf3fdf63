// SPDX-License-Identifier: Apache-2.0

// Package spawn starts processes. One clone3(2) creates the process where it
// belongs (parent, cgroup), and until execve(2) the child runs a program of
// raw system calls that was compiled beforehand (Program): there is no helper
// binary and no Go code in the child. A step that fails names itself.
//
// # The child
//
// The child shares the address space (CLONE_VM: no page tables are copied)
// but the parent does not wait for it (no CLONE_VFORK), so a step may block,
// for instance in opening a FIFO, without stopping the manager or its garbage
// collector. What makes this safe:
//   - The child never runs Go code. It executes the loop in run_ARCH.s, which
//     keeps its state in registers and reads and writes nothing but one block,
//     which is mapped memory that the garbage collector does not know.
//   - It has a stack of its own in that block, which the loop does not use.
//   - It must not return: it shares the parent's thread pointer, so it would
//     run as the thread that cloned it. The loop ends in execve or exit_group.
//   - All signals are blocked around the clone, in the same assembly function,
//     and CLONE_CLEAR_SIGHAND takes the runtime's handlers away, so no handler
//     of Go's can run in the child. Its first step sets the mask it shall have.
//   - The kernel clears a word of the block when the child has left the address
//     space, by execve or by death (CLONE_CHILD_CLEARTID); only then is the
//     block used again.
//
// runtime_BeforeFork, which package syscall calls, does two things: it blocks
// signals, done here by the assembly itself, and it poisons the stack guard so
// that Go code in the child cannot grow its stack; none runs here. An assembly
// function is not preempted, so the thread need not be locked either. The
// portable path (clone_portable.go), where the child is Go code with a copy of
// the memory, does call it. Kernels and containers without clone3 get clone(2),
// and the program does the rest (Spawner.oldKernel).
//
// # What belongs to the address space
//
// Some attributes that a child sets are those of the memory that it shares, so
// the manager would get them too: oom_score_adj (the kernel applies it to every
// process that shares the memory, proc(5)), coredump_filter. A program with
// such a step gets a copy of the memory instead (Program.ownMemory). A change
// of user makes the shared memory undumpable (prctl(2), PR_SET_DUMPABLE), as it
// does with posix_spawn and os/exec: the manager is then not dumpable either.
//
// # Measured
//
// Linux 6.18, 2 processors, a service of 1 KB without libc, each in a cgroup
// of its own, medians. 1,000 at once, to the last one's first instruction, per
// service: shared memory as here 84 µs; with CLONE_VFORK 179; a copy of the
// memory 311; os.StartProcess 185; a C program with CLONE_VFORK 143. One alone:
// 181 µs, with Spec.Hurry 164, CLONE_VFORK 160, a copy 306. Compiling and
// placing a program takes 1.4 µs.
//
// Package spawn imports nothing of rouse. It has no goroutine and no lock: a
// Spawner belongs to one goroutine.
package spawn
