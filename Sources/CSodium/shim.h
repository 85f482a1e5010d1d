/* libsodium: Ed25519, SHA-256, random bytes, memory that is locked and wiped. */
#ifndef CAIRN_CSODIUM_H
#define CAIRN_CSODIUM_H

#include <sodium.h>
#include <stdint.h>

/* libsodium's own declarations refuse null pointers by type; a Swift span's pointer is optional. These
   take what a span gives; a null pointer is an error, never read. */

static inline int cairn_ed25519_keypair(uint8_t *public_key, uint8_t *secret_key, const uint8_t *seed) {
  if (!public_key || !secret_key || !seed) return -1;
  return crypto_sign_ed25519_seed_keypair(public_key, secret_key, seed);
}

static inline int cairn_ed25519_sign(
    uint8_t *signature, const uint8_t *message, uint64_t count, const uint8_t *secret_key) {
  if (!signature || !message || !secret_key) return -1;
  return crypto_sign_ed25519_detached(signature, 0, message, count, secret_key);
}

static inline void cairn_random_bytes(uint8_t *bytes, int64_t count) {
  if (bytes) randombytes_buf(bytes, (size_t)count);
}

static inline void cairn_wipe(uint8_t *bytes, int64_t count) {
  if (bytes) sodium_memzero(bytes, (size_t)count);
}

#endif
