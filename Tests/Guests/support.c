// What compilers expect of a C library, memory for Swift objects, and the interrupt table.
#include <stddef.h>

#include "Hardware.h"

void *memset(void *destination, int value, size_t count) {
  unsigned char *to = destination;
  while (count--) *to++ = (unsigned char)value;
  return destination;
}

void *memcpy(void *restrict destination, const void *restrict source, size_t count) {
  unsigned char *to = destination;
  const unsigned char *from = source;
  while (count--) *to++ = *from++;
  return destination;
}

void *memmove(void *destination, const void *source, size_t count) {
  unsigned char *to = destination;
  const unsigned char *from = source;
  if (to <= from) return memcpy(destination, source, count);
  while (count--) to[count] = from[count];
  return destination;
}

// A payload lives for seconds, so memory is given out and never taken back.
static unsigned char heap[1 << 20];
static size_t heapUsed;

int posix_memalign(void **result, size_t alignment, size_t count) {
  size_t start = (heapUsed + alignment - 1) & ~(alignment - 1);
  if (alignment == 0 || start > sizeof heap || count > sizeof heap - start) return 12;
  heapUsed = start + count;
  *result = heap + start;
  return 0;
}

void free(void *block) { (void)block; }

volatile uint32_t interruptCounts[256];
extern const unsigned char interruptEntries[256][16];
static struct {
  uint16_t low, segment, kind, high;
  uint32_t top, reserved;
} interruptTable[256];

void loadInterruptTable(void) {
  for (int vector = 0; vector < 256; vector++) {
    uint32_t entry = (uint32_t)(uintptr_t)interruptEntries[vector];
    interruptTable[vector].low = (uint16_t)entry;
    interruptTable[vector].segment = 8;
    interruptTable[vector].kind = 0x8E00;
    interruptTable[vector].high = (uint16_t)(entry >> 16);
  }
  struct __attribute__((packed)) {
    uint16_t limit;
    uint64_t base;
  } table = {sizeof interruptTable - 1, (uintptr_t)interruptTable};
  __asm__ volatile("lidt %0" : : "m"(table));
}
