// The part of the KVM user ABI that runs CPUs. See vfio.h for why it is declared here.
#pragma once
#include <stddef.h>
#include <stdint.h>

// On /dev/kvm.
#define KVM_GET_MSR_INDEX_LIST 0xC004AE02
#define KVM_GET_VCPU_MMAP_SIZE 0xAE04
#define KVM_GET_SUPPORTED_CPUID 0xC008AE05
// On a virtual machine.
#define KVM_CREATE_VCPU 0xAE41
#define KVM_GET_IRQCHIP 0xC208AE62
#define KVM_SET_IRQCHIP 0x8208AE63
#define KVM_CREATE_PIT2 0x4040AE77
#define KVM_SET_CLOCK 0x4030AE7B
#define KVM_GET_CLOCK 0x8030AE7C
#define KVM_GET_PIT2 0x8070AE9F
#define KVM_SET_PIT2 0x4070AEA0
#define KVM_ENABLE_CAP 0x4068AEA3
// On a CPU.
#define KVM_RUN 0xAE80
#define KVM_GET_REGS 0x8090AE81
#define KVM_SET_REGS 0x4090AE82
#define KVM_GET_SREGS 0x8138AE83
#define KVM_SET_SREGS 0x4138AE84
#define KVM_INTERRUPT 0x4004AE86
#define KVM_GET_MSRS 0xC008AE88
#define KVM_SET_MSRS 0x4008AE89
#define KVM_GET_LAPIC 0x8400AE8E
#define KVM_SET_LAPIC 0x4400AE8F
#define KVM_SET_CPUID2 0x4008AE90
#define KVM_GET_MP_STATE 0x8004AE98
#define KVM_SET_MP_STATE 0x4004AE99
#define KVM_NMI 0xAE9A
#define KVM_GET_VCPU_EVENTS 0x8040AE9F
#define KVM_SET_VCPU_EVENTS 0x4040AEA0
#define KVM_GET_DEBUGREGS 0x8080AEA1
#define KVM_SET_DEBUGREGS 0x4080AEA2
#define KVM_GET_XSAVE 0x9000AEA4
#define KVM_SET_XSAVE 0x5000AEA5
#define KVM_GET_XCRS 0x8188AEA6
#define KVM_SET_XCRS 0x4188AEA7
#define KVM_KVMCLOCK_CTRL 0xAEAD
#define KVM_GET_NESTED_STATE 0xC080AEBE
#define KVM_SET_NESTED_STATE 0x4080AEBF
#define KVM_GET_XSAVE2 0x9000AECF

#define KVM_CAP_EXT_CPUID 7
#define KVM_CAP_NR_VCPUS 9
#define KVM_CAP_MP_STATE 14
#define KVM_CAP_PIT2 33
#define KVM_CAP_PIT_STATE2 35
#define KVM_CAP_ADJUST_CLOCK 39
#define KVM_CAP_VCPU_EVENTS 41
#define KVM_CAP_DEBUGREGS 50
#define KVM_CAP_XSAVE 55
#define KVM_CAP_XCRS 56
#define KVM_CAP_MAX_VCPUS 66
#define KVM_CAP_TSC_DEADLINE_TIMER 72
#define KVM_CAP_KVMCLOCK_CTRL 76
#define KVM_CAP_SPLIT_IRQCHIP 121
#define KVM_CAP_IMMEDIATE_EXIT 136
#define KVM_CAP_NESTED_STATE 157
#define KVM_CAP_XSAVE2 208

#define KVM_EXIT_UNKNOWN 0
#define KVM_EXIT_IO 2
#define KVM_EXIT_HLT 5
#define KVM_EXIT_MMIO 6
#define KVM_EXIT_IRQ_WINDOW_OPEN 7
#define KVM_EXIT_SHUTDOWN 8
#define KVM_EXIT_FAIL_ENTRY 9
#define KVM_EXIT_INTR 10
#define KVM_EXIT_INTERNAL_ERROR 17
#define KVM_EXIT_SYSTEM_EVENT 24
#define KVM_EXIT_IOAPIC_EOI 26
#define KVM_EXIT_IO_OUT 1

struct kvm_regs {
  uint64_t rax, rbx, rcx, rdx, rsi, rdi, rsp, rbp;
  uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
  uint64_t rip, rflags;
};
struct kvm_segment {
  uint64_t base;
  uint32_t limit;
  uint16_t selector;
  uint8_t type, present, dpl, db, s, l, g, avl, unusable, padding;
};
struct kvm_dtable {
  uint64_t base;
  uint16_t limit;
  uint16_t padding[3];
};
struct kvm_sregs {
  struct kvm_segment cs, ds, es, fs, gs, ss, tr, ldt;
  struct kvm_dtable gdt, idt;
  uint64_t cr0, cr2, cr3, cr4, cr8, efer, apic_base;
  uint64_t interrupt_bitmap[4];
};
#define KVM_CPUID_FLAG_SIGNIFCANT_INDEX 1
struct kvm_cpuid_entry2 {
  uint32_t function, index, flags, eax, ebx, ecx, edx;
  uint32_t padding[3];
};
struct kvm_msr_entry {
  uint32_t index, reserved;
  uint64_t data;
};
struct kvm_pit_config {
  uint32_t flags;
  uint32_t pad[15];
};
#define KVM_PIT_SPEAKER_DUMMY 1
struct kvm_clock_data {
  uint64_t clock;
  uint32_t flags;
  uint32_t pad0;
  uint64_t realtime, host_tsc;
  uint32_t pad[4];
};
struct kvm_enable_cap {
  uint32_t cap, flags;
  uint64_t args[4];
  uint8_t pad[64];
};

// What a CPU's file shows when it is mapped, as far as it is used here.
struct kvm_run {
  uint8_t request_interrupt_window, immediate_exit, padding1[6];
  uint32_t exit_reason;
  uint8_t ready_for_interrupt_injection, if_flag;
  uint16_t flags;
  uint64_t cr8, apic_base;
  union {
    struct {
      uint64_t hardware_exit_reason;
    } hw;
    struct {
      uint64_t hardware_entry_failure_reason;
      uint32_t cpu;
    } fail_entry;
    struct {
      uint8_t direction, size;
      uint16_t port;
      uint32_t count;
      uint64_t data_offset;
    } io;
    struct {
      uint64_t phys_addr;
      uint8_t data[8];
      uint32_t len;
      uint8_t is_write;
    } mmio;
    struct {
      uint32_t suberror, ndata;
      uint64_t data[16];
    } internal;
    struct {
      uint32_t type, ndata;
      uint64_t data[16];
    } system_event;
    struct {
      uint8_t vector;
    } eoi;
    uint8_t padding[256];
  };
};

#pragma clang assume_nonnull begin
/// Tells the kernel to leave the guest at once, or not; another thread may be in KVM_RUN meanwhile.
static inline void clinux_set_immediate_exit(struct kvm_run *run, uint8_t value) {
  __atomic_store_n(&run->immediate_exit, value, __ATOMIC_RELAXED);
}
/// The data of a memory access as one little-endian number.
static inline uint64_t clinux_mmio_data(const struct kvm_run *run) {
  uint64_t value;
  __builtin_memcpy(&value, run->mmio.data, sizeof value);
  return value;
}
static inline void clinux_set_mmio_data(struct kvm_run *run, uint64_t value) {
  __builtin_memcpy(run->mmio.data, &value, sizeof value);
}
/// An element of 1, 2 or 4 bytes of the data of a port access.
static inline uint32_t clinux_io_element(const void *address, uint32_t size) {
  uint32_t value = 0;
  __builtin_memcpy(&value, address, size < 4 ? size : 4);
  return value;
}
static inline void clinux_set_io_element(void *address, uint32_t size, uint32_t value) {
  __builtin_memcpy(address, &value, size < 4 ? size : 4);
}
/// The processor's own answer to CPUID: EAX, EBX, ECX, EDX.
void clinux_cpuid(uint32_t leaf, uint32_t index, uint32_t registers[_Nonnull 4]);
/// The processor's time stamp counter.
static inline uint64_t clinux_timestamp_counter(void) {
  return __builtin_ia32_rdtsc();
}
#pragma clang assume_nonnull end
