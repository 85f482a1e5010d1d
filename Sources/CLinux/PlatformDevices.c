#define _GNU_SOURCE
#include "CLinuxDevices.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/gpio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

int cairn_device_kind(const uint8_t *path) {
  struct stat status;
  if (stat((const char *)path, &status) < 0) return -errno;
  if (S_ISCHR(status.st_mode)) return CAIRN_DEVICE_CHARACTER;
  if (S_ISSOCK(status.st_mode)) return CAIRN_DEVICE_SOCKET;
  return CAIRN_DEVICE_OTHER;
}

int cairn_device_may_open(const uint8_t *path) {
  if (faccessat(AT_FDCWD, (const char *)path, R_OK | W_OK, AT_EACCESS) == 0) return 1;
  return errno == EACCES || errno == EPERM || errno == EROFS ? 0 : -errno;
}

int64_t cairn_link_target(const uint8_t *path, uint8_t *target, int64_t capacity) {
  ssize_t count = readlink((const char *)path, (char *)target, (size_t)capacity);
  return count < 0 ? -errno : count;
}

/* Opens for reading, asks, closes: that takes no line and disturbs nobody. */
static int ask(const uint8_t *path, unsigned long request, void *answer) {
  int descriptor = open((const char *)path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) return -errno;
  int result = ioctl(descriptor, request, answer) < 0 ? -errno : 0;
  close(descriptor);
  return result;
}

int cairn_gpio_look_at_chip(const uint8_t *path, struct cairn_gpio_chip *chip) {
  struct gpiochip_info info;
  memset(&info, 0, sizeof info);
  int result = ask(path, GPIO_GET_CHIPINFO_IOCTL, &info);
  if (result < 0) return result;
  memcpy(chip->label, info.label, sizeof chip->label);
  chip->label[sizeof chip->label - 1] = 0;
  chip->lines = info.lines;
  return 0;
}

int cairn_gpio_look_at_line(const uint8_t *path, uint32_t offset, struct cairn_gpio_line *line) {
  struct gpio_v2_line_info info;
  memset(&info, 0, sizeof info);
  info.offset = offset;
  int result = ask(path, GPIO_V2_GET_LINEINFO_IOCTL, &info);
  if (result < 0) return result;
  memcpy(line->name, info.name, sizeof line->name);
  memcpy(line->consumer, info.consumer, sizeof line->consumer);
  line->name[sizeof line->name - 1] = 0;
  line->consumer[sizeof line->consumer - 1] = 0;
  line->is_used = (info.flags & GPIO_V2_LINE_FLAG_USED) != 0;
  line->is_output = (info.flags & GPIO_V2_LINE_FLAG_OUTPUT) != 0;
  return 0;
}
