#include "CTwin.h"

#include <fcntl.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

uint64_t ctwin_thread_time(void) {
  struct timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

/* The bare loop: one CPU, one page of memory, and nothing done with an access but to count it. */
static uint64_t run(int cpu, struct kvm_run *area, uint32_t reason, uint64_t exits) {
  uint64_t seen = 0, start = ctwin_thread_time();
  while (seen < exits) {
    if (ioctl(cpu, KVM_RUN, 0) < 0 || area->exit_reason != reason) return 0;
    seen++;
  }
  return ctwin_thread_time() - start;
}

static uint64_t time_on(int kvm, int vm, const uint8_t *code, size_t size, uint32_t reason,
                        uint64_t exits) {
  uint64_t result = 0;
  int cpu = -1;
  long length = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
  struct kvm_run *area = MAP_FAILED;
  uint8_t *memory = mmap(NULL, 0x10000, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return 0;
  memcpy(memory + 0x1000, code, size);
  struct kvm_userspace_memory_region slot = {
      .memory_size = 0x10000, .userspace_addr = (uint64_t)(uintptr_t)memory};
  struct kvm_sregs sregs;
  struct kvm_regs regs = {.rip = 0x1000, .rflags = 2};
  struct kvm_pit_config timer = {.flags = KVM_PIT_SPEAKER_DUMMY};
  if (ioctl(vm, KVM_SET_USER_MEMORY_REGION, &slot) < 0) goto end;
  if (ioctl(vm, KVM_SET_TSS_ADDR, 0xfffbd000) < 0 || ioctl(vm, KVM_CREATE_IRQCHIP, 0) < 0) goto end;
  if (ioctl(vm, KVM_CREATE_PIT2, &timer) < 0) goto end;
  cpu = ioctl(vm, KVM_CREATE_VCPU, 0);
  if (cpu < 0 || length <= 0) goto end;
  area = mmap(NULL, (size_t)length, PROT_READ | PROT_WRITE, MAP_SHARED, cpu, 0);
  if (area == MAP_FAILED || ioctl(cpu, KVM_GET_SREGS, &sregs) < 0) goto end;
  sregs.cs.base = sregs.cs.selector = 0;
  if (ioctl(cpu, KVM_SET_SREGS, &sregs) < 0 || ioctl(cpu, KVM_SET_REGS, &regs) < 0) goto end;
  run(cpu, area, reason, exits / 10);
  result = run(cpu, area, reason, exits);
end:
  if (area != MAP_FAILED) munmap(area, (size_t)length);
  if (cpu >= 0) close(cpu);
  munmap(memory, 0x10000);
  return result;
}

uint64_t ctwin_time_exits(const uint8_t *code, size_t size, int is_memory, uint64_t exits) {
  int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
  if (kvm < 0) return 0;
  int vm = ioctl(kvm, KVM_CREATE_VM, 0);
  uint64_t result = 0;
  if (vm >= 0) {
    uint32_t reason = is_memory ? KVM_EXIT_MMIO : KVM_EXIT_IO;
    result = time_on(kvm, vm, code, size, reason, exits);
    close(vm);
  }
  close(kvm);
  return result;
}
