/* A person at a terminal, or a script at a pipe, on standard input and output for as long as a session lasts. One
   session in a process. Every function returns a result or -errno, and every wait ends. */
#ifndef CLINUX_SESSION_H
#define CLINUX_SESSION_H

#include <stdint.h>

/* Makes the terminal at the path standard input and output: 8 data bits, no parity, 1 stop bit, no flow control. -EBUSY
   when another program of ours has it. A baud of 0 leaves the speed as it is. */
int cairn_session_attach(const uint8_t *path, uint32_t baud);

/* Takes the terminal over: no echo, single bytes, no signals from keys; SIGHUP, SIGTERM, SIGINT and SIGQUIT end the next
   wait. 1 when standard input is a terminal, 0 when it is not. */
int cairn_session_begin(void);
/* Sets the session's modes once more, after a library that has modes of its own. */
void cairn_session_resume(void);
/* Gives the terminal back as it was. */
void cairn_session_end(void);

/* The next byte, 0 to 255, after at most so many milliseconds. -ETIMEDOUT; -EPIPE at the end of input or after a
   hang-up; -EINTR after a signal. A byte that was handed out is nowhere else any more. */
int cairn_session_next(int64_t timeout_milliseconds);
/* Forgets what has arrived on a terminal and was not read. A pipe's bytes are a script's, and stay. */
void cairn_session_discard(void);
/* Writes all bytes; -EAGAIN when nobody has taken one for five seconds. */
int cairn_session_write(const uint8_t *bytes, int64_t count);

enum {
  /* Shows what is typed. */
  CAIRN_SESSION_ECHO = 1,
  /* Takes bytes above 126 too. */
  CAIRN_SESSION_ANY_TEXT = 2,
};
/* One line, its end left out. Backspace and ^U are heard. -E2BIG for a longer one and -EILSEQ for one with control
   characters or foreign bytes, both read to their end and forgotten; -ECANCELED after ^C; -ETIMEDOUT when nothing has
   come for so long. Nothing of the line is left anywhere else. */
int64_t cairn_session_read_line(
    uint8_t *bytes, int64_t count, int flags, int64_t timeout_milliseconds);

/* How large the terminal says that it is, 0 when it does not know; and telling it. */
int cairn_session_size(int *columns, int *rows);
int cairn_session_set_size(int columns, int rows);

/* The terminal's path with NUL, or -ENOTTY. */
int cairn_session_name(uint8_t *path, int64_t count);

#endif
