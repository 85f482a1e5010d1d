/* One output line by libgpiod, 1.x or 2.x. libgpiod allocates: at the request of the line and never after. */
#ifndef CLIBGPIOD_H
#define CLIBGPIOD_H

#include <errno.h>
#include <gpiod.h>
#include <stddef.h>
#include <stdint.h>

/* The macro is one of version 1 alone: version 2 left it out, and has no macro that tells its number. */
#ifdef GPIOD_BIT
#define CAIRN_GPIOD_VERSION 1
#else
#define CAIRN_GPIOD_VERSION 2
#endif

static inline int cairn_gpiod_error(void) { return errno > 0 ? -errno : -EIO; }

#if CAIRN_GPIOD_VERSION == 1

/* Requests a line as an output that is off. 0 and the line, or -errno; -EBUSY when somebody has it. */
static inline int cairn_gpiod_open_output(
    const uint8_t *chip_path, uint32_t offset, int is_active_low, void **line) {
  errno = 0;
  struct gpiod_chip *chip = gpiod_chip_open((const char *)chip_path);
  if (!chip) return cairn_gpiod_error();
  struct gpiod_line *found = gpiod_chip_get_line(chip, offset);
  int flags = is_active_low ? GPIOD_LINE_REQUEST_FLAG_ACTIVE_LOW : 0;
  if (!found || gpiod_line_request_output_flags(found, "cairn-agent", flags, 0) < 0) {
    int error = cairn_gpiod_error();
    gpiod_chip_close(chip);
    return error;
  }
  *line = found;
  return 0;
}

static inline int cairn_gpiod_set(void *line, uint32_t offset, int value) {
  (void)offset;
  return gpiod_line_set_value((struct gpiod_line *)line, value) < 0 ? cairn_gpiod_error() : 0;
}

/* The chip holds its lines: with it they are released. */
static inline void cairn_gpiod_close(void *line) {
  gpiod_chip_close(gpiod_line_get_chip((struct gpiod_line *)line));
}

#else

static inline int cairn_gpiod_open_output(
    const uint8_t *chip_path, uint32_t offset, int is_active_low, void **line) {
  errno = 0;
  struct gpiod_chip *chip = gpiod_chip_open((const char *)chip_path);
  if (!chip) return cairn_gpiod_error();
  struct gpiod_line_settings *settings = gpiod_line_settings_new();
  struct gpiod_line_config *lines = gpiod_line_config_new();
  struct gpiod_request_config *request = gpiod_request_config_new();
  struct gpiod_line_request *found = NULL;
  unsigned int offsets[1] = {offset};
  if (settings && lines && request) {
    gpiod_line_settings_set_active_low(settings, is_active_low != 0);
    gpiod_request_config_set_consumer(request, "cairn-agent");
    if (gpiod_line_settings_set_direction(settings, GPIOD_LINE_DIRECTION_OUTPUT) == 0 &&
        gpiod_line_settings_set_output_value(settings, GPIOD_LINE_VALUE_INACTIVE) == 0 &&
        gpiod_line_config_add_line_settings(lines, offsets, 1, settings) == 0)
      found = gpiod_chip_request_lines(chip, request, lines);
  }
  int error = found ? 0 : cairn_gpiod_error();
  /* A request lives on without its chip; the free functions take NULL. */
  gpiod_request_config_free(request);
  gpiod_line_config_free(lines);
  gpiod_line_settings_free(settings);
  gpiod_chip_close(chip);
  if (found) *line = found;
  return error;
}

static inline int cairn_gpiod_set(void *line, uint32_t offset, int value) {
  return gpiod_line_request_set_value(
             (struct gpiod_line_request *)line, offset,
             value ? GPIOD_LINE_VALUE_ACTIVE : GPIOD_LINE_VALUE_INACTIVE) < 0
             ? cairn_gpiod_error()
             : 0;
}

static inline void cairn_gpiod_close(void *line) {
  gpiod_line_request_release((struct gpiod_line_request *)line);
}

#endif
#endif
