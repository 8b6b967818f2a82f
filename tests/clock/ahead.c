/* ahead SECONDS PROGRAM [ARGUMENTS]: runs a program, and all that it starts, under a clock that is so many seconds ahead.
 * This machine's clock is not touched, and no root is needed. amd64 only.
 *
 *   cc -O2 -static -o ahead tests/clock/ahead.c
 *
 * Who asks what time it is does so by a call into the vDSO, of which nobody else hears (vdso(7)). So the vDSO is taken out
 * of what each program is told at its start (getauxval(3)); all of them then ask the kernel, static ones and Go's too. Of
 * system calls a filter stops those alone that ask the clock of the day, or wait for a moment of it (seccomp(2),
 * SECCOMP_RET_TRACE), and here they are answered (ptrace(2)). Times of files are the kernel's, and those of today.
 */
#ifndef __x86_64__
#error "registers of amd64 are read and written here"
#endif
#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

typedef unsigned long long word;

/* Exit status where nothing could be begun, as env(1) has it. */
enum { FAILED = 125, NOT_FOUND = 127 };

static long ahead;

static int get(pid_t pid, word address, void *to, size_t size) {
  struct iovec ours = {to, size}, theirs = {(void *)address, size};
  return process_vm_readv(pid, &ours, 1, &theirs, 1, 0) == (ssize_t)size;
}

static int put(pid_t pid, word address, const void *from, size_t size) {
  struct iovec ours = {(void *)from, size}, theirs = {(void *)address, size};
  return process_vm_writev(pid, &ours, 1, &theirs, 1, 0) == (ssize_t)size;
}

/* At its first instruction a program's stack has: argc, arguments, 0, environment, 0, pairs of what the kernel tells. */
static void hide_vdso(pid_t pid) {
  struct user_regs_struct registers;
  word count, value, pair[2];
  if (ptrace(PTRACE_GETREGS, pid, 0, &registers) || !get(pid, registers.rsp, &count, sizeof count)) return;
  word at = registers.rsp + sizeof(word) * (count + 2);
  do {
    if (!get(pid, at, &value, sizeof value)) return;
    at += sizeof(word);
  } while (value);
  for (; get(pid, at, pair, sizeof pair) && pair[0] != AT_NULL; at += sizeof pair)
    if (pair[0] == AT_SYSINFO_EHDR) {
      pair[0] = AT_IGNORE;
      put(pid, at, pair, sizeof pair[0]);
    }
}

/* A moment to wait for, of the clock that was shown, becomes one of the kernel's, in free stack below the red zone. */
static void set_back(pid_t pid, struct user_regs_struct *registers, word *argument) {
  struct timespec until;
  word room = (registers->rsp - 1024) & ~15ULL;
  if (!*argument || !get(pid, *argument, &until, sizeof until)) return;
  until.tv_sec -= ahead;
  if (!put(pid, room, &until, sizeof until)) return;
  *argument = room;
  ptrace(PTRACE_SETREGS, pid, 0, registers);
}

static void answer(pid_t pid) {
  struct user_regs_struct registers;
  struct timespec now;
  long result = 0;
  if (ptrace(PTRACE_GETREGS, pid, 0, &registers)) return;
  switch (registers.orig_rax) {
  case SYS_futex: set_back(pid, &registers, &registers.r10); return;
  case SYS_clock_nanosleep: set_back(pid, &registers, &registers.rdx); return;
  case SYS_clock_gettime:
    clock_gettime((clockid_t)registers.rdi, &now);
    now.tv_sec += ahead;
    if (!put(pid, registers.rsi, &now, sizeof now)) result = -EFAULT;
    break;
  case SYS_gettimeofday: {
    clock_gettime(CLOCK_REALTIME, &now);
    struct timeval value = {now.tv_sec + ahead, now.tv_nsec / 1000};
    if (registers.rdi && !put(pid, registers.rdi, &value, sizeof value)) result = -EFAULT;
    break;
  }
  case SYS_time:
    result = time(NULL) + ahead;
    if (registers.rdi && !put(pid, registers.rdi, &result, sizeof result)) result = -EFAULT;
    break;
  default: return;
  }
  registers.orig_rax = (word)-1; /* no call: what is in rax is its result */
  registers.rax = (word)result;
  ptrace(PTRACE_SETREGS, pid, 0, &registers);
}

#define LOAD(what) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, what))
#define IF_EQUAL(value, then, otherwise) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, then, otherwise)
#define IF_BIT(value, then, otherwise) BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, value, then, otherwise)
#define RETURN(value) BPF_STMT(BPF_RET | BPF_K, value)

/* Jumps count instructions from the next one on. */
static void stop_at_clocks(void) {
  struct sock_filter code[] = {
      /*  0 */ LOAD(arch),
      /*  1 */ IF_EQUAL(AUDIT_ARCH_X86_64, 0, 16),
      /*  2 */ LOAD(nr),
      /*  3 */ IF_EQUAL(SYS_gettimeofday, 15, 0),
      /*  4 */ IF_EQUAL(SYS_time, 14, 0),
      /*  5 */ IF_EQUAL(SYS_clock_gettime, 3, 0),
      /*  6 */ IF_EQUAL(SYS_futex, 5, 0),
      /*  7 */ IF_EQUAL(SYS_clock_nanosleep, 6, 0),
      /*  8 */ RETURN(SECCOMP_RET_ALLOW),
      /*  9 */ LOAD(args[0]), /* clock_gettime: of which clock? */
      /* 10 */ IF_EQUAL(CLOCK_REALTIME, 8, 0),
      /* 11 */ IF_EQUAL(CLOCK_REALTIME_COARSE, 7, 6),
      /* 12 */ LOAD(args[1]), /* futex: until a moment of which clock? */
      /* 13 */ IF_BIT(FUTEX_CLOCK_REALTIME, 5, 4),
      /* 14 */ LOAD(args[0]), /* clock_nanosleep: of which clock, until a moment or for a while? */
      /* 15 */ IF_EQUAL(CLOCK_REALTIME, 0, 2),
      /* 16 */ LOAD(args[1]),
      /* 17 */ IF_EQUAL(TIMER_ABSTIME, 1, 0),
      /* 18 */ RETURN(SECCOMP_RET_ALLOW),
      /* 19 */ RETURN(SECCOMP_RET_TRACE),
  };
  struct sock_fprog program = {sizeof code / sizeof *code, code};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program)) {
    perror("ahead: seccomp");
    _exit(FAILED);
  }
}

/* Let it go on after a stop: with the signal that it was about to get, or not at all while it is stopped by one. */
static void go_on(pid_t pid, int status) {
  int event = status >> 16, number = WSTOPSIG(status), signal_to_give = 0;
  if (event == PTRACE_EVENT_SECCOMP) answer(pid);
  else if (event == PTRACE_EVENT_EXEC) hide_vdso(pid);
  else if (event == PTRACE_EVENT_STOP && number != SIGTRAP) {
    ptrace(PTRACE_LISTEN, pid, 0, 0);
    return;
  } else if (!event) signal_to_give = number;
  ptrace(PTRACE_CONT, pid, 0, signal_to_give);
}

int main(int count, char **words) {
  const long options = PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC |
                       PTRACE_O_TRACESECCOMP | PTRACE_O_EXITKILL;
  int status, result = FAILED;
  if (count < 3) {
    fputs("ahead SECONDS PROGRAM [ARGUMENTS]\n", stderr);
    return FAILED;
  }
  ahead = atol(words[1]);
  pid_t first = fork();
  if (!first) {
    raise(SIGSTOP); /* until it is traced */
    stop_at_clocks();
    execvp(words[2], words + 2);
    perror(words[2]);
    _exit(NOT_FOUND);
  }
  waitpid(first, &status, WUNTRACED);
  if (ptrace(PTRACE_SEIZE, first, 0, options)) {
    perror("ahead: ptrace");
    kill(first, SIGKILL);
    return FAILED;
  }
  kill(first, SIGCONT);
  signal(SIGINT, SIG_IGN); /* Ctrl-C is for the program */
  for (;;) {
    pid_t pid = waitpid(-1, &status, __WALL);
    if (pid < 0 && errno != EINTR) return result; /* nobody is left */
    if (pid > 0 && WIFSTOPPED(status)) go_on(pid, status);
    else if (pid == first) result = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
}
