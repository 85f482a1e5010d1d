#define _GNU_SOURCE
#include "CLinuxPlatform.h"

#include <errno.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

_Static_assert(
    sizeof(((struct sockaddr_un *)0)->sun_path) == CAIRN_SOCKET_PATH_BYTES, "unix(7), sun_path");

static int address_of(const uint8_t *path, struct sockaddr_un *address) {
  size_t count = strlen((const char *)path);
  if (count == 0) return -EINVAL;
  if (count >= sizeof address->sun_path) return -ENAMETOOLONG;
  memset(address, 0, sizeof *address);
  address->sun_family = AF_UNIX;
  memcpy(address->sun_path, path, count);
  return 0;
}

int64_t cairn_tcp_wire_bytes(int descriptor) {
  struct tcp_info info;
  memset(&info, 0, sizeof info);
  socklen_t size = sizeof info;
  if (getsockopt(descriptor, IPPROTO_TCP, TCP_INFO, &info, &size) < 0) return -errno;
  /* tcpi_bytes_sent and tcpi_bytes_received: Linux 4.19. */
  uint64_t packets = (uint64_t)info.tcpi_segs_out + info.tcpi_segs_in;
  return (int64_t)(info.tcpi_bytes_sent + info.tcpi_bytes_received + packets * 72);
}

int cairn_socket_new(void) {
  int result = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  return result < 0 ? -errno : result;
}

int cairn_socket_connect(int descriptor, const uint8_t *path) {
  struct sockaddr_un address;
  int error = address_of(path, &address);
  if (error < 0) return error;
  int result;
  do {
    result = connect(descriptor, (const struct sockaddr *)&address, sizeof address);
  } while (result < 0 && errno == EINTR);
  return result < 0 ? -errno : 0;
}

int cairn_socket_bind(int descriptor, const uint8_t *path) {
  struct sockaddr_un address;
  int error = address_of(path, &address);
  if (error < 0) return error;
  return bind(descriptor, (const struct sockaddr *)&address, sizeof address) < 0 ? -errno : 0;
}

int cairn_socket_listen(int descriptor, int backlog) {
  return listen(descriptor, backlog) < 0 ? -errno : 0;
}

int cairn_socket_accept(int descriptor) {
  int result;
  do {
    result = accept4(descriptor, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
  } while (result < 0 && errno == EINTR);
  return result < 0 ? -errno : result;
}

int64_t cairn_socket_send(int descriptor, const uint8_t *bytes, int64_t count) {
  ssize_t result;
  do {
    result = send(descriptor, bytes, (size_t)count, MSG_NOSIGNAL | MSG_DONTWAIT);
  } while (result < 0 && errno == EINTR);
  return result < 0 ? -errno : result;
}

int64_t cairn_socket_receive(int descriptor, uint8_t *bytes, int64_t count) {
  ssize_t result;
  do {
    result = recv(descriptor, bytes, (size_t)count, MSG_TRUNC | MSG_DONTWAIT);
  } while (result < 0 && errno == EINTR);
  return result < 0 ? -errno : result;
}

int cairn_socket_peer(int descriptor, uint32_t *process, uint32_t *user, uint32_t *group) {
  struct ucred peer;
  socklen_t count = sizeof peer;
  if (getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &peer, &count) < 0) return -errno;
  *process = (uint32_t)peer.pid;
  *user = peer.uid;
  *group = peer.gid;
  return 0;
}

int cairn_socket_is_at(const uint8_t *path) {
  struct stat status;
  if (lstat((const char *)path, &status) < 0) return -errno;
  return S_ISSOCK(status.st_mode) != 0;
}

int cairn_service_notify(const uint8_t *state, int64_t count) {
  const char *path = getenv("NOTIFY_SOCKET");
  if (!path || (path[0] != '/' && path[0] != '@')) return 0;
  struct sockaddr_un address;
  int error = address_of((const uint8_t *)path, &address);
  if (error < 0) return error;
  socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
  /* An abstract name begins with NUL and has no end mark (unix(7)). */
  if (path[0] == '@') address.sun_path[0] = 0; else length += 1;
  int descriptor = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (descriptor < 0) return -errno;
  ssize_t sent = sendto(
      descriptor, state, (size_t)count, MSG_NOSIGNAL, (const struct sockaddr *)&address, length);
  int result = sent < 0 ? -errno : 0;
  close(descriptor);
  return result;
}
