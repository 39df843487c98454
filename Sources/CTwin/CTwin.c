#include <malloc.h>
#include "CTwin.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <time.h>

/* Not static: the compiler may not take it that nobody switches the points on. */
atomic_bool ctwin_is_enabled;
static char buffer[256];

static uint64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

int ctwin_format(char *line, size_t size, const char *device, uint64_t value) {
  return snprintf(
      line, size, "vfio_region_read  (%s:region%d+0x%" PRIx64 ", %d) = 0x%" PRIx64 "\n", device, 0,
      value & 0xfff, 4, value);
}

__attribute__((noinline)) static void empty(const char *device, uint64_t value) {
  (void)device;
  ctwin_keep(value);
}

__attribute__((noinline)) static void format(const char *device, uint64_t value) {
  ctwin_keep((uint64_t)ctwin_format(buffer, sizeof buffer, device, value));
}

static inline __attribute__((always_inline)) void point(const char *device, uint64_t value) {
  if (__builtin_expect(atomic_load_explicit(&ctwin_is_enabled, memory_order_relaxed), 0))
    format(device, value);
}

__attribute__((noinline)) static void disabled(const char *device, uint64_t value) {
  ctwin_keep(value);
  point(device, value);
  point(device, value);
  point(device, value);
  point(device, value);
  point(device, value);
  point(device, value);
  point(device, value);
  point(device, value);
  point(device, value);
  point(device, value);
  point(device, value);
  point(device, value);
  point(device, value);
  point(device, value);
  point(device, value);
  point(device, value);
}

uint64_t ctwin_time_empty(uint64_t calls) {
  uint64_t start = now();
  for (uint64_t value = 0; value < calls; value++) empty("", value);
  return now() - start;
}

uint64_t ctwin_time_disabled(uint64_t calls) {
  uint64_t start = now();
  for (uint64_t value = 0; value < calls; value++) disabled("", value);
  return now() - start;
}

uint64_t ctwin_time_format(const char *device, uint64_t calls) {
  uint64_t start = now();
  for (uint64_t value = 0; value < calls; value++) format(device, value);
  return now() - start;
}

size_t ctwin_allocated(void) {
  struct mallinfo2 info = mallinfo2();
  return info.uordblks + info.hblkhd;
}
