/* What Swift needs of the kernel and of libc: one wrapper per call, so that variadic calls are typed and
   errno is read in the same line. A wrapper returns the call's result, or -errno. */
#ifndef CLINUX_H
#define CLINUX_H

#include <errno.h>
#include <stdlib.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#include "CLinuxChild.h"
#include "CLinuxConsole.h"
#include "CLinuxDatagrams.h"
#include "CLinuxDevices.h"
#include "CLinuxGPIO.h"
#include "CLinuxInspection.h"
#include "CLinuxKeyFile.h"
#include "CLinuxPassphrase.h"
#include "CLinuxPlatform.h"
#include "CLinuxSession.h"
#include "CLinuxVirtualBoard.h"

/* armhf has 32 bits for both unless it is told otherwise: then a spool of 2 GiB can't be opened, and from 2038
   on no file at all. Package.swift tells C, Boards/Cross tells Swift's view of these headers; this is read by
   both. */
_Static_assert(sizeof(off_t) == 8, "_FILE_OFFSET_BITS is not 64");
_Static_assert(sizeof(time_t) == 8, "_TIME_BITS is not 64");
/* Swift's view is that of bare metal: it must lay out enumerations as Linux's compiler does. */
enum cairn_smallest { CAIRN_SMALLEST };
_Static_assert(sizeof(enum cairn_smallest) == sizeof(int), "enumerations are as short as they can be");

/* Says why, then traps. Embedded builds drop the messages of preconditions, so a bug would otherwise be
   a bare illegal instruction. */
static inline _Noreturn void cairn_stop(const unsigned char *text, long count) {
  ssize_t ignored = write(2, text, (size_t)count);
  (void)ignored;
  __builtin_trap();
}

#endif
