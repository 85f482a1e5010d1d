#define _GNU_SOURCE
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* glibc's checked forms, with its signatures: `room` is what the compiler knew of the place that is written to, all ones
   where it knew nothing. */

static _Noreturn void overflow(void) {
  static const char text[] = "a C library's buffer is too small for what it was about to write\n";
  ssize_t ignored = write(STDERR_FILENO, text, sizeof text - 1);
  (void)ignored;
  abort();
}

/* Called by libsodium, to wipe secrets. */
void __explicit_bzero_chk(void *place, size_t count, size_t room) {
  if (count > room) overflow();
  explicit_bzero(place, count);
}

/* Called by libgpiod, for paths below /sys. Other than here, glibc's own refuses %n in a text that can be written to: the
   texts of the libraries are constants. */
int __snprintf_chk(char *place, size_t count, int flag, size_t room, const char *format, ...) {
  (void)flag;
  if (count > room) overflow();
  va_list arguments;
  va_start(arguments, format);
  int result = vsnprintf(place, count, format, arguments);
  va_end(arguments);
  return result;
}

/* Called by libgpiod, for paths below /sys and /dev. */
int __asprintf_chk(char **place, int flag, const char *format, ...) {
  (void)flag;
  va_list arguments;
  va_start(arguments, format);
  int result = vasprintf(place, format, arguments);
  va_end(arguments);
  return result;
}
