/* Asking a person for a passphrase on the terminal that is standard input. */
#ifndef CLINUX_PASSPHRASE_H
#define CLINUX_PASSPHRASE_H

#include <stdint.h>

/* Writes the prompt to standard error and reads one line without echo; what was typed before the prompt does not
   count. Returns the number of bytes, the line's end left out; -ENOTTY when standard input is no terminal, -E2BIG
   for a longer line, -ETIMEDOUT, -EPIPE when the terminal has gone, -EINTR after a signal. The terminal is as
   before in every case, also when a signal ends the program. */
int64_t cairn_passphrase_ask(
    const uint8_t *prompt, int64_t prompt_count, uint8_t *bytes, int64_t count,
    int64_t timeout_milliseconds);

#endif
