#define _GNU_SOURCE
#include "CLinuxPlatform.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* Repeats what a signal interrupted. */
#define UNINTERRUPTED(result, call) \
  do {                              \
    result = (call);                \
  } while (result < 0 && errno == EINTR)

int cairn_file_open(const uint8_t *path, int flags, uint32_t mode) {
  /* Never a controlling terminal, and never waiting for the other end of a pipe. */
  int libc_flags = O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
  libc_flags |= flags & CAIRN_OPEN_READ_WRITE ? O_RDWR : O_RDONLY;
  if (flags & CAIRN_OPEN_CREATE) libc_flags |= O_CREAT;
  if (flags & CAIRN_OPEN_NEW) libc_flags |= O_EXCL;
  if (flags & CAIRN_OPEN_DIRECTORY) libc_flags |= O_DIRECTORY;
  int result;
  UNINTERRUPTED(result, open((const char *)path, libc_flags, (mode_t)mode));
  return result < 0 ? -errno : result;
}

/* Linux frees the descriptor even when close is interrupted: it must not be repeated. */
int cairn_file_close(int descriptor) { return close(descriptor) < 0 ? -errno : 0; }

int64_t cairn_file_read(int descriptor, uint8_t *bytes, int64_t count) {
  ssize_t result;
  UNINTERRUPTED(result, read(descriptor, bytes, (size_t)count));
  return result < 0 ? -errno : result;
}

int64_t cairn_file_write(int descriptor, const uint8_t *bytes, int64_t count) {
  ssize_t result;
  UNINTERRUPTED(result, write(descriptor, bytes, (size_t)count));
  return result < 0 ? -errno : result;
}

int64_t cairn_file_read_at(int descriptor, uint8_t *bytes, int64_t count, uint64_t offset) {
  ssize_t result;
  UNINTERRUPTED(result, pread(descriptor, bytes, (size_t)count, (off_t)offset));
  return result < 0 ? -errno : result;
}

int64_t cairn_file_write_at(int descriptor, const uint8_t *bytes, int64_t count, uint64_t offset) {
  ssize_t result;
  UNINTERRUPTED(result, pwrite(descriptor, bytes, (size_t)count, (off_t)offset));
  return result < 0 ? -errno : result;
}

int64_t cairn_file_size(int descriptor) {
  struct stat status;
  return fstat(descriptor, &status) < 0 ? -errno : (int64_t)status.st_size;
}

int cairn_file_is_regular(int descriptor) {
  struct stat status;
  return fstat(descriptor, &status) < 0 ? -errno : S_ISREG(status.st_mode) != 0;
}

int cairn_file_is_at(int descriptor, const uint8_t *path) {
  struct stat opened, named;
  if (fstat(descriptor, &opened) < 0) return -errno;
  if (lstat((const char *)path, &named) < 0) return errno == ENOENT ? 0 : -errno;
  return opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
}

static int identify(int result, const struct stat *status, struct cairn_file_identity *identity) {
  if (result < 0) return -errno;
  identity->device = (uint64_t)status->st_dev;
  identity->inode = (uint64_t)status->st_ino;
  return 0;
}

int cairn_file_identity(int descriptor, struct cairn_file_identity *identity) {
  struct stat status;
  return identify(fstat(descriptor, &status), &status, identity);
}

int cairn_file_identity_at(const uint8_t *path, struct cairn_file_identity *identity) {
  struct stat status;
  return identify(stat((const char *)path, &status), &status, identity);
}

int64_t cairn_file_owner(const uint8_t *path) {
  struct stat status;
  if (lstat((const char *)path, &status) < 0) return -errno;
  return status.st_uid;
}

int cairn_file_give_to_folder(int descriptor, const uint8_t *folder) {
  struct stat status;
  if (geteuid() != 0) return 0;
  if (stat((const char *)folder, &status) < 0) return -errno;
  return fchown(descriptor, status.st_uid, status.st_gid) < 0 ? -errno : 0;
}

int cairn_file_exists(const uint8_t *path) {
  struct stat status;
  if (lstat((const char *)path, &status) == 0) return 1;
  return errno == ENOENT ? 0 : -errno;
}

/* A byte written to a block gives it a place on the disk. Larger blocks than these get more bytes than they need. */
enum { SMALLEST_BLOCK = 512, LARGEST_BLOCK = 4096 };

int cairn_file_allocate_by_writing(int descriptor, uint64_t count) {
  struct stat status;
  if (fstat(descriptor, &status) < 0) return -errno;
  uint64_t block = (uint64_t)status.st_blksize;
  if (block < SMALLEST_BLOCK) block = SMALLEST_BLOCK;
  if (block > LARGEST_BLOCK) block = LARGEST_BLOCK;
  for (uint64_t offset = 0; offset < count; offset += block) {
    uint8_t byte = 0;
    int64_t result = 0;
    /* What is there stays; a byte that is not zero has its block. */
    if (offset < (uint64_t)status.st_size) result = cairn_file_read_at(descriptor, &byte, 1, offset);
    if (result >= 0 && byte == 0) result = cairn_file_write_at(descriptor, &byte, 1, offset);
    if (result < 0) return (int)result;
  }
  if (count <= (uint64_t)status.st_size) return 0;
  uint8_t last = 0;
  int64_t result = cairn_file_write_at(descriptor, &last, 1, count - 1);
  return result < 0 ? (int)result : 0;
}

/* posix_fallocate returns its error. Where the file system cannot allocate, glibc's writes to every block, and musl's
   says so. */
int cairn_file_allocate(int descriptor, uint64_t count) {
  int error;
  do {
    error = posix_fallocate(descriptor, 0, (off_t)count);
  } while (error == EINTR);
  return error == EOPNOTSUPP ? cairn_file_allocate_by_writing(descriptor, count) : -error;
}

int cairn_file_truncate(int descriptor) {
  int result;
  UNINTERRUPTED(result, ftruncate(descriptor, 0));
  return result < 0 ? -errno : 0;
}

int cairn_file_set_mode(int descriptor, uint32_t mode) {
  return fchmod(descriptor, (mode_t)mode) < 0 ? -errno : 0;
}

int cairn_file_sync(int descriptor) {
  int result;
  UNINTERRUPTED(result, fsync(descriptor));
  return result < 0 ? -errno : 0;
}

int cairn_file_sync_data(int descriptor) {
  int result;
  UNINTERRUPTED(result, fdatasync(descriptor));
  return result < 0 ? -errno : 0;
}

int cairn_file_lock(int descriptor) {
  int result;
  UNINTERRUPTED(result, flock(descriptor, LOCK_EX | LOCK_NB));
  return result < 0 ? -errno : 0;
}

int cairn_file_rename(const uint8_t *from, const uint8_t *to) {
  return rename((const char *)from, (const char *)to) < 0 ? -errno : 0;
}

int cairn_file_unlink(const uint8_t *path) {
  return unlink((const char *)path) < 0 ? -errno : 0;
}

int cairn_file_change_mode(const uint8_t *path, uint32_t mode) {
  return chmod((const char *)path, (mode_t)mode) < 0 ? -errno : 0;
}

#include <sys/random.h>

uint64_t cairn_random_word(void) {
  uint64_t word = 0;
  /* Eight bytes come whole once the kernel's generator has started; before that none is a word too:
     the caller spreads pauses with it, and makes no secret of it. */
  while (getrandom(&word, sizeof word, GRND_NONBLOCK) < 0 && errno == EINTR) {
  }
  return word;
}

int cairn_folder_next(
    const uint8_t *folder, const uint8_t *previous, uint8_t *name, int64_t capacity) {
  DIR *stream = opendir((const char *)folder);
  if (!stream) return -errno;
  int found = 0;
  struct dirent *entry;
  while ((errno = 0, entry = readdir(stream)) != NULL) {
    size_t count = strlen(entry->d_name);
    if ((int64_t)count >= capacity) continue;
    if (strcmp(entry->d_name, (const char *)previous) <= 0) continue;
    if (found && strcmp(entry->d_name, (const char *)name) >= 0) continue;
    memcpy(name, entry->d_name, count + 1);
    found = 1;
  }
  int error = errno;
  closedir(stream);
  return error ? -error : found;
}
