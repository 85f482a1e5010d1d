/* Reading and replacing the one file that holds a private key. Paths end with NUL. */
#ifndef CLINUX_KEY_FILE_H
#define CLINUX_KEY_FILE_H

#include <stdint.h>

struct cairn_key_file_state {
  uint32_t mode;
  uint32_t owner;
  int64_t byte_count;
  /* 0 for a link, directory or device. */
  int is_regular;
};

/* Reads at most `count` bytes; the state is that of the very file read. Returns the number of bytes read,
   or -errno. Follows no link at the end of the path. */
int64_t cairn_key_file_read(
    const uint8_t *path, uint8_t *bytes, int64_t count, struct cairn_key_file_state *state);

/* Writes a new file with mode 0600 beside `path`, syncs it, gives it the name, syncs the folder.
   `temporary` and `folder` are paths too. Returns 0 or -errno; on an error `path` is as it was. */
int cairn_key_file_replace(
    const uint8_t *path, const uint8_t *temporary, const uint8_t *folder, const uint8_t *bytes,
    int64_t count);

/* The same for a file that everybody may read (mode 0644): the public key. */
int cairn_public_file_replace(
    const uint8_t *path, const uint8_t *temporary, const uint8_t *folder, const uint8_t *bytes,
    int64_t count);

/* The same for a key that comes back from a backup: when root does it, the file goes to the folder's owner and
   group, before anything stands in it. */
int cairn_key_file_restore(
    const uint8_t *path, const uint8_t *temporary, const uint8_t *folder, const uint8_t *bytes,
    int64_t count);

/* A new file with mode 0600, synced with its folder; -EEXIST when anything stands at the path, be it a link.
   Returns 0 or -errno; on an error nothing of it is left. */
int cairn_sealed_file_create(
    const uint8_t *path, const uint8_t *folder, const uint8_t *bytes, int64_t count);

/* The user that this process acts as. */
uint32_t cairn_effective_user(void);

#endif
