// The KVM user ABI as swiftvmm uses it. See vfio.h for why it is declared here.
#pragma once
#include <stdint.h>

#define KVM_GET_API_VERSION 0xAE00
#define KVM_CREATE_VM 0xAE01
#define KVM_CHECK_EXTENSION 0xAE03
#define KVM_CREATE_IRQCHIP 0xAE60
#define KVM_SET_TSS_ADDR 0xAE47
#define KVM_SET_IDENTITY_MAP_ADDR 0x4008AE48
#define KVM_SET_USER_MEMORY_REGION 0x4020AE46
#define KVM_IRQ_LINE 0x4008AE61
#define KVM_IRQFD 0x4020AE76
#define KVM_SET_GSI_ROUTING 0x4008AE6A
#define KVM_SIGNAL_MSI 0x4020AEA5
#define KVM_CREATE_DEVICE 0xC00CAEE0
#define KVM_SET_DEVICE_ATTR 0x4018AEE1
#define KVM_GET_DEVICE_ATTR 0x4018AEE2
#define KVM_HAS_DEVICE_ATTR 0x4018AEE3

#define KVM_API_VERSION 12
#define KVM_CAP_IRQCHIP 0
#define KVM_CAP_NR_MEMSLOTS 10
#define KVM_CAP_IRQ_ROUTING 25
#define KVM_CAP_IRQFD 32
#define KVM_CAP_IRQFD_RESAMPLE 82
#define KVM_CAP_DEVICE_CTRL 89

#define KVM_MEM_READONLY 0x2
struct kvm_userspace_memory_region {
  uint32_t slot, flags;
  uint64_t guest_phys_addr, memory_size, userspace_addr;
};
#define KVM_IRQFD_FLAG_DEASSIGN 0x1
#define KVM_IRQFD_FLAG_RESAMPLE 0x2
struct kvm_irqfd {
  uint32_t fd, gsi, flags, resamplefd;
  uint8_t pad[16];
};
// The kernel has unions in a route, with more kinds of it.
#define KVM_IRQ_ROUTING_IRQCHIP 1
#define KVM_IRQ_ROUTING_MSI 2
#define KVM_IRQCHIP_PIC_MASTER 0
#define KVM_IRQCHIP_PIC_SLAVE 1
#define KVM_IRQCHIP_IOAPIC 2
struct kvm_irq_routing {
  // Followed by this many routes.
  uint32_t nr, flags;
};
struct kvm_irq_route_to_pin {
  uint32_t gsi, type, flags, pad;
  uint32_t irqchip, pin;
  uint32_t reserved[6];
};
struct kvm_irq_route_to_message {
  uint32_t gsi, type, flags, pad;
  uint32_t address_lo, address_hi, data, devid;
  uint32_t reserved[4];
};
struct kvm_msi {
  uint32_t address_lo, address_hi, data, flags, devid;
  uint8_t pad[12];
};
struct kvm_irq_level {
  // The kernel has a union with status here.
  uint32_t irq;
  uint32_t level;
};
#define KVM_CREATE_DEVICE_TEST 1
#define KVM_DEV_TYPE_VFIO 4
#define KVM_DEV_VFIO_FILE 1
#define KVM_DEV_VFIO_FILE_ADD 1
#define KVM_DEV_VFIO_FILE_DEL 2
struct kvm_create_device {
  uint32_t type, fd, flags;
};
struct kvm_device_attr {
  uint32_t flags, group;
  uint64_t attr, addr;
};
