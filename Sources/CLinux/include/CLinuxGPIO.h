/* The GPIO character device (linux/gpio.h, second interface). Swift writes and reads the kernel's structures byte by
   byte; PlatformGPIO.c asserts that they are where Swift has them. */
#ifndef CLINUX_GPIO_H
#define CLINUX_GPIO_H

#include <stdint.h>

/* Which of the kernel's requests. The numbers are ours: ioctl's are made in PlatformGPIO.c. */
enum {
  CAIRN_GPIO_CHIP_INFO = 0,
  CAIRN_GPIO_LINE_INFO = 1,
  CAIRN_GPIO_GET_LINE = 2,
  CAIRN_GPIO_GET_VALUES = 3,
  CAIRN_GPIO_SET_VALUES = 4,
};
/* The structure of a request has so many bytes; -EINVAL for no request. */
int cairn_gpio_size(int request);
/* `bytes` is the structure, both ways. The call's result, or -errno. */
int cairn_gpio_control(int descriptor, int request, uint8_t *bytes);
/* A line that was got blocks until this was called. */
int cairn_gpio_set_nonblocking(int descriptor);
int cairn_gpio_duplicate(int descriptor);
/* CLOCK_MONOTONIC in milliseconds: what the kernel's times of edges are by. */
int64_t cairn_gpio_monotonic(void);

#endif
