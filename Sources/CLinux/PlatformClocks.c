#define _GNU_SOURCE
#include "CLinuxPlatform.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

static int64_t milliseconds(clockid_t clock) {
  struct timespec now;
  if (clock_gettime(clock, &now) < 0) return -errno;
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t cairn_clock_boot(void) { return milliseconds(CLOCK_BOOTTIME); }
int64_t cairn_clock_utc(void) { return milliseconds(CLOCK_REALTIME); }

/* Until an absolute time, so that signals do not make it longer. */
void cairn_clock_sleep(uint32_t duration) {
  struct timespec end;
  if (clock_gettime(CLOCK_MONOTONIC, &end) < 0) return;
  end.tv_sec += duration / 1000;
  end.tv_nsec += (long)(duration % 1000) * 1000000;
  if (end.tv_nsec >= 1000000000) {
    end.tv_sec += 1;
    end.tv_nsec -= 1000000000;
  }
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &end, NULL) == EINTR) continue;
}

/* systemd-timesyncd tells the kernel an error of 0 with each correction, also while the correction is still to be made. */
int64_t cairn_clock_remaining(int64_t offset, int is_nanoseconds) {
  int64_t size = offset < 0 ? -offset : offset;
  return is_nanoseconds ? (size + 999) / 1000 : size;
}

int cairn_clock_state(struct cairn_clock_state *state) {
  struct timex kernel = {.modes = 0};
  int result = adjtimex(&kernel);
  if (result < 0) return -errno;
  state->synchronised = result != TIME_ERROR && !(kernel.status & STA_UNSYNC);
  state->estimated_error_microseconds = kernel.esterror;
  state->maximum_error_microseconds =
      kernel.maxerror + cairn_clock_remaining(kernel.offset, (kernel.status & STA_NANO) != 0);
  return 0;
}

/* Each wait is repeated after a signal with what is left of the timeout. */
int cairn_poll(struct cairn_poll_entry *entries, int count, int64_t timeout_milliseconds) {
  struct pollfd kernel[CAIRN_POLL_ENTRIES];
  if (count < 0 || count > CAIRN_POLL_ENTRIES) return -EINVAL;
  for (int index = 0; index < count; index++) {
    int wanted = entries[index].wanted;
    kernel[index].fd = entries[index].descriptor;
    kernel[index].events = (short)((wanted & CAIRN_POLL_READABLE ? POLLIN : 0) |
                                   (wanted & CAIRN_POLL_WRITABLE ? POLLOUT : 0));
    kernel[index].revents = 0;
    entries[index].happened = 0;
  }
  int64_t end = timeout_milliseconds < 0 ? 0 : milliseconds(CLOCK_MONOTONIC) + timeout_milliseconds;
  int64_t left = timeout_milliseconds;
  int result, error;
  do {
    int wait = left < 0 ? -1 : left > INT32_MAX ? INT32_MAX : (int)left;
    result = poll(kernel, (nfds_t)count, wait);
    error = errno;
    if (timeout_milliseconds >= 0) {
      left = end - milliseconds(CLOCK_MONOTONIC);
      if (left < 0) left = 0;
    }
  } while ((result < 0 && error == EINTR) || (result == 0 && left > 0));
  if (result < 0) return -error;
  for (int index = 0; index < count; index++) {
    int happened = kernel[index].revents;
    entries[index].happened =
        (int16_t)((happened & POLLIN ? CAIRN_POLL_READABLE : 0) |
                  (happened & POLLOUT ? CAIRN_POLL_WRITABLE : 0) |
                  (happened & (POLLHUP | POLLERR | POLLNVAL) ? CAIRN_POLL_ENDED : 0));
  }
  return result;
}

int cairn_signal_descriptor(void) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  /* Blocked first: what comes before the descriptor exists is kept for it. */
  if (sigprocmask(SIG_BLOCK, &signals, NULL) < 0) return -errno;
  int result = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
  return result < 0 ? -errno : result;
}

int cairn_signal_next(int descriptor) {
  struct signalfd_siginfo info;
  ssize_t count;
  do {
    count = read(descriptor, &info, sizeof info);
  } while (count < 0 && errno == EINTR);
  if (count < 0) return -errno;
  return count == sizeof info ? (int)info.ssi_signo : -EIO;
}

int cairn_signal_ignore_pipe(void) {
  struct sigaction action = {.sa_handler = SIG_IGN};
  return sigaction(SIGPIPE, &action, NULL) < 0 ? -errno : 0;
}
