#define _GNU_SOURCE
#include "CLinuxGPIO.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/gpio.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <time.h>

/* LinuxGPIO writes these fields by their places, on 32 and 64 bits alike (Sources/LinuxGPIO/GPIOWire.swift). */
#define IS_AT(type, field, place) \
  _Static_assert(offsetof(struct type, field) == (place), #type "." #field " is elsewhere")
#define HAS_BYTES(type, count) _Static_assert(sizeof(struct type) == (count), #type " has another size")
HAS_BYTES(gpiochip_info, 68);
IS_AT(gpiochip_info, label, 32);
IS_AT(gpiochip_info, lines, 64);
HAS_BYTES(gpio_v2_line_info, 256);
IS_AT(gpio_v2_line_info, consumer, 32);
IS_AT(gpio_v2_line_info, offset, 64);
IS_AT(gpio_v2_line_info, flags, 72);
HAS_BYTES(gpio_v2_line_config_attribute, 24);
HAS_BYTES(gpio_v2_line_request, 592);
IS_AT(gpio_v2_line_request, consumer, 256);
IS_AT(gpio_v2_line_request, config.flags, 288);
IS_AT(gpio_v2_line_request, config.num_attrs, 296);
IS_AT(gpio_v2_line_request, config.attrs, 320);
IS_AT(gpio_v2_line_request, config.attrs[0].attr.debounce_period_us, 328);
IS_AT(gpio_v2_line_request, config.attrs[0].mask, 336);
IS_AT(gpio_v2_line_request, num_lines, 560);
IS_AT(gpio_v2_line_request, event_buffer_size, 564);
IS_AT(gpio_v2_line_request, fd, 588);
HAS_BYTES(gpio_v2_line_values, 16);
IS_AT(gpio_v2_line_values, mask, 8);
HAS_BYTES(gpio_v2_line_event, 48);
IS_AT(gpio_v2_line_event, id, 8);
IS_AT(gpio_v2_line_event, offset, 12);
IS_AT(gpio_v2_line_event, seqno, 16);
IS_AT(gpio_v2_line_event, line_seqno, 20);
_Static_assert(GPIO_V2_LINE_FLAG_USED == 1 && GPIO_V2_LINE_FLAG_ACTIVE_LOW == 2, "flags");
_Static_assert(GPIO_V2_LINE_FLAG_INPUT == 4 && GPIO_V2_LINE_FLAG_OUTPUT == 8, "flags");
_Static_assert(GPIO_V2_LINE_FLAG_EDGE_RISING == 16 && GPIO_V2_LINE_FLAG_EDGE_FALLING == 32, "flags");
_Static_assert(
    GPIO_V2_LINE_FLAG_BIAS_PULL_UP == 256 && GPIO_V2_LINE_FLAG_BIAS_PULL_DOWN == 512 &&
        GPIO_V2_LINE_FLAG_BIAS_DISABLED == 1024, "flags");
_Static_assert(GPIO_V2_LINE_ATTR_ID_DEBOUNCE == 3, "attributes");
_Static_assert(GPIO_V2_LINE_EVENT_RISING_EDGE == 1 && GPIO_V2_LINE_EVENT_FALLING_EDGE == 2, "edges");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "Swift writes the lowest byte first");

static const struct {
  unsigned long number;
  int size;
} requests[] = {
    [CAIRN_GPIO_CHIP_INFO] = {GPIO_GET_CHIPINFO_IOCTL, sizeof(struct gpiochip_info)},
    [CAIRN_GPIO_LINE_INFO] = {GPIO_V2_GET_LINEINFO_IOCTL, sizeof(struct gpio_v2_line_info)},
    [CAIRN_GPIO_GET_LINE] = {GPIO_V2_GET_LINE_IOCTL, sizeof(struct gpio_v2_line_request)},
    [CAIRN_GPIO_GET_VALUES] = {GPIO_V2_LINE_GET_VALUES_IOCTL, sizeof(struct gpio_v2_line_values)},
    [CAIRN_GPIO_SET_VALUES] = {GPIO_V2_LINE_SET_VALUES_IOCTL, sizeof(struct gpio_v2_line_values)},
};

int cairn_gpio_size(int request) {
  if (request < 0 || request > CAIRN_GPIO_SET_VALUES) return -EINVAL;
  return requests[request].size;
}

int cairn_gpio_control(int descriptor, int request, uint8_t *bytes) {
  if (request < 0 || request > CAIRN_GPIO_SET_VALUES) return -EINVAL;
  int result = ioctl(descriptor, requests[request].number, bytes);
  return result < 0 ? -errno : result;
}

int cairn_gpio_set_nonblocking(int descriptor) {
  return fcntl(descriptor, F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
}

int cairn_gpio_duplicate(int descriptor) {
  int result = fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
  return result < 0 ? -errno : result;
}

int64_t cairn_gpio_monotonic(void) {
  struct timespec now;
  if (clock_gettime(CLOCK_MONOTONIC, &now) < 0) return -errno;
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}
