#define _GNU_SOURCE
#include "CLinuxPlatform.h"

#include <errno.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

int cairn_watch_new(void) {
  int result = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
  return result < 0 ? -errno : result;
}

int cairn_watch_add(int descriptor, const uint8_t *folder) {
  /* A mode that changes counts: udev gives a device to its group after it has made it. */
  int result = inotify_add_watch(
      descriptor, (const char *)folder,
      IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ATTRIB | IN_DELETE_SELF |
          IN_MOVE_SELF | IN_ONLYDIR);
  return result < 0 ? -errno : result;
}

int cairn_watch_remove(int descriptor, int watch) {
  return inotify_rm_watch(descriptor, watch) < 0 ? -errno : 0;
}

int cairn_watch_take(int descriptor) {
  /* Several events of usual names; one with the longest name has 272 bytes. */
  uint8_t events[4096];
  int changed = 0;
  /* What comes faster than this waits for the next call. */
  for (int round = 0; round < 64; round++) {
    ssize_t count = read(descriptor, events, sizeof events);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return errno == EAGAIN ? changed : -errno;
    for (ssize_t offset = 0; offset + (ssize_t)sizeof(struct inotify_event) <= count;) {
      struct inotify_event event;
      memcpy(&event, events + offset, sizeof event);
      /* The end of a watch that we ended is no news. IN_Q_OVERFLOW is: something was not told. */
      if (event.mask != IN_IGNORED) changed = 1;
      offset += (ssize_t)(sizeof event + event.len);
    }
  }
  return changed;
}
