/* Programs that a program starts, watches and ends: for the simulator, on desks only. Inline, so that nothing
   of it is in a board's programs. Each returns the call's result, or -errno. */
#ifndef CLINUX_CHILD_H
#define CLINUX_CHILD_H

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

/* A pipe for a child's output: [0] is read without waiting. Both ends close at exec. */
static inline int cairn_child_pipe(int *ends) {
  if (pipe(ends) < 0) return -errno;
  if (fcntl(ends[0], F_SETFD, FD_CLOEXEC) < 0 || fcntl(ends[1], F_SETFD, FD_CLOEXEC) < 0 ||
      fcntl(ends[0], F_SETFL, O_NONBLOCK) < 0) {
    int reason = -errno;
    close(ends[0]);
    close(ends[1]);
    return reason;
  }
  return 0;
}

/* Only calls that are safe between fork and exec. Ends with the reason in `failure` when it can't. */
static inline void cairn_child_become(
    char *const *arguments, int output, int error, int failure, pid_t parent) {
  sigset_t none;
  sigemptyset(&none);
  int null = open("/dev/null", O_RDONLY);
  /* Killed with its parent, however that ends; its parent may have ended before this line. */
  if (setpgid(0, 0) == 0 && prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == parent &&
      null >= 0 && dup2(null, 0) == 0 && dup2(output, 1) == 1 && dup2(error, 2) == 2 &&
      signal(SIGPIPE, SIG_DFL) != SIG_ERR && sigprocmask(SIG_SETMASK, &none, NULL) == 0) {
    execv(arguments[0], arguments);
  }
  int reason = errno == 0 ? ESRCH : errno;
  ssize_t ignored = write(failure, &reason, sizeof reason);
  (void)ignored;
  _exit(127);
}

/* Starts arguments[0] in a process group of its own. `arguments` ends with NULL. Returns its number once
   the program itself runs. Call it from the thread that lives longest: the child dies with that thread. */
static inline int cairn_child_start(char *const *arguments, int output, int error) {
  int failure[2];
  if (pipe(failure) < 0) return -errno;
  pid_t parent = getpid();
  pid_t child = -1;
  int reason = 0;
  if (fcntl(failure[0], F_SETFD, FD_CLOEXEC) < 0 || fcntl(failure[1], F_SETFD, FD_CLOEXEC) < 0 ||
      (child = fork()) < 0) {
    reason = errno;
  } else if (child == 0) {
    cairn_child_become(arguments, output, error, failure[1], parent);
  }
  close(failure[1]);
  if (child > 0) {
    ssize_t count;
    do {
      count = read(failure[0], &reason, sizeof reason);
    } while (count < 0 && errno == EINTR);
    if (count != sizeof reason) reason = 0;
    if (reason != 0) {
      while (waitpid(child, NULL, 0) < 0 && errno == EINTR) {
      }
    }
  }
  close(failure[0]);
  return reason != 0 ? -reason : child;
}

/* 0 while it runs; 1 when it has ended: `value` is its status, or the signal when `signalled`. */
static inline int cairn_child_ended(int child, int *signalled, int *value) {
  int status = 0;
  pid_t result = waitpid(child, &status, WNOHANG);
  if (result < 0) return -errno;
  if (result == 0) return 0;
  *signalled = WIFSIGNALED(status);
  *value = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
  return 1;
}

/* A signal to a child and to whatever it has started. */
static inline int cairn_child_signal(int child, int signal_number) {
  return kill(-child, signal_number) < 0 ? -errno : 0;
}

/* SIGINT, SIGTERM and SIGHUP (the terminal has gone) make the descriptor readable and end nothing. */
static inline int cairn_child_end_signals(void) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGHUP);
  if (sigprocmask(SIG_BLOCK, &signals, NULL) < 0) return -errno;
  int result = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
  return result < 0 ? -errno : result;
}

/* The number of a signal that has come, or -EAGAIN. */
static inline int cairn_child_next_signal(int descriptor) {
  struct signalfd_siginfo information;
  ssize_t count = read(descriptor, &information, sizeof information);
  if (count < 0) return -errno;
  return count == sizeof information ? (int)information.ssi_signo : -EIO;
}

static inline int cairn_child_is_terminal(int descriptor) { return isatty(descriptor); }

#endif
