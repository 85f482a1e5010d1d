#define _GNU_SOURCE
#include "CLinuxDatagrams.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static uint64_t word_of(const uint8_t *bytes) {
  uint64_t word = 0;
  for (int index = 0; index < 8; index += 1) word = word << 8 | bytes[index];
  return word;
}

static void bytes_of(uint64_t word, uint8_t *bytes) {
  for (int index = 7; index >= 0; index -= 1) {
    bytes[index] = (uint8_t)word;
    word >>= 8;
  }
}

static int to_system(
    const struct cairn_udp_address *from, struct sockaddr_storage *to, socklen_t *count) {
  memset(to, 0, sizeof *to);
  if (from->version == 4) {
    struct sockaddr_in *address = (struct sockaddr_in *)to;
    address->sin_family = AF_INET;
    address->sin_port = htons(from->port);
    address->sin_addr.s_addr = htonl((uint32_t)from->low);
    *count = sizeof *address;
    return 0;
  }
  if (from->version != 6) return -EINVAL;
  struct sockaddr_in6 *address = (struct sockaddr_in6 *)to;
  address->sin6_family = AF_INET6;
  address->sin6_port = htons(from->port);
  address->sin6_scope_id = from->scope;
  bytes_of(from->high, address->sin6_addr.s6_addr);
  bytes_of(from->low, address->sin6_addr.s6_addr + 8);
  *count = sizeof *address;
  return 0;
}

static void from_system(const struct sockaddr_storage *from, struct cairn_udp_address *to) {
  memset(to, 0, sizeof *to);
  if (from->ss_family == AF_INET) {
    const struct sockaddr_in *address = (const struct sockaddr_in *)from;
    to->version = 4;
    to->low = ntohl(address->sin_addr.s_addr);
    to->port = ntohs(address->sin_port);
  } else if (from->ss_family == AF_INET6) {
    const struct sockaddr_in6 *address = (const struct sockaddr_in6 *)from;
    to->version = 6;
    to->high = word_of(address->sin6_addr.s6_addr);
    to->low = word_of(address->sin6_addr.s6_addr + 8);
    to->scope = address->sin6_scope_id;
    to->port = ntohs(address->sin6_port);
  }
}

int cairn_udp_parse(const uint8_t *host, uint16_t port, struct cairn_udp_address *address) {
  uint8_t bytes[16];
  memset(address, 0, sizeof *address);
  address->port = port;
  if (inet_pton(AF_INET, (const char *)host, bytes) == 1) {
    address->version = 4;
    address->low = (uint64_t)bytes[0] << 24 | (uint64_t)bytes[1] << 16 | (uint64_t)bytes[2] << 8 | bytes[3];
    return 0;
  }
  if (inet_pton(AF_INET6, (const char *)host, bytes) != 1) return -EINVAL;
  address->version = 6;
  address->high = word_of(bytes);
  address->low = word_of(bytes + 8);
  return 0;
}

int cairn_udp_is_loopback(const struct cairn_udp_address *address) {
  if (address->version == 4) return address->low >> 24 == 127;
  return address->high == 0 && address->low == 1;
}

static int new_socket(const struct cairn_udp_address *address) {
  int family = address->version == 4 ? AF_INET : AF_INET6;
  int result = socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  return result < 0 ? -errno : result;
}

int cairn_udp_bind(const struct cairn_udp_address *address) {
  struct sockaddr_storage system;
  socklen_t count;
  int error = to_system(address, &system, &count);
  if (error < 0) return error;
  int descriptor = new_socket(address);
  if (descriptor < 0) return descriptor;
  if (bind(descriptor, (const struct sockaddr *)&system, count) < 0) {
    error = -errno;
    close(descriptor);
    return error;
  }
  return descriptor;
}

int cairn_udp_connect(const struct cairn_udp_address *address) {
  struct sockaddr_storage system;
  socklen_t count;
  int error = to_system(address, &system, &count);
  if (error < 0) return error;
  int descriptor = new_socket(address);
  if (descriptor < 0) return descriptor;
  if (connect(descriptor, (const struct sockaddr *)&system, count) < 0) {
    error = -errno;
    close(descriptor);
    return error;
  }
  return descriptor;
}

int cairn_udp_port(int descriptor) {
  struct sockaddr_storage system;
  socklen_t count = sizeof system;
  struct cairn_udp_address address;
  if (getsockname(descriptor, (struct sockaddr *)&system, &count) < 0) return -errno;
  from_system(&system, &address);
  return address.port;
}

int64_t cairn_udp_receive(
    int descriptor, uint8_t *bytes, int64_t count, struct cairn_udp_address *source) {
  struct sockaddr_storage system;
  socklen_t size = sizeof system;
  memset(&system, 0, sizeof system);
  ssize_t result;
  do {
    result = recvfrom(
        descriptor, bytes, (size_t)count, MSG_TRUNC | MSG_DONTWAIT, (struct sockaddr *)&system, &size);
  } while (result < 0 && errno == EINTR);
  if (result < 0) return -errno;
  from_system(&system, source);
  return result;
}

int64_t cairn_udp_send(
    int descriptor, const uint8_t *bytes, int64_t count,
    const struct cairn_udp_address *destination) {
  struct sockaddr_storage system;
  socklen_t size;
  int error = to_system(destination, &system, &size);
  if (error < 0) return error;
  ssize_t result;
  do {
    result = sendto(
        descriptor, bytes, (size_t)count, MSG_NOSIGNAL | MSG_DONTWAIT,
        (const struct sockaddr *)&system, size);
  } while (result < 0 && errno == EINTR);
  return result < 0 ? -errno : result;
}
