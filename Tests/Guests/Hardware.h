// What Swift has no words for: instructions of the processor, and memory that answers.
#pragma once
#include <stdint.h>

static inline void out8(uint16_t port, uint8_t value) {
  __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port) : "memory");
}
static inline void out16(uint16_t port, uint16_t value) {
  __asm__ volatile("outw %0, %1" : : "a"(value), "Nd"(port) : "memory");
}
static inline void out32(uint16_t port, uint32_t value) {
  __asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port) : "memory");
}
static inline uint8_t in8(uint16_t port) {
  uint8_t value;
  __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port) : "memory");
  return value;
}
static inline uint16_t in16(uint16_t port) {
  uint16_t value;
  __asm__ volatile("inw %1, %0" : "=a"(value) : "Nd"(port) : "memory");
  return value;
}
static inline uint32_t in32(uint16_t port) {
  uint32_t value;
  __asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port) : "memory");
  return value;
}

// One access of the named width each, neither split nor dropped.
static inline uint8_t load8(uint32_t address) {
  uint8_t value;
  __asm__ volatile("movb (%1), %0" : "=q"(value) : "r"((uintptr_t)address) : "memory");
  return value;
}
static inline uint16_t load16(uint32_t address) {
  uint16_t value;
  __asm__ volatile("movw (%1), %0" : "=r"(value) : "r"((uintptr_t)address) : "memory");
  return value;
}
static inline uint32_t load32(uint32_t address) {
  uint32_t value;
  __asm__ volatile("movl (%1), %0" : "=r"(value) : "r"((uintptr_t)address) : "memory");
  return value;
}
static inline void store8(uint32_t address, uint8_t value) {
  __asm__ volatile("movb %0, (%1)" : : "q"(value), "r"((uintptr_t)address) : "memory");
}
static inline void store16(uint32_t address, uint16_t value) {
  __asm__ volatile("movw %0, (%1)" : : "r"(value), "r"((uintptr_t)address) : "memory");
}
static inline void store32(uint32_t address, uint32_t value) {
  __asm__ volatile("movl %0, (%1)" : : "r"(value), "r"((uintptr_t)address) : "memory");
}

// An address above 4 GiB, where `start.S` maps the 1 GiB from 32 GiB on.
static inline uint32_t loadFar32(uint64_t address) {
  uint32_t value;
  __asm__ volatile("movl (%1), %0" : "=r"(value) : "r"(address) : "memory");
  return value;
}

static inline void allowInterrupts(void) { __asm__ volatile("sti; nop" : : : "memory"); }
static inline void forbidInterrupts(void) { __asm__ volatile("cli" : : : "memory"); }
static inline void relax(void) { __asm__ volatile("pause" : : : "memory"); }
static inline void halt(void) { __asm__ volatile("hlt" : : : "memory"); }
static inline uint64_t timeStamp(void) { return __builtin_ia32_rdtsc(); }

// What the processor and `start.S` leave on the stack for an interrupt.
struct InterruptFrame {
  uint64_t registers[9];
  uint64_t vector, error, address, segment, flags, stack, stackSegment;
};

// Fills the interrupt descriptor table with the entries of `start.S` and loads it.
void loadInterruptTable(void);

// How often each interrupt vector came.
extern volatile uint32_t interruptCounts[256];
static inline uint32_t interruptCount(uint32_t vector) { return interruptCounts[vector & 0xFF]; }
static inline void countInterrupt(uint32_t vector) { interruptCounts[vector & 0xFF]++; }
static inline void clearInterruptCounts(void) {
  for (int vector = 0; vector < 256; vector++) interruptCounts[vector] = 0;
}

// Which payload the link made, by its place in the list of `build`.
extern const uint32_t chosenPayload;
