/* UDP sockets, for the program that stands between a packet forwarder and a network server. Each call returns its
   result, or -errno; none waits. */
#ifndef CLINUX_DATAGRAMS_H
#define CLINUX_DATAGRAMS_H

#include <stdint.h>

/* An address as numbers: 4 or 6, the address's bytes in their order from the highest bit of `high` on (IPv4: the
   lowest 32 bits of `low`), port, and the scope of a link-local address. */
struct cairn_udp_address {
  uint64_t high;
  uint64_t low;
  uint32_t scope;
  uint16_t port;
  uint16_t version;
};

/* Of digits only, "127.0.0.1" or "::1", ending with NUL: no name is looked up. -EINVAL for anything else. */
int cairn_udp_parse(const uint8_t *host, uint16_t port, struct cairn_udp_address *address);
/* 1 for an address of this machine that no other can reach. */
int cairn_udp_is_loopback(const struct cairn_udp_address *address);
/* A socket that is bound there, or that speaks with that address alone. */
int cairn_udp_bind(const struct cairn_udp_address *address);
int cairn_udp_connect(const struct cairn_udp_address *address);
/* The port that a socket has. */
int cairn_udp_port(int descriptor);
/* The datagram's whole length, even when it is more than `count`. */
int64_t cairn_udp_receive(
    int descriptor, uint8_t *bytes, int64_t count, struct cairn_udp_address *source);
int64_t cairn_udp_send(
    int descriptor, const uint8_t *bytes, int64_t count,
    const struct cairn_udp_address *destination);

#endif
