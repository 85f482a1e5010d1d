#define _GNU_SOURCE
#define _TIME_BITS 64
#define _FILE_OFFSET_BITS 64
#include "CLinuxPassphrase.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

/* What ends or stops a program at a terminal. */
static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP};
enum { SIGNAL_COUNT = sizeof signals / sizeof signals[0] };

static volatile sig_atomic_t caught;

static void catch(int number) { caught = number; }

/* Signals are let in only within ppoll, so that none falls between the look at `caught` and the wait. */
static int64_t read_line(uint8_t *bytes, int64_t count, int64_t timeout, const sigset_t *waiting) {
  struct pollfd entry = {.fd = STDIN_FILENO, .events = POLLIN};
  struct timespec limit = {.tv_sec = timeout / 1000, .tv_nsec = timeout % 1000 * 1000000};
  int ready = ppoll(&entry, 1, &limit, waiting);
  if (ready < 0) return -errno;
  if (ready == 0) return -ETIMEDOUT;
  /* A terminal gives one line at most. */
  ssize_t length = read(STDIN_FILENO, bytes, (size_t)count);
  if (length < 0) return errno == EIO ? -EPIPE : -errno;
  if (length == 0) return -EPIPE;
  if (bytes[length - 1] == '\n') return length - 1;
  return length == count ? -E2BIG : -EPIPE;
}

static int64_t ask(
    const uint8_t *prompt, int64_t prompt_count, uint8_t *bytes, int64_t count, int64_t timeout,
    const sigset_t *waiting) {
  struct termios shown, hidden;
  if (tcgetattr(STDIN_FILENO, &shown) < 0) return -errno;
  hidden = shown;
  hidden.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK | ECHONL);
  hidden.c_lflag |= ICANON | ISIG;
  hidden.c_iflag |= ICRNL;
  if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden) < 0) return -errno;
  ssize_t written = write(STDERR_FILENO, prompt, (size_t)prompt_count);
  int64_t result = written < 0 ? -errno : read_line(bytes, count, timeout, waiting);
  /* The rest of a line that was too long is not for whoever reads next. */
  if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown) < 0 && result >= 0) result = -errno;
  /* The reader's own line end was not shown. */
  if (write(STDERR_FILENO, "\n", 1) < 0 && result >= 0) result = -errno;
  return result;
}

int64_t cairn_passphrase_ask(
    const uint8_t *prompt, int64_t prompt_count, uint8_t *bytes, int64_t count,
    int64_t timeout_milliseconds) {
  if (!isatty(STDIN_FILENO)) return -ENOTTY;
  struct sigaction action, before[SIGNAL_COUNT];
  sigset_t blocked, before_mask, waiting;
  memset(&action, 0, sizeof action);
  action.sa_handler = catch;
  sigemptyset(&action.sa_mask);
  sigemptyset(&blocked);
  for (int i = 0; i < SIGNAL_COUNT; i++) sigaddset(&blocked, signals[i]);
  if (sigprocmask(SIG_BLOCK, &blocked, &before_mask) < 0) return -errno;
  /* Whoever started the program may have blocked them: a question at a terminal ends all the same. */
  waiting = before_mask;
  for (int i = 0; i < SIGNAL_COUNT; i++) sigdelset(&waiting, signals[i]);
  caught = 0;
  for (int i = 0; i < SIGNAL_COUNT; i++) sigaction(signals[i], &action, &before[i]);
  int64_t result = ask(prompt, prompt_count, bytes, count, timeout_milliseconds, &waiting);
  for (int i = 0; i < SIGNAL_COUNT; i++) sigaction(signals[i], &before[i], NULL);
  if (caught != 0) {
    result = -EINTR;
    raise(caught);
  }
  sigprocmask(SIG_SETMASK, &before_mask, NULL);
  return result;
}
