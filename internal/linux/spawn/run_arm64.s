// SPDX-License-Identifier: Apache-2.0

#include "textflag.h"

#define SYS_write 64
#define SYS_exit_group 94
#define SYS_rt_sigprocmask 135
#define SIG_SETMASK 2

// Offsets in insn (insn.go) and the operations that are no system call.
#define NR 0
#define ARG0 8
#define ARG1 16
#define ARG2 24
#define ARG3 32
#define ARG4 40
#define ARG5 48
#define OUT 56
#define IGNORE 64
#define REC 72
#define RECLEN 80
#define STATUS 88
#define INSNSIZE 96
#define OPFIRST 0x10000
#define OPDECIMAL 0x10000
#define OPEXPECT 0x10001
// Offset in header.
#define RESULT 8

// func cloneRun(nr, a1, a2, a3, a4, a5, list, head uintptr) (pid, errno uintptr)
//
// The number of a system call is in R8, its arguments in R0 to R5; SVC changes
// R0 only. The instructions are at R19, the header is at R20; R18 (platform),
// R27 (assembler), R28 (g) and R29 (frame) are left alone. The assembler's
// prologue saved LR in the parent's frame, which the child never reads.
TEXT ·cloneRun(SB),NOSPLIT,$16-80
	// Block all signals; the old mask is kept on the caller's stack.
	MOVD	$-1, R9
	MOVD	R9, mask-8(SP)
	MOVD	$SIG_SETMASK, R0
	MOVD	$mask-8(SP), R1
	MOVD	$old-16(SP), R2
	MOVD	$8, R3
	MOVD	$SYS_rt_sigprocmask, R8
	SVC

	MOVD	list+48(FP), R19
	MOVD	head+56(FP), R20
	MOVD	nr+0(FP), R8
	MOVD	a1+8(FP), R0
	MOVD	a2+16(FP), R1
	MOVD	a3+24(FP), R2
	MOVD	a4+32(FP), R3
	MOVD	a5+40(FP), R4
	SVC
	CBZ	R0, child
	MOVD	R0, R21

	MOVD	$SIG_SETMASK, R0
	MOVD	$old-16(SP), R1
	MOVD	$0, R2
	MOVD	$8, R3
	MOVD	$SYS_rt_sigprocmask, R8
	SVC

	CMN	$4095, R21
	BHS	refused
	MOVD	R21, pid+64(FP)
	MOVD	ZR, errno+72(FP)
	RET
refused:
	NEG	R21, R21
	MOVD	ZR, pid+64(FP)
	MOVD	R21, errno+72(FP)
	RET

child:
	// From here on SP is the child's own stack and nothing is pushed.
loop:
	MOVD	NR(R19), R8
	MOVD	$OPFIRST, R9
	CMP	R9, R8
	BHS	special
	MOVD	ARG0(R19), R0
	MOVD	ARG1(R19), R1
	MOVD	ARG2(R19), R2
	MOVD	ARG3(R19), R3
	MOVD	ARG4(R19), R4
	MOVD	ARG5(R19), R5
	SVC
	CMN	$4095, R0
	BHS	failed
	MOVD	OUT(R19), R9
	CBZ	R9, next
	MOVD	R0, (R9)
next:
	ADD	$INSNSIZE, R19
	B	loop

failed:
	NEG	R0, R0
fail:
	// R0 is the errno. Bit 63 of the mask stands for all above 62.
	MOVD	$63, R9
	CMP	R9, R0
	CSEL	LO, R0, R9, R9
	MOVD	IGNORE(R19), R10
	LSR	R9, R10, R10
	TBNZ	$0, R10, next
	MOVD	REC(R19), R1
	MOVW	R0, 4(R1)
	MOVD	RECLEN(R19), R2
	MOVD	RESULT(R20), R0
	MOVD	$SYS_write, R8
	SVC
	MOVD	STATUS(R19), R0
	MOVD	$SYS_exit_group, R8
	SVC
	BRK

special:
	MOVD	$OPDECIMAL, R9
	CMP	R9, R8
	BEQ	decimal
	MOVD	$OPEXPECT, R9
	CMP	R9, R8
	BEQ	expect
	// opMove
	MOVD	ARG0(R19), R9
	MOVD	ARG1(R19), R10
	MOVD	R9, (R10)
	B	next

expect:
	MOVD	ARG0(R19), R9
	MOVD	ARG1(R19), R10
	MOVD	ARG2(R19), R0
	CMP	R9, R10
	BEQ	next
	B	fail

decimal:
	// Once to count the digits, once to write them from the last.
	MOVD	ARG0(R19), R9
	MOVD	ARG1(R19), R10
	MOVD	$10, R11
	MOVD	R9, R12
count:
	ADD	$1, R10
	UDIV	R11, R12, R12
	CBNZ	R12, count
	MOVB	ZR, (R10)
digit:
	UDIV	R11, R9, R12
	MSUB	R11, R9, R12, R13
	ADD	$48, R13
	SUB	$1, R10
	MOVB	R13, (R10)
	MOVD	R12, R9
	CBNZ	R9, digit
	B	next
