/* libedit: one line of a person's, with editing, history and completion. One editor in a process; it reads and writes
   the session's terminal (CLinuxSession.h). libedit allocates; a line, the history and the list of words are bounded. */
#ifndef CAIRN_CLIBEDIT_H
#define CAIRN_CLIBEDIT_H

#include <stdint.h>

/* `words` are lines that a person may type, each with a line feed at its end, and NUL; they have to stay. 0, or -1 when
   there is no memory. */
int cairn_editor_open(const uint8_t *words);
void cairn_editor_close(void);

/* A line without its end; prompt with NUL. The errors of cairn_session_read_line. */
int64_t cairn_editor_read(
    const uint8_t *prompt, uint8_t *bytes, int64_t count, int64_t timeout_milliseconds);

#endif
