/* libsodium: Ed25519, SHA-256, Argon2id, XChaCha20-Poly1305, random bytes, memory that is locked and wiped. */
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

/* A key of 32 bytes from a passphrase and 16 bytes of salt. libsodium allocates the memory, and gives it back.
   0, or -1 when there is not so much. */
static inline int cairn_argon2id(
    uint8_t *key, const uint8_t *passphrase, uint64_t count, const uint8_t *salt, uint32_t passes,
    uint32_t kibibytes) {
  if (!key || !passphrase || !salt) return -1;
  return crypto_pwhash(
      key, 32, (const char *)passphrase, count, salt, passes, (size_t)kibibytes * 1024,
      crypto_pwhash_ALG_ARGON2ID13);
}

/* Argon2id of a passphrase with a new salt, as a text of at most 128 bytes with NUL (crypto_pwhash_str). 0, or -1
   without memory. */
static inline int cairn_passphrase_hash(
    uint8_t *text, const uint8_t *passphrase, uint64_t count, uint32_t passes, uint32_t kibibytes) {
  if (!text || !passphrase) return -1;
  return crypto_pwhash_str_alg(
      (char *)text, (const char *)passphrase, count, passes, (size_t)kibibytes * 1024,
      crypto_pwhash_ALG_ARGON2ID13);
}

/* 0 when the passphrase is the one that the text, with its NUL, was made of; -1 when not, or without memory. */
static inline int cairn_passphrase_verify(
    const uint8_t *text, const uint8_t *passphrase, uint64_t count) {
  if (!text || !passphrase) return -1;
  return crypto_pwhash_str_verify((const char *)text, (const char *)passphrase, count);
}

/* XChaCha20-Poly1305: `sealed` has room for 16 bytes more than `content`; nonce 24 bytes, key 32. */
static inline int cairn_seal(
    uint8_t *sealed, const uint8_t *content, uint64_t count, const uint8_t *header, uint64_t header_count,
    const uint8_t *nonce, const uint8_t *key) {
  if (!sealed || !content || !header || !nonce || !key) return -1;
  return crypto_aead_xchacha20poly1305_ietf_encrypt(
      sealed, 0, content, count, header, header_count, 0, nonce, key);
}

/* 0, or -1 when a bit of `sealed` or of the header is not what was sealed, or the key is another. */
static inline int cairn_unseal(
    uint8_t *content, const uint8_t *sealed, uint64_t count, const uint8_t *header, uint64_t header_count,
    const uint8_t *nonce, const uint8_t *key) {
  if (!content || !sealed || !header || !nonce || !key) return -1;
  return crypto_aead_xchacha20poly1305_ietf_decrypt(
      content, 0, 0, sealed, count, header, header_count, nonce, key);
}

#endif
