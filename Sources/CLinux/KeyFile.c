#define _GNU_SOURCE
#include "CLinux.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

int64_t cairn_key_file_read(
    const uint8_t *path, uint8_t *bytes, int64_t count, struct cairn_key_file_state *state) {
  int descriptor = open((const char *)path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK);
  if (descriptor < 0) return -errno;
  struct stat status;
  if (fstat(descriptor, &status) < 0) {
    int reason = errno;
    close(descriptor);
    return -reason;
  }
  state->mode = status.st_mode & 07777;
  state->owner = status.st_uid;
  state->byte_count = status.st_size;
  state->is_regular = S_ISREG(status.st_mode);
  int64_t total = 0;
  while (state->is_regular && total < count) {
    ssize_t result = read(descriptor, bytes + total, (size_t)(count - total));
    if (result < 0 && errno == EINTR) continue;
    if (result < 0) {
      int reason = errno;
      close(descriptor);
      return -reason;
    }
    if (result == 0) break;
    total += result;
  }
  close(descriptor);
  return total;
}

static int write_and_sync(int descriptor, const uint8_t *bytes, int64_t count) {
  int64_t total = 0;
  while (total < count) {
    ssize_t result = write(descriptor, bytes + total, (size_t)(count - total));
    if (result < 0 && errno == EINTR) continue;
    if (result < 0) return -errno;
    total += result;
  }
  return fsync(descriptor) < 0 ? -errno : 0;
}

static int sync_folder(const uint8_t *folder) {
  int directory = open((const char *)folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0) return -errno;
  int result = fsync(directory) < 0 ? -errno : 0;
  close(directory);
  return result;
}

/* Whose the folder is, that is the file, when this is root and may say so. */
static int give_to_owner_of(const uint8_t *folder, int descriptor) {
  struct stat status;
  if (geteuid() != 0) return 0;
  if (stat((const char *)folder, &status) < 0) return -errno;
  return fchown(descriptor, status.st_uid, status.st_gid) < 0 ? -errno : 0;
}

static int replace(
    const uint8_t *path, const uint8_t *temporary, const uint8_t *folder, const uint8_t *bytes,
    int64_t count, mode_t mode, int goes_to_owner) {
  /* What an earlier attempt left when the power went is of no use. */
  if (unlink((const char *)temporary) < 0 && errno != ENOENT) return -errno;
  int descriptor =
      open((const char *)temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
  if (descriptor < 0) return -errno;
  int result = fchmod(descriptor, mode) < 0 ? -errno : 0;
  if (result == 0 && goes_to_owner) result = give_to_owner_of(folder, descriptor);
  if (result == 0) result = write_and_sync(descriptor, bytes, count);
  if (close(descriptor) < 0 && result == 0) result = -errno;
  if (result == 0 && rename((const char *)temporary, (const char *)path) < 0) result = -errno;
  if (result < 0) {
    unlink((const char *)temporary);
    return result;
  }
  return sync_folder(folder);
}

int cairn_key_file_replace(
    const uint8_t *path, const uint8_t *temporary, const uint8_t *folder, const uint8_t *bytes,
    int64_t count) {
  return replace(path, temporary, folder, bytes, count, 0600, 0);
}

int cairn_public_file_replace(
    const uint8_t *path, const uint8_t *temporary, const uint8_t *folder, const uint8_t *bytes,
    int64_t count) {
  return replace(path, temporary, folder, bytes, count, 0644, 0);
}

int cairn_key_file_restore(
    const uint8_t *path, const uint8_t *temporary, const uint8_t *folder, const uint8_t *bytes,
    int64_t count) {
  return replace(path, temporary, folder, bytes, count, 0600, 1);
}

/* Opened under its own name, and not renamed to it: a stick's file system (FAT) has neither links nor modes, and
   a rename would take the place of what stands there. */
int cairn_sealed_file_create(
    const uint8_t *path, const uint8_t *folder, const uint8_t *bytes, int64_t count) {
  int descriptor =
      open((const char *)path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (descriptor < 0) return -errno;
  int result = write_and_sync(descriptor, bytes, count);
  if (close(descriptor) < 0 && result == 0) result = -errno;
  if (result == 0) result = sync_folder(folder);
  if (result < 0) unlink((const char *)path);
  return result;
}

uint32_t cairn_effective_user(void) { return geteuid(); }
