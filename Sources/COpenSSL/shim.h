/* The hashes of RFC 9162 section 2.1.1 by libcrypto. Its functions for SHA-256 alone are called deprecated
   in favour of ones that look the algorithm up by name, which takes longer than hashing a leaf. */
#ifndef CAIRN_COPENSSL_H
#define CAIRN_COPENSSL_H

#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>
#include <stdint.h>

/* SHA-256(00 || leaf). A null pointer is a leaf without bytes. */
static inline void cairn_openssl_leaf_hash(uint8_t *hash, const uint8_t *leaf, int64_t count) {
  SHA256_CTX state;
  const uint8_t prefix = 0;
  SHA256_Init(&state);
  SHA256_Update(&state, &prefix, 1);
  if (leaf) SHA256_Update(&state, leaf, (size_t)count);
  SHA256_Final(hash, &state);
}

/* SHA-256(01 || left || right), 32 bytes each. */
static inline void cairn_openssl_node_hash(uint8_t *hash, const uint8_t *left, const uint8_t *right) {
  SHA256_CTX state;
  const uint8_t prefix = 1;
  SHA256_Init(&state);
  SHA256_Update(&state, &prefix, 1);
  SHA256_Update(&state, left, 32);
  SHA256_Update(&state, right, 32);
  SHA256_Final(hash, &state);
}

#endif
