/* Reading a small file whole. */
#ifndef CLINUX_WHOLE_FILE_H
#define CLINUX_WHOLE_FILE_H

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

/* Reads the file at path (path_count bytes, not terminated) into buffer, at most capacity bytes.
   Returns how many were read, capacity included when the file may be longer, or -errno. */
static inline long cairn_read_whole_file(const unsigned char *path, long path_count,
                                         unsigned char *buffer, long capacity) {
  char terminated[PATH_MAX];
  if (path_count < 0 || path_count >= PATH_MAX) return -ENAMETOOLONG;
  memcpy(terminated, path, (size_t)path_count);
  terminated[path_count] = 0;
  /* O_NONBLOCK: a FIFO in place of a file must not hold the program up. */
  int descriptor = open(terminated, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) return -errno;
  long total = 0;
  while (total < capacity) {
    ssize_t count = read(descriptor, buffer + total, (size_t)(capacity - total));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) { total = -errno; break; }
    if (count == 0) break;
    total += count;
  }
  close(descriptor);
  return total;
}

#endif
