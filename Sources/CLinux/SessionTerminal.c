#define _GNU_SOURCE
#define _TIME_BITS 64
#define _FILE_OFFSET_BITS 64
#include "CLinuxSession.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "CLinuxPlatform.h"

static const int signals[] = {SIGHUP, SIGTERM, SIGINT, SIGQUIT};
enum { SIGNAL_COUNT = sizeof signals / sizeof signals[0], WRITE_PATIENCE = 5000 };

static volatile sig_atomic_t caught;
static sigset_t waiting;
static struct termios before, during;
static int is_terminal;

/* What has arrived and was not handed out. */
static uint8_t arrived[256];
static int first, last;

static void catch(int number) { caught = number; }

static int64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

int cairn_session_attach(const uint8_t *path, uint32_t baud) {
  int line = open((const char *)path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
  if (line < 0) return -errno;
  int result = 0;
  if (!isatty(line)) result = -ENOTTY;
  /* Two consoles on one line would each get half of what is typed. */
  else if (flock(line, LOCK_EX | LOCK_NB) < 0) result = errno == EWOULDBLOCK ? -EBUSY : -errno;
  else if (baud != 0) result = cairn_terminal_configure(line, baud);
  if (result == 0 && (dup2(line, STDIN_FILENO) < 0 || dup2(line, STDOUT_FILENO) < 0)) result = -errno;
  close(line);
  return result;
}

/* An open file of our own, so that O_NONBLOCK is not left behind in the shell's. */
static void open_anew(void) {
  int line = open("/proc/self/fd/1", O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
  if (line < 0) return;
  dup2(line, STDOUT_FILENO);
  close(line);
}

int cairn_session_begin(void) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = catch;
  sigemptyset(&action.sa_mask);
  sigset_t blocked;
  sigemptyset(&blocked);
  for (int i = 0; i < SIGNAL_COUNT; i++) sigaddset(&blocked, signals[i]);
  if (sigprocmask(SIG_BLOCK, &blocked, &waiting) < 0) return -errno;
  /* Whoever started the program may have blocked them. */
  for (int i = 0; i < SIGNAL_COUNT; i++) sigdelset(&waiting, signals[i]);
  for (int i = 0; i < SIGNAL_COUNT; i++) sigaction(signals[i], &action, NULL);
  signal(SIGTTOU, SIG_IGN);
  if (isatty(STDOUT_FILENO)) open_anew();
  is_terminal = isatty(STDIN_FILENO);
  if (!is_terminal) return 0;
  if (tcgetattr(STDIN_FILENO, &before) < 0) return -errno;
  during = before;
  during.c_iflag &= ~(tcflag_t)(IXON | IXOFF | IXANY | ISTRIP | INLCR | IGNCR | ICRNL | PARMRK | INPCK | BRKINT);
  during.c_iflag |= IGNBRK;
  during.c_lflag &= ~(tcflag_t)(ICANON | ECHO | ECHOE | ECHOK | ECHONL | ISIG | IEXTEN);
  during.c_oflag |= OPOST | ONLCR;
  during.c_cc[VMIN] = 1;
  during.c_cc[VTIME] = 0;
  return tcsetattr(STDIN_FILENO, TCSANOW, &during) < 0 ? -errno : 1;
}

void cairn_session_resume(void) {
  if (is_terminal) tcsetattr(STDIN_FILENO, TCSANOW, &during);
}

void cairn_session_end(void) {
  explicit_bzero(arrived, sizeof arrived);
  first = last = 0;
  /* What a person typed ahead for a console is not for the shell. */
  if (is_terminal) tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
  is_terminal = 0;
}

/* Signals are let in only within ppoll, so that none falls between the look at `caught` and the wait. */
static int fill(int64_t timeout) {
  if (caught != 0) return -EINTR;
  struct pollfd entry = {.fd = STDIN_FILENO, .events = POLLIN};
  if (timeout < 0) timeout = 0;
  struct timespec limit = {.tv_sec = timeout / 1000, .tv_nsec = timeout % 1000 * 1000000};
  int ready = ppoll(&entry, 1, &limit, &waiting);
  if (caught != 0) return -EINTR;
  if (ready < 0) return -errno;
  if (ready == 0) return -ETIMEDOUT;
  ssize_t count = read(STDIN_FILENO, arrived, sizeof arrived);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return -ETIMEDOUT;
  /* A hang-up is the end of input, however the line tells it. */
  if (count <= 0) return -EPIPE;
  first = 0;
  last = (int)count;
  return 0;
}

int cairn_session_next(int64_t timeout_milliseconds) {
  if (first == last) {
    int result = fill(timeout_milliseconds);
    if (result < 0) return result;
  }
  int byte = arrived[first];
  arrived[first++] = 0;
  return byte;
}

void cairn_session_discard(void) {
  if (!is_terminal) return;
  explicit_bzero(arrived, sizeof arrived);
  first = last = 0;
  tcflush(STDIN_FILENO, TCIFLUSH);
}

int cairn_session_write(const uint8_t *bytes, int64_t count) {
  int64_t written = 0;
  int64_t deadline = now() + WRITE_PATIENCE;
  while (written < count) {
    struct pollfd entry = {.fd = STDOUT_FILENO, .events = POLLOUT};
    int64_t left = deadline - now();
    if (left <= 0) return -EAGAIN;
    int ready = poll(&entry, 1, (int)left);
    if (ready < 0 && errno != EINTR) return -errno;
    if (ready <= 0) continue;
    ssize_t result = write(STDOUT_FILENO, bytes + written, (size_t)(count - written));
    if (result < 0 && errno == EAGAIN) {
      /* Room for less than a terminal takes at once. */
      struct timespec pause = {.tv_sec = 0, .tv_nsec = 1000000};
      nanosleep(&pause, NULL);
      continue;
    }
    if (result < 0 && errno == EINTR) continue;
    if (result < 0) return -errno;
    written += result;
    deadline = now() + WRITE_PATIENCE;
  }
  return 0;
}

static int show(int flags, const char *text) {
  if (!(flags & CAIRN_SESSION_ECHO)) return 0;
  return cairn_session_write((const uint8_t *)text, (int64_t)strlen(text));
}

/* Takes one byte into the line; 1 when the line has ended. `count` is -E2BIG or -EILSEQ once the line can't be taken. */
static int take(int byte, uint8_t *bytes, int64_t capacity, int flags, int64_t *count) {
  if (byte == '\n' || byte == '\r') return 1;
  if (byte == 0x15) {
    while (*count > 0) {
      bytes[--*count] = 0;
      show(flags, "\b \b");
    }
    *count = 0;
    return 0;
  }
  if (*count < 0) return 0;
  if (byte == 0x08 || byte == 0x7f) {
    if (*count == 0) return 0;
    bytes[--*count] = 0;
    show(flags, "\b \b");
    return 0;
  }
  if (byte < 0x20 || (byte > 0x7e && !(flags & CAIRN_SESSION_ANY_TEXT))) {
    *count = -EILSEQ;
  } else if (*count == capacity) {
    *count = -E2BIG;
  } else {
    bytes[(*count)++] = (uint8_t)byte;
    char shown[2] = {(char)byte, 0};
    show(flags, shown);
  }
  return 0;
}

int64_t cairn_session_read_line(
    uint8_t *bytes, int64_t capacity, int flags, int64_t timeout_milliseconds) {
  /* A terminal whose return key sends CR and LF ends one line by both: an empty one is nothing. */
  int64_t count = 0;
  for (;;) {
    int byte = cairn_session_next(timeout_milliseconds);
    /* A script's last line may lack its end. */
    if (byte == -EPIPE && count != 0 && !is_terminal) return count;
    if (is_terminal && byte == 0x04 && count == 0) byte = -EPIPE;
    if (is_terminal && byte == 0x03) byte = -ECANCELED;
    if (byte < 0) {
      explicit_bzero(bytes, (size_t)capacity);
      return byte;
    }
    if (!take(byte, bytes, capacity, flags, &count)) continue;
    if (count < 0) explicit_bzero(bytes, (size_t)capacity);
    return count;
  }
}

int cairn_session_size(int *columns, int *rows) {
  struct winsize size;
  memset(&size, 0, sizeof size);
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0) return -errno;
  *columns = size.ws_col;
  *rows = size.ws_row;
  return 0;
}

int cairn_session_set_size(int columns, int rows) {
  struct winsize size;
  memset(&size, 0, sizeof size);
  size.ws_col = (unsigned short)columns;
  size.ws_row = (unsigned short)rows;
  return ioctl(STDOUT_FILENO, TIOCSWINSZ, &size) < 0 ? -errno : 0;
}

int cairn_session_name(uint8_t *path, int64_t count) {
  int error = ttyname_r(STDIN_FILENO, (char *)path, (size_t)count);
  return error == 0 ? 0 : -error;
}
