/* Counts heap calls of a static program, which LD_PRELOAD cannot see: linked into it with
 * --wrap=malloc,calloc,realloc,free,aligned_alloc,posix_memalign. The counters stand in a file that is mapped
 * shared, so that whoever watches can read them while the program runs.
 *
 *   CAIRN_HEAP_CALLS=FILE   56 + 64 x 8 bytes, made by the watcher, zero
 *
 *   offset 0   six counters of 64 bits: malloc calloc realloc free aligned_alloc posix_memalign
 *   offset 48  not zero: the watcher wants to know callers from now on
 *   offset 56  64 return addresses: callers since then, the oldest first
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { CALLER_COUNT = 64 };

struct heap_calls {
  uint64_t counts[6];
  uint64_t wants_callers;
  uint64_t callers[CALLER_COUNT];
};

static struct heap_calls before_map;
static struct heap_calls *calls = &before_map;
static unsigned caller_count;

/* Before main: what the C library's start allocates is counted in `before_map` until then. */
__attribute__((constructor)) static void map_counters(void) {
  const char *path = getenv("CAIRN_HEAP_CALLS");
  if (!path) return;
  int file = open(path, O_RDWR | O_CLOEXEC);
  if (file < 0) _exit(99);
  void *mapped = mmap(0, sizeof *calls, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (mapped == MAP_FAILED) _exit(99);
  close(file);
  calls = mapped;
  for (int kind = 0; kind < 6; kind++) calls->counts[kind] += before_map.counts[kind];
}

static void count(int kind, void *caller) {
  __atomic_fetch_add(&calls->counts[kind], 1, __ATOMIC_RELAXED);
  if (calls->wants_callers && caller_count < CALLER_COUNT)
    calls->callers[caller_count++] = (uint64_t)(uintptr_t)caller;
}

#define COUNT(kind) count(kind, __builtin_return_address(0))

void *__real_malloc(size_t);
void *__real_calloc(size_t, size_t);
void *__real_realloc(void *, size_t);
void __real_free(void *);
void *__real_aligned_alloc(size_t, size_t);
int __real_posix_memalign(void **, size_t, size_t);

void *__wrap_malloc(size_t size) { COUNT(0); return __real_malloc(size); }
void *__wrap_calloc(size_t number, size_t size) { COUNT(1); return __real_calloc(number, size); }
void *__wrap_realloc(void *old, size_t size) { COUNT(2); return __real_realloc(old, size); }
void __wrap_free(void *memory) { COUNT(3); __real_free(memory); }
void *__wrap_aligned_alloc(size_t alignment, size_t size) {
  COUNT(4);
  return __real_aligned_alloc(alignment, size);
}
int __wrap_posix_memalign(void **memory, size_t alignment, size_t size) {
  COUNT(5);
  return __real_posix_memalign(memory, alignment, size);
}
