/* The hashes of RFC 9162 section 2.1.1, and ECDSA on P-256, by libcrypto. Its functions for these alone are
   called deprecated in favour of ones that look the algorithm up by name, which takes longer than hashing a
   leaf, and loads tables that a program which checks one signature does without. */
#ifndef CAIRN_COPENSSL_H
#define CAIRN_COPENSSL_H

#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/obj_mac.h>
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

/* The point of P-256 (secp256r1) that 33 bytes stand for (SEC 1 section 2.3.4); null when they are none, or
   there is no memory. The caller frees it. */
static inline EC_KEY *cairn_openssl_p256_point(const uint8_t *key) {
  EC_KEY *point = EC_KEY_new_by_curve_name(NID_X9_62_prime256v1);
  if (point && EC_KEY_oct2key(point, key, 33, NULL) == 1) return point;
  EC_KEY_free(point);
  return NULL;
}

static inline int cairn_openssl_is_p256_point(const uint8_t *key) {
  EC_KEY *point = cairn_openssl_p256_point(key);
  EC_KEY_free(point);
  return point != NULL;
}

/* 1 when the 64 bytes r || s are the key's ECDSA signature of the message under SHA-256, in either half of s;
   0 when they are not. */
static inline int cairn_openssl_p256_verifies(
    const uint8_t *key, const uint8_t *message, int64_t count, const uint8_t *signature) {
  uint8_t hash[32];
  SHA256(message, (size_t)count, hash);
  int result = 0;
  EC_KEY *point = cairn_openssl_p256_point(key);
  ECDSA_SIG *pair = ECDSA_SIG_new();
  BIGNUM *r = BN_bin2bn(signature, 32, NULL);
  BIGNUM *s = BN_bin2bn(signature + 32, 32, NULL);
  if (point && pair && r && s && ECDSA_SIG_set0(pair, r, s) == 1) {
    /* They are the pair's from here on. */
    r = s = NULL;
    result = ECDSA_do_verify(hash, 32, pair, point) == 1;
  }
  BN_free(r);
  BN_free(s);
  ECDSA_SIG_free(pair);
  EC_KEY_free(point);
  return result;
}

#endif
