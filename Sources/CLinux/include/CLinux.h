/* What Swift needs of the kernel and of libc: one wrapper per call, so that variadic calls are typed and
   errno is read in the same line. A wrapper returns the call's result, or -errno. */
#ifndef CLINUX_H
#define CLINUX_H

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "CLinuxChild.h"
#include "CLinuxConsole.h"
#include "CLinuxKeyFile.h"
#include "CLinuxPassphrase.h"
#include "CLinuxPlatform.h"
#include "CLinuxVirtualBoard.h"

/* Says why, then traps. Embedded builds drop the messages of preconditions, so a bug would otherwise be
   a bare illegal instruction. */
static inline _Noreturn void cairn_stop(const unsigned char *text, long count) {
  ssize_t ignored = write(2, text, (size_t)count);
  (void)ignored;
  __builtin_trap();
}

#endif
