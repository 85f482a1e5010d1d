/* What is there under /dev, asked without using it. Defined in PlatformDevices.c. Each returns the call's result, or
   -errno. */
#ifndef CLINUX_DEVICES_H
#define CLINUX_DEVICES_H

#include <stdint.h>

enum { CAIRN_DEVICE_OTHER = 0, CAIRN_DEVICE_CHARACTER = 1, CAIRN_DEVICE_SOCKET = 2 };
/* Of what the path leads to, links followed. */
int cairn_device_kind(const uint8_t *path);
/* 1 when this user may open it for reading and writing, 0 when not. Nothing is opened. */
int cairn_device_may_open(const uint8_t *path);
/* How many bytes the link's target has, without NUL; cut at `capacity`. -EINVAL when it is no link. */
int64_t cairn_link_target(const uint8_t *path, uint8_t *target, int64_t capacity);

struct cairn_gpio_chip {
  uint8_t label[32];
  uint32_t lines;
};
int cairn_gpio_look_at_chip(const uint8_t *path, struct cairn_gpio_chip *chip);
/* Names end with NUL; an empty consumer of a used line is the kernel. */
struct cairn_gpio_line {
  uint8_t name[32];
  uint8_t consumer[32];
  int is_used;
  int is_output;
};
int cairn_gpio_look_at_line(const uint8_t *path, uint32_t offset, struct cairn_gpio_line *line);

#endif
