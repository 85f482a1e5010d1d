/* What a program for people needs to know of its terminal and environment, and the folder that it may make. */
#ifndef CLINUX_CONSOLE_H
#define CLINUX_CONSOLE_H

#include <errno.h>
#include <grp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

/* 1 for a terminal, 0 for anything else. */
static inline int cairn_is_terminal(int descriptor) { return isatty(descriptor) == 1; }

/* How many columns the terminal says that it has; 0 when it does not know, as a serial line. */
static inline int cairn_terminal_columns(int descriptor) {
  struct winsize size;
  return ioctl(descriptor, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

/* Copies the value of an environment variable and returns its length; -ENOENT when it is not set, -E2BIG when
   it does not fit. */
static inline int64_t cairn_environment(const uint8_t *name, uint8_t *bytes, int64_t count) {
  const char *value = getenv((const char *)name);
  if (value == NULL) return -ENOENT;
  size_t length = strlen(value);
  if (length > (size_t)count) return -E2BIG;
  memcpy(bytes, value, length);
  return (int64_t)length;
}

/* A folder with mode 0755, less the umask. */
static inline int cairn_make_folder(const uint8_t *path) {
  return mkdir((const char *)path, 0755) < 0 ? -errno : 0;
}

/* Gives what stands at the path to a group; -ENOENT when there is no such group. */
static inline int cairn_give_to_group(const uint8_t *path, const uint8_t *name) {
  struct group *group = getgrnam((const char *)name);
  if (group == NULL) return -ENOENT;
  return lchown((const char *)path, (uid_t)-1, group->gr_gid) < 0 ? -errno : 0;
}

#endif
