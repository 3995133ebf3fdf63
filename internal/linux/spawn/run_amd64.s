// SPDX-License-Identifier: Apache-2.0

#include "textflag.h"

#define SYS_write 1
#define SYS_rt_sigprocmask 14
#define SYS_exit_group 231
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
// SYSCALL changes AX, CX and R11 only. The instructions are at R12, the header
// is at R13; the child has them in its registers, like all else that it uses.
TEXT ·cloneRun(SB),NOSPLIT,$16-80
	// Block all signals; the old mask is kept on the caller's stack.
	MOVQ	$-1, mask-8(SP)
	MOVL	$SYS_rt_sigprocmask, AX
	MOVL	$SIG_SETMASK, DI
	LEAQ	mask-8(SP), SI
	LEAQ	old-16(SP), DX
	MOVL	$8, R10
	SYSCALL

	MOVQ	list+48(FP), R12
	MOVQ	head+56(FP), R13
	MOVQ	nr+0(FP), AX
	MOVQ	a1+8(FP), DI
	MOVQ	a2+16(FP), SI
	MOVQ	a3+24(FP), DX
	MOVQ	a4+32(FP), R10
	MOVQ	a5+40(FP), R8
	SYSCALL
	TESTQ	AX, AX
	JZ	child
	MOVQ	AX, BX

	MOVL	$SYS_rt_sigprocmask, AX
	MOVL	$SIG_SETMASK, DI
	LEAQ	old-16(SP), SI
	XORL	DX, DX
	MOVL	$8, R10
	SYSCALL

	CMPQ	BX, $-4095
	JAE	refused
	MOVQ	BX, pid+64(FP)
	MOVQ	$0, errno+72(FP)
	RET
refused:
	NEGQ	BX
	MOVQ	$0, pid+64(FP)
	MOVQ	BX, errno+72(FP)
	RET

child:
	// From here on SP is the child's own stack and nothing is pushed.
	XORL	BP, BP
loop:
	MOVQ	NR(R12), AX
	CMPQ	AX, $OPFIRST
	JAE	special
	MOVQ	ARG0(R12), DI
	MOVQ	ARG1(R12), SI
	MOVQ	ARG2(R12), DX
	MOVQ	ARG3(R12), R10
	MOVQ	ARG4(R12), R8
	MOVQ	ARG5(R12), R9
	SYSCALL
	CMPQ	AX, $-4095
	JAE	failed
	MOVQ	OUT(R12), BX
	TESTQ	BX, BX
	JZ	next
	MOVQ	AX, (BX)
next:
	ADDQ	$INSNSIZE, R12
	JMP	loop

failed:
	NEGQ	AX
fail:
	// AX is the errno. Bit 63 of the mask stands for all above 62.
	MOVL	$63, CX
	CMPQ	AX, CX
	CMOVQLT	AX, CX
	MOVQ	IGNORE(R12), BX
	BTQ	CX, BX
	JCS	next
	MOVQ	REC(R12), SI
	MOVL	AX, 4(SI)
	MOVQ	RECLEN(R12), DX
	MOVQ	RESULT(R13), DI
	MOVL	$SYS_write, AX
	SYSCALL
	MOVQ	STATUS(R12), DI
	MOVL	$SYS_exit_group, AX
	SYSCALL
	INT	$3

special:
	CMPQ	AX, $OPDECIMAL
	JEQ	decimal
	CMPQ	AX, $OPEXPECT
	JEQ	expect
	// opMove
	MOVQ	ARG0(R12), AX
	MOVQ	ARG1(R12), BX
	MOVQ	AX, (BX)
	JMP	next

expect:
	MOVQ	ARG0(R12), AX
	CMPQ	AX, ARG1(R12)
	JEQ	next
	MOVQ	ARG2(R12), AX
	JMP	fail

decimal:
	// Once to count the digits, once to write them from the last.
	MOVQ	ARG0(R12), R9
	MOVQ	ARG1(R12), DI
	MOVL	$10, R8
	MOVQ	R9, AX
count:
	INCQ	DI
	XORL	DX, DX
	DIVQ	R8
	TESTQ	AX, AX
	JNZ	count
	MOVB	$0, (DI)
	MOVQ	R9, AX
digit:
	XORL	DX, DX
	DIVQ	R8
	ADDL	$48, DX
	DECQ	DI
	MOVB	DX, (DI)
	TESTQ	AX, AX
	JNZ	digit
	JMP	next
