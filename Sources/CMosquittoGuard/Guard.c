#define _GNU_SOURCE
#include "CMosquittoGuard.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Where the call that is under way in this thread is left by. */
static _Thread_local jmp_buf *escape;

int cairn_guarded(int (*call)(void *), void *argument) {
  jmp_buf here;
  if (setjmp(here) != 0) {
    escape = NULL;
    return CAIRN_GUARD_ASSERTED;
  }
  escape = &here;
  int result = call(argument);
  escape = NULL;
  return result;
}

/* libc's, which a library finds here first. Only assertions come by here: a heap that is damaged still ends the program. */
void __assert_fail(const char *assertion, const char *file, unsigned int line, const char *function) {
  if (escape != NULL) longjmp(*escape, 1);
  dprintf(STDERR_FILENO, "%s:%u: %s: Assertion `%s' failed.\n", file, line, function, assertion);
  abort();
}
