#define _GNU_SOURCE
#include "CLibEdit.h"

#include <errno.h>
#include <histedit.h>
#include <stdio.h>
#include <string.h>

#include "CLinuxSession.h"

enum {
  /* A line of the history each. */
  HISTORY_COUNT = 50,
  /* How long the rest of an escape sequence may take on a slow line. */
  SEQUENCE_MILLISECONDS = 200,
  LINE_START = 0x01,
  LINE_LEFT = 0x02,
  CANCEL = 0x03,
  END = 0x04,
  LINE_END = 0x05,
  LINE_RIGHT = 0x06,
  BACKSPACE = 0x08,
  TAB = 0x09,
  KILL_REST = 0x0b,
  CLEAR = 0x0c,
  NEXT = 0x0e,
  PREVIOUS = 0x10,
  KILL_LINE = 0x15,
  KILL_WORD = 0x17,
  ESCAPE = 0x1b,
  DELETE = 0x1c,
  RUBOUT = 0x7f,
};

static EditLine *editor;
static History *history_list;
static FILE *output;
static const char *words;
static const char *prompt = "";
static int64_t capacity, timeout;
/* Why the line can't be taken; 0 while it can. */
static int refusal;
/* Why reading ended; 0 when a line did. */
static int ending;

static ssize_t write_output(void *cookie, const char *bytes, size_t count) {
  (void)cookie;
  return cairn_session_write((const uint8_t *)bytes, (int64_t)count) < 0 ? 0 : (ssize_t)count;
}

static char *show_prompt(EditLine *line) {
  (void)line;
  return (char *)prompt;
}

/* The key of a sequence of ECMA-48 that a terminal's arrows send; 0 for any other. */
static int sequence(void) {
  int introducer = cairn_session_next(SEQUENCE_MILLISECONDS);
  if (introducer != '[' && introducer != 'O') return introducer == -ETIMEDOUT || introducer >= 0 ? 0 : introducer;
  int parameter = 0;
  for (int count = 0; count < 16; count++) {
    int byte = cairn_session_next(SEQUENCE_MILLISECONDS);
    if (byte < 0) return byte == -ETIMEDOUT ? 0 : byte;
    if (byte < 0x40 || byte > 0x7e) {
      parameter = byte;
      continue;
    }
    switch (byte) {
      case 'A': return PREVIOUS;
      case 'B': return NEXT;
      case 'C': return LINE_RIGHT;
      case 'D': return LINE_LEFT;
      case 'H': return LINE_START;
      case 'F': return LINE_END;
      case '~': return parameter == '3' ? DELETE : parameter == '1' ? LINE_START : parameter == '4' ? LINE_END : 0;
      default: return 0;
    }
  }
  return 0;
}

static int line_length(void) {
  const LineInfo *line = el_line(editor);
  return (int)(line->lastchar - line->buffer);
}

/* The next key that libedit is to see: printable ASCII and the keys that are bound below, so that no byte from
   the line can reach libedit's commands with counts, quoting or settings. 1, or 0 at the end. */
static int next_key(EditLine *line, wchar_t *key) {
  (void)line;
  for (;;) {
    int byte = cairn_session_next(timeout);
    if (byte == ESCAPE) byte = sequence();
    if (byte < 0) {
      ending = byte;
      return 0;
    }
    switch (byte) {
      case 0: continue;
      case '\r':
      case '\n': *key = L'\n'; return 1;
      case CANCEL: ending = -ECANCELED; return 0;
      case END:
        if (line_length() > 0 || refusal != 0) {
          byte = DELETE;
          break;
        }
        ending = -EPIPE;
        return 0;
      case KILL_LINE: refusal = 0; break;
      case TAB:
        /* In a paste it is no wish for a list. */
        if (refusal != 0) continue;
        break;
      case LINE_START: case LINE_LEFT: case LINE_END: case LINE_RIGHT: case BACKSPACE: case KILL_REST:
      case CLEAR: case NEXT: case PREVIOUS: case KILL_WORD: case DELETE: case RUBOUT: break;
      default:
        if (refusal != 0) continue;
        if (byte < 0x20 || byte > 0x7e) refusal = -EILSEQ;
        else if (line_length() >= capacity) refusal = -E2BIG;
        if (refusal != 0) continue;
    }
    *key = (wchar_t)byte;
    return 1;
  }
}

/* Adds what all words that begin like the line have in common; when that is nothing, shows them. */
static unsigned char complete(EditLine *line, int key) {
  (void)key;
  const LineInfo *info = el_line(line);
  size_t length = (size_t)(info->cursor - info->buffer), common = 0;
  const char *found = NULL;
  int count = 0;
  for (const char *word = words; *word != 0;) {
    size_t size = strcspn(word, "\n");
    if (size >= length && strncmp(word, info->buffer, length) == 0) {
      if (count++ == 0) {
        found = word;
        common = size;
      }
      size_t same = 0;
      while (same < common && same < size && found[same] == word[same]) same++;
      common = same;
    }
    word += size + (word[size] == '\n');
  }
  if (count == 0) return CC_ERROR;
  char rest[64];
  size_t added = common - length;
  if (added > 0 && added < sizeof rest) {
    memcpy(rest, found + length, added);
    rest[added] = 0;
    return el_insertstr(line, rest) < 0 ? CC_ERROR : CC_REFRESH;
  }
  if (count == 1) return CC_NORM;
  fputc('\n', output);
  for (const char *word = words; *word != 0;) {
    size_t size = strcspn(word, "\n");
    if (size >= length && strncmp(word, info->buffer, length) == 0) fprintf(output, "  %.*s", (int)size, word);
    word += size + (word[size] == '\n');
  }
  fputc('\n', output);
  return CC_REDISPLAY;
}

static void bind_keys(void) {
  static const char *const keys[][2] = {
      {"^A", "ed-move-to-beg"}, {"^B", "ed-prev-char"}, {"^E", "ed-move-to-end"}, {"^F", "ed-next-char"},
      {"^H", "ed-delete-prev-char"}, {"^?", "ed-delete-prev-char"}, {"^K", "ed-kill-line"},
      {"^L", "ed-clear-screen"}, {"^N", "ed-next-history"}, {"^P", "ed-prev-history"},
      {"^U", "em-kill-line"}, {"^W", "ed-delete-prev-word"}, {"^\\", "ed-delete-next-char"},
      {"^I", "cairn-complete"},
  };
  for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
    el_set(editor, EL_BIND, keys[i][0], keys[i][1], NULL);
  }
}

int cairn_editor_open(const uint8_t *list) {
  words = (const char *)list;
  cookie_io_functions_t functions = {.write = write_output};
  output = fopencookie(NULL, "w", functions);
  if (output == NULL) return -1;
  editor = el_init_fd("cairn", stdin, output, output, 0, 1, 1);
  history_list = history_init();
  if (editor == NULL || history_list == NULL) {
    cairn_editor_close();
    return -1;
  }
  HistEvent event;
  history(history_list, &event, H_SETSIZE, HISTORY_COUNT);
  history(history_list, &event, H_SETUNIQUE, 1);
  el_set(editor, EL_EDITOR, "emacs");
  el_set(editor, EL_PROMPT, show_prompt);
  el_set(editor, EL_HIST, history, history_list);
  el_set(editor, EL_SIGNAL, 0);
  el_set(editor, EL_GETCFN, next_key);
  el_set(editor, EL_ADDFN, "cairn-complete", "Completes a command", complete);
  /* Keys end nothing here: ^C is the session's. Between lines libedit would turn echo on, and show a passphrase. */
  static const char *const flags[] = {"-isig", "-iexten", "-icanon", "-echo", "-icrnl", "-ixon"};
  for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
    el_set(editor, EL_SETTY, "-d", flags[i], NULL);
    el_set(editor, EL_SETTY, "-x", flags[i], NULL);
  }
  bind_keys();
  return 0;
}

void cairn_editor_close(void) {
  if (editor != NULL) el_end(editor);
  if (history_list != NULL) history_end(history_list);
  if (output != NULL) fclose(output);
  editor = NULL;
  history_list = NULL;
  output = NULL;
}

int64_t cairn_editor_read(
    const uint8_t *question, uint8_t *bytes, int64_t count, int64_t timeout_milliseconds) {
  if (editor == NULL) return -EINVAL;
  prompt = (const char *)question;
  capacity = count;
  timeout = timeout_milliseconds;
  refusal = 0;
  ending = 0;
  int length = 0;
  el_resize(editor);
  const char *line = el_gets(editor, &length);
  fflush(output);
  cairn_session_resume();
  if (ending != 0) return ending;
  if (line == NULL || length <= 0) return -EPIPE;
  if (refusal != 0) return refusal;
  if (line[length - 1] == '\n') length--;
  if (length > count) return -E2BIG;
  memcpy(bytes, line, (size_t)length);
  HistEvent event;
  if (length > 0) history(history_list, &event, H_ENTER, line);
  return length;
}
