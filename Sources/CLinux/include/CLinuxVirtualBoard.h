/* Calls of the virtual board's server and of its tests: a Unix SOCK_SEQPACKET socket, poll, signals as a
   descriptor. Each returns the call's result, or -errno. */
#ifndef CLINUX_VIRTUAL_BOARD_H
#define CLINUX_VIRTUAL_BOARD_H

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

/* The address of a path of `count` bytes without a zero; 0, or -ENAMETOOLONG. */
static inline int cairn_board_address(
    struct sockaddr_un *address, const uint8_t *path, size_t count) {
  memset(address, 0, sizeof *address);
  address->sun_family = AF_UNIX;
  if (count == 0 || count >= sizeof address->sun_path) return -ENAMETOOLONG;
  memcpy(address->sun_path, path, count);
  return 0;
}

/* A listening socket, bound to a path that must not exist. */
static inline int cairn_board_listen(const uint8_t *path, size_t count, int backlog) {
  struct sockaddr_un address;
  int result = cairn_board_address(&address, path, count);
  if (result < 0) return result;
  int socket_fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (socket_fd < 0) return -errno;
  if (bind(socket_fd, (struct sockaddr *)&address, sizeof address) < 0 ||
      listen(socket_fd, backlog) < 0) {
    result = -errno;
    close(socket_fd);
    return result;
  }
  return socket_fd;
}

/* A socket connected to a path; it blocks. -ECONNREFUSED when nobody serves the path any more. */
static inline int cairn_board_connect(const uint8_t *path, size_t count) {
  struct sockaddr_un address;
  int result = cairn_board_address(&address, path, count);
  if (result < 0) return result;
  int socket_fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
  if (socket_fd < 0) return -errno;
  if (connect(socket_fd, (struct sockaddr *)&address, sizeof address) < 0) {
    result = -errno;
    close(socket_fd);
    return result;
  }
  return socket_fd;
}

/* Removes a socket at a path, and nothing that is not a socket: connect refuses both alike. */
static inline int cairn_board_unlink(const uint8_t *path, size_t count) {
  struct sockaddr_un address;
  struct stat state;
  int result = cairn_board_address(&address, path, count);
  if (result < 0) return result;
  if (lstat(address.sun_path, &state) < 0) return -errno;
  if (!S_ISSOCK(state.st_mode)) return -ENOTSOCK;
  return unlink(address.sun_path) < 0 ? -errno : 0;
}

static inline int cairn_board_accept(int listener) {
  int result = accept(listener, NULL, NULL);
  if (result < 0) return -errno;
  if (fcntl(result, F_SETFD, FD_CLOEXEC) < 0 || fcntl(result, F_SETFL, O_NONBLOCK) < 0) {
    int reason = -errno;
    close(result);
    return reason;
  }
  return result;
}

/* The whole size of the next message, also when it is larger than the buffer; 0 at the end. */
static inline long cairn_board_receive(int socket_fd, uint8_t *buffer, size_t count) {
  ssize_t result = recv(socket_fd, buffer, count, MSG_TRUNC);
  return result < 0 ? -errno : result;
}

static inline long cairn_board_send(int socket_fd, const uint8_t *bytes, size_t count) {
  ssize_t result = send(socket_fd, bytes, count, MSG_NOSIGNAL);
  return result < 0 ? -errno : result;
}

static inline long cairn_board_read(int descriptor, uint8_t *buffer, size_t count) {
  ssize_t result = read(descriptor, buffer, count);
  return result < 0 ? -errno : result;
}

static inline long cairn_board_write(int descriptor, const uint8_t *bytes, size_t count) {
  ssize_t result = write(descriptor, bytes, count);
  return result < 0 ? -errno : result;
}

static inline int cairn_board_close(int descriptor) {
  return close(descriptor) < 0 ? -errno : 0;
}

/* Waits until one of at most 256 descriptors can be read, or has ended; sets `ready` for each. */
static inline int cairn_board_poll(
    const int *descriptors, uint8_t *ready, size_t count, int timeout_milliseconds) {
  struct pollfd entries[256];
  if (count > 256) return -EINVAL;
  for (size_t i = 0; i < count; i++) {
    entries[i] = (struct pollfd){.fd = descriptors[i], .events = POLLIN};
  }
  int result = poll(entries, count, timeout_milliseconds);
  if (result < 0) return -errno;
  for (size_t i = 0; i < count; i++) ready[i] = entries[i].revents != 0;
  return result;
}

/* Blocks SIGINT and SIGTERM, and gives a descriptor that is ready when one arrives. */
static inline int cairn_board_end_signals(void) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  if (sigprocmask(SIG_BLOCK, &signals, NULL) < 0) return -errno;
  int result = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
  return result < 0 ? -errno : result;
}

/* Milliseconds of CLOCK_BOOTTIME. */
static inline int64_t cairn_board_milliseconds(void) {
  struct timespec now;
  if (clock_gettime(CLOCK_BOOTTIME, &now) < 0) return -errno;
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

#endif
