/* libsodium: Ed25519, SHA-256, random bytes, wiping of memory. */
#include <sodium.h>
