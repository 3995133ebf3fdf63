/* SPDX-License-Identifier: Apache-2.0 */
/* A daemon that behaves as its argument says, one letter after the other. */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static char **args;
static int ready = -1; /* tells a parent that waits (w) to end */

static void run(char *p);

static void *thread(void *p)
{
	run(p);
	return 0;
}

static void letter(char *p)
{
	pthread_t id;
	pid_t pid;
	int fds[2];
	char c, number[16] = {0};
	switch (*p) {
	case 'f': /* into the background */
		if (fork())
			_exit(0);
		break;
	case 'F': /* likewise, as a sibling of its parent */
		if (syscall(SYS_clone, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0))
			_exit(0);
		break;
	case 'w': /* likewise, but the parent waits for r */
		if (pipe(fds))
			_exit(98);
		if (fork()) {
			close(fds[1]);
			_exit(read(fds[0], &c, 1) == 1 ? 0 : 97);
		}
		close(fds[0]);
		ready = fds[1];
		break;
	case 'r':
		if (write(ready, "", 1) != 1)
			_exit(96);
		break;
	case 'h': /* a helper that does nothing */
		if (!(pid = fork()))
			_exit(3);
		waitpid(pid, 0, 0);
		break;
	case 'v': /* a helper that is a program */
		if (!(pid = vfork())) {
			execl("/bin/true", "true", (char *)0);
			_exit(95);
		}
		waitpid(pid, 0, 0);
		break;
	case 'k': /* a worker that stays */
		if (!fork())
			for (;;)
				pause();
		break;
	case 't': /* the rest in a thread */
		pthread_create(&id, 0, thread, p + 1);
		pthread_join(id, 0);
		_exit(94);
	case 'e': /* the rest in a new program */
		args[1] = p + 1;
		execv(args[0], args);
		_exit(93);
	case 'c': /* the rest in a program that a child runs */
		if (!(pid = fork())) {
			args[1] = p + 1;
			execv(args[0], args);
			_exit(92);
		}
		waitpid(pid, 0, 0);
		for (;;)
			pause();
	case 'o':
		if (write(1, "o", 1) != 1)
			_exit(90);
		break;
	case 's':
		setsid();
		break;
	case 'S':
		raise(SIGSTOP);
		break;
	case 'u': /* a signal that is handled */
		signal(SIGUSR1, SIG_IGN);
		raise(SIGUSR1);
		break;
	case 'x':
		_exit(7);
	case 'a':
		abort();
	default: /* 1 to 9: that many tenths of a second */
		number[0] = *p;
		usleep(atoi(number) * 100000);
	}
}

static void run(char *p)
{
	for (; *p; p++)
		letter(p);
	for (;;)
		pause();
}

int main(int argc, char **argv)
{
	args = argv;
	if (argc > 1)
		run(argv[1]);
	return 91;
}
