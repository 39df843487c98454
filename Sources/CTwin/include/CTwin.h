/* What the trace points are measured against: the same in C, and the barrier that both sides use. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Makes a value count as used and memory as changed, at no cost, so that no call can be left out. */
static inline void ctwin_keep(uint64_t value) {
  __asm__ volatile("" : : "r"(value) : "memory");
}

/* Nanoseconds for `calls` calls of a function that does nothing. */
uint64_t ctwin_time_empty(uint64_t calls);

/* Nanoseconds for `calls` calls of a function with 16 points that are off: a relaxed load, a branch. */
uint64_t ctwin_time_disabled(uint64_t calls);

/* Nanoseconds for `calls` calls of a function that formats one line by snprintf(3). */
uint64_t ctwin_time_format(const char *device, uint64_t calls);

/* Writes the line that ctwin_time_format formats for a value; gives its length as snprintf(3). */
int ctwin_format(char *line, size_t size, const char *device, uint64_t value);

/* Bytes that allocations of this process hold. */
size_t ctwin_allocated(void);

/* Nanoseconds that the calling thread has had a processor: what others do meanwhile does not count. */
uint64_t ctwin_thread_time(void);

/* Nanoseconds of thread time for `exits` exits of a real-mode guest, whose code runs at 0x1000 and does nothing but
 * access a port, or memory that is not there; 0 when KVM cannot run it. */
uint64_t ctwin_time_exits(const uint8_t *code, size_t size, int is_memory, uint64_t exits);
