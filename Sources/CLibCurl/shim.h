/* libcurl: HTTPS for the uplink. Its calls are variadic: one typed inline wrapper per kind of argument.
   Needs 7.87 (2022-12) for CURLOPT_QUICK_EXIT: without it the end of a transfer waits for a name look-up
   that hangs, whatever the timeout says (measured with a silent name server and a timeout of 2 s: 16 s
   without, 2 s with it). */
#ifndef CLIBCURL_SHIM_H
#define CLIBCURL_SHIM_H

#include <curl/curl.h>

/* Initialises the library at the first call; NULL when that fails. */
static inline CURL *cairn_curl_create(void) {
  if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) return NULL;
  return curl_easy_init();
}

/* Runs one transfer at a time and keeps one connection; NULL without memory. After cairn_curl_create. */
static inline CURLM *cairn_curl_create_runner(void) {
  CURLM *runner = curl_multi_init();
  if (runner != NULL) curl_multi_setopt(runner, CURLMOPT_MAXCONNECTS, 1L);
  return runner;
}

/* Waits until libcurl has something to do, `descriptor` (-1: none) is readable, or the time is over. Sets
   `readable` when the descriptor is. */
static inline CURLMcode cairn_curl_wait(CURLM *runner, int descriptor, int milliseconds,
                                        int *readable) {
  struct curl_waitfd watched = {.fd = descriptor, .events = CURL_WAIT_POLLIN};
  CURLMcode code = curl_multi_poll(
    runner, descriptor < 0 ? NULL : &watched, descriptor < 0 ? 0 : 1, milliseconds, NULL);
  *readable = watched.revents != 0;
  return code;
}

/* 1 when the transfer has ended: `code` is how. */
static inline int cairn_curl_has_ended(CURLM *runner, CURLcode *code) {
  int left = 0;
  CURLMsg *message;
  while ((message = curl_multi_info_read(runner, &left)) != NULL) {
    if (message->msg != CURLMSG_DONE) continue;
    *code = message->data.result;
    return 1;
  }
  return 0;
}

static inline CURLcode cairn_curl_set_number(CURL *handle, CURLoption option, long value) {
  return curl_easy_setopt(handle, option, value);
}

static inline CURLcode cairn_curl_set_large(CURL *handle, CURLoption option, long long value) {
  return curl_easy_setopt(handle, option, (curl_off_t)value);
}

/* libcurl copies the text. */
static inline CURLcode cairn_curl_set_text(CURL *handle, CURLoption option, const char *text) {
  return curl_easy_setopt(handle, option, text);
}

/* libcurl keeps the pointer. */
static inline CURLcode cairn_curl_set_pointer(CURL *handle, CURLoption option, void *pointer) {
  return curl_easy_setopt(handle, option, pointer);
}

static inline CURLcode cairn_curl_set_list(CURL *handle, CURLoption option,
                                           struct curl_slist *list) {
  return curl_easy_setopt(handle, option, list);
}

static inline CURLcode cairn_curl_set_callback(CURL *handle, CURLoption option,
                                               curl_write_callback callback) {
  return curl_easy_setopt(handle, option, callback);
}

/* 0 when the handle does not know. */
static inline long cairn_curl_number(CURL *handle, CURLINFO info) {
  long value = 0;
  return curl_easy_getinfo(handle, info, &value) == CURLE_OK ? value : 0;
}

/* The socket of the transfer that has just ended, while its connection is open; -1 when it is not. To be asked
   for before the transfer leaves its runner. */
static inline int cairn_curl_socket(CURL *handle) {
  curl_socket_t descriptor = CURL_SOCKET_BAD;
  return curl_easy_getinfo(handle, CURLINFO_ACTIVESOCKET, &descriptor) == CURLE_OK
      && descriptor != CURL_SOCKET_BAD
    ? (int)descriptor : -1;
}

static inline long long cairn_curl_large(CURL *handle, CURLINFO info) {
  curl_off_t value = 0;
  return curl_easy_getinfo(handle, info, &value) == CURLE_OK ? (long long)value : 0;
}

/* The value of a header of the last answer, or NULL; valid until the next transfer. */
static inline const char *cairn_curl_header(CURL *handle, const char *name) {
  struct curl_header *header = NULL;
  return curl_easy_header(handle, name, 0, CURLH_HEADER, -1, &header) == CURLHE_OK
    ? header->value : NULL;
}

/* 1 when name look-ups run beside the transfer, so that its timeout holds for them too. */
static inline int cairn_curl_resolves_asynchronously(void) {
  return (curl_version_info(CURLVERSION_NOW)->features & CURL_VERSION_ASYNCHDNS) != 0;
}

#endif
