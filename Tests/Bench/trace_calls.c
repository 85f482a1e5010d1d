/* Tells of a program's calls to files as they happen: linked into it with --wrap= for each function below. The events
 * stand in a file that is mapped shared, so that whoever watches reads them afterwards.
 *
 *   CAIRN_FILE_CALLS=FILE   8 + 65536 x 40 bytes, made by the watcher, zero
 *
 *   offset 0   how many events there were; those beyond the 65536th are not kept
 *   offset 8   events: begin and end (nanoseconds, CLOCK_MONOTONIC), result, descriptor (64 bits each), kind (64 bits):
 *              1 read, 2 write, 3 write at an offset, 4 synchronise data, 5 synchronise, 6 wait
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { EVENT_COUNT = 65536 };

struct file_call {
  uint64_t begin, end;
  int64_t result, descriptor;
  uint64_t kind;
};

struct file_calls {
  uint64_t count;
  struct file_call events[EVENT_COUNT];
};

static struct file_calls *calls;

__attribute__((constructor)) static void map_events(void) {
  const char *path = getenv("CAIRN_FILE_CALLS");
  if (!path) return;
  int file = open(path, O_RDWR | O_CLOEXEC);
  if (file < 0) _exit(99);
  calls = mmap(0, sizeof *calls, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (calls == MAP_FAILED) _exit(99);
  close(file);
}

static uint64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static int64_t tell(uint64_t kind, int64_t descriptor, uint64_t begin, int64_t result) {
  if (!calls) return result;
  if (calls->count < EVENT_COUNT)
    calls->events[calls->count] = (struct file_call){begin, now(), result, descriptor, kind};
  __atomic_fetch_add(&calls->count, 1, __ATOMIC_RELEASE);
  return result;
}

struct cairn_poll_entry;
int64_t __real_cairn_file_read(int, uint8_t *, int64_t);
int64_t __real_cairn_file_write(int, const uint8_t *, int64_t);
int64_t __real_cairn_file_write_at(int, const uint8_t *, int64_t, uint64_t);
int __real_cairn_file_sync_data(int);
int __real_cairn_file_sync(int);
int __real_cairn_poll(struct cairn_poll_entry *, int, int64_t);

int64_t __wrap_cairn_file_read(int descriptor, uint8_t *bytes, int64_t count) {
  uint64_t begin = now();
  return tell(1, descriptor, begin, __real_cairn_file_read(descriptor, bytes, count));
}
int64_t __wrap_cairn_file_write(int descriptor, const uint8_t *bytes, int64_t count) {
  uint64_t begin = now();
  return tell(2, descriptor, begin, __real_cairn_file_write(descriptor, bytes, count));
}
int64_t __wrap_cairn_file_write_at(int descriptor, const uint8_t *bytes, int64_t count, uint64_t offset) {
  uint64_t begin = now();
  return tell(3, descriptor, begin, __real_cairn_file_write_at(descriptor, bytes, count, offset));
}
int __wrap_cairn_file_sync_data(int descriptor) {
  uint64_t begin = now();
  return (int)tell(4, descriptor, begin, __real_cairn_file_sync_data(descriptor));
}
int __wrap_cairn_file_sync(int descriptor) {
  uint64_t begin = now();
  return (int)tell(5, descriptor, begin, __real_cairn_file_sync(descriptor));
}
int __wrap_cairn_poll(struct cairn_poll_entry *entries, int count, int64_t timeout) {
  uint64_t begin = now();
  return (int)tell(6, -1, begin, __real_cairn_poll(entries, count, timeout));
}
