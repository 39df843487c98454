// The VFIO user ABI of Linux 7.2 as swiftvmm uses it, declared here because installed headers may be
// older than the ABI. Names are the kernel's, so that layout-assertions.h compiles against either.
// A structure with a trailing array is declared without it, since Swift copies such a structure as
// bytes only then; the array starts at the structure's size. Numbers are plain constants: the Swift
// importer takes no _IO() macro.
#pragma once
#include <stdint.h>

#define VFIO_GET_API_VERSION 0x3B64
#define VFIO_CHECK_EXTENSION 0x3B65
#define VFIO_SET_IOMMU 0x3B66
#define VFIO_GROUP_GET_STATUS 0x3B67
#define VFIO_GROUP_SET_CONTAINER 0x3B68
#define VFIO_GROUP_UNSET_CONTAINER 0x3B69
#define VFIO_GROUP_GET_DEVICE_FD 0x3B6A
#define VFIO_DEVICE_GET_INFO 0x3B6B
#define VFIO_DEVICE_GET_REGION_INFO 0x3B6C
#define VFIO_DEVICE_GET_IRQ_INFO 0x3B6D
#define VFIO_DEVICE_SET_IRQS 0x3B6E
#define VFIO_DEVICE_RESET 0x3B6F
#define VFIO_DEVICE_GET_PCI_HOT_RESET_INFO 0x3B70
#define VFIO_DEVICE_PCI_HOT_RESET 0x3B71
#define VFIO_DEVICE_IOEVENTFD 0x3B74
#define VFIO_DEVICE_FEATURE 0x3B75
#define VFIO_DEVICE_BIND_IOMMUFD 0x3B76
#define VFIO_DEVICE_ATTACH_IOMMUFD_PT 0x3B77
#define VFIO_DEVICE_DETACH_IOMMUFD_PT 0x3B78
#define VFIO_IOMMU_GET_INFO 0x3B70
#define VFIO_IOMMU_MAP_DMA 0x3B71
#define VFIO_IOMMU_UNMAP_DMA 0x3B72
#define VFIO_IOMMU_DIRTY_PAGES 0x3B75

#define VFIO_API_VERSION 0
#define VFIO_TYPE1_IOMMU 1
#define VFIO_TYPE1v2_IOMMU 3
#define VFIO_DMA_CC_IOMMU 4
#define VFIO_NOIOMMU_IOMMU 8
#define VFIO_UNMAP_ALL 9
#define VFIO_UPDATE_VADDR 10

#define VFIO_GROUP_FLAGS_VIABLE 0x1
#define VFIO_GROUP_FLAGS_CONTAINER_SET 0x2
struct vfio_group_status {
  uint32_t argsz, flags;
};

#define VFIO_DEVICE_FLAGS_RESET 0x1
#define VFIO_DEVICE_FLAGS_PCI 0x2
#define VFIO_DEVICE_FLAGS_CAPS 0x80
#define VFIO_DEVICE_INFO_CAP_PCI_ATOMIC_COMP 5
struct vfio_device_info {
  uint32_t argsz, flags, num_regions, num_irqs, cap_offset, pad;
};

struct vfio_info_cap_header {
  uint16_t id, version;
  uint32_t next;
};

#define VFIO_REGION_INFO_FLAG_READ 0x1
#define VFIO_REGION_INFO_FLAG_WRITE 0x2
#define VFIO_REGION_INFO_FLAG_MMAP 0x4
#define VFIO_REGION_INFO_FLAG_CAPS 0x8
#define VFIO_REGION_INFO_CAP_SPARSE_MMAP 1
#define VFIO_REGION_INFO_CAP_TYPE 2
#define VFIO_REGION_INFO_CAP_MSIX_MAPPABLE 3
struct vfio_region_info {
  uint32_t argsz, flags, index, cap_offset;
  uint64_t size, offset;
};
struct vfio_region_sparse_mmap_area {
  uint64_t offset, size;
};

#define VFIO_PCI_BAR0_REGION_INDEX 0
#define VFIO_PCI_ROM_REGION_INDEX 6
#define VFIO_PCI_CONFIG_REGION_INDEX 7
#define VFIO_PCI_VGA_REGION_INDEX 8
#define VFIO_PCI_NUM_REGIONS 9
#define VFIO_PCI_INTX_IRQ_INDEX 0
#define VFIO_PCI_MSI_IRQ_INDEX 1
#define VFIO_PCI_MSIX_IRQ_INDEX 2
#define VFIO_PCI_ERR_IRQ_INDEX 3
#define VFIO_PCI_REQ_IRQ_INDEX 4
#define VFIO_PCI_NUM_IRQS 5

#define VFIO_IRQ_INFO_EVENTFD 0x1
#define VFIO_IRQ_INFO_MASKABLE 0x2
#define VFIO_IRQ_INFO_AUTOMASKED 0x4
#define VFIO_IRQ_INFO_NORESIZE 0x8
struct vfio_irq_info {
  uint32_t argsz, flags, index, count;
};

#define VFIO_IRQ_SET_DATA_NONE 0x1
#define VFIO_IRQ_SET_DATA_BOOL 0x2
#define VFIO_IRQ_SET_DATA_EVENTFD 0x4
#define VFIO_IRQ_SET_ACTION_MASK 0x8
#define VFIO_IRQ_SET_ACTION_UNMASK 0x10
#define VFIO_IRQ_SET_ACTION_TRIGGER 0x20
struct vfio_irq_set {
  uint32_t argsz, flags, index, start, count;
};

#define VFIO_PCI_DEVID_OWNED 0
#define VFIO_PCI_DEVID_NOT_OWNED -1
#define VFIO_PCI_HOT_RESET_FLAG_DEV_ID 0x1
#define VFIO_PCI_HOT_RESET_FLAG_DEV_ID_OWNED 0x2
struct vfio_pci_dependent_device {
  // The kernel has a union with group_id here; a structure with a union cannot be copied as bytes.
  uint32_t devid;
  uint16_t segment;
  uint8_t bus, devfn;
};
struct vfio_pci_hot_reset_info {
  uint32_t argsz, flags, count;
};
struct vfio_pci_hot_reset {
  uint32_t argsz, flags, count;
};

struct vfio_device_ioeventfd {
  uint32_t argsz, flags;
  uint64_t offset, data;
  int32_t fd;
  uint32_t reserved;
};

#define VFIO_DEVICE_FEATURE_MASK 0xffff
#define VFIO_DEVICE_FEATURE_GET 0x10000
#define VFIO_DEVICE_FEATURE_SET 0x20000
#define VFIO_DEVICE_FEATURE_PROBE 0x40000
#define VFIO_DEVICE_FEATURE_DMA_BUF 11
struct vfio_device_feature {
  uint32_t argsz, flags;
};
struct vfio_region_dma_range {
  uint64_t offset, length;
};
struct vfio_device_feature_dma_buf {
  uint32_t region_index, open_flags, flags, nr_ranges;
};

#define VFIO_DEVICE_BIND_FLAG_TOKEN 0x1
struct vfio_device_bind_iommufd {
  uint32_t argsz, flags;
  int32_t iommufd;
  uint32_t out_devid;
  uint64_t token_uuid_ptr;
};

#define VFIO_DEVICE_ATTACH_PASID 0x1
struct vfio_device_attach_iommufd_pt {
  uint32_t argsz, flags, pt_id, pasid;
};
#define VFIO_DEVICE_DETACH_PASID 0x1
struct vfio_device_detach_iommufd_pt {
  uint32_t argsz, flags, pasid;
};

#define VFIO_IOMMU_INFO_PGSIZES 0x1
#define VFIO_IOMMU_INFO_CAPS 0x2
#define VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE 1
#define VFIO_IOMMU_TYPE1_INFO_CAP_MIGRATION 2
#define VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL 3
struct vfio_iommu_type1_info {
  uint32_t argsz, flags;
  uint64_t iova_pgsizes;
  uint32_t cap_offset, pad;
};

#define VFIO_DMA_MAP_FLAG_READ 0x1
#define VFIO_DMA_MAP_FLAG_WRITE 0x2
#define VFIO_DMA_MAP_FLAG_VADDR 0x4
struct vfio_iommu_type1_dma_map {
  uint32_t argsz, flags;
  uint64_t vaddr, iova, size;
};
#define VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP 0x1
#define VFIO_DMA_UNMAP_FLAG_ALL 0x2
#define VFIO_DMA_UNMAP_FLAG_VADDR 0x4
#define VFIO_IOMMU_DIRTY_PAGES_FLAG_START 0x1
#define VFIO_IOMMU_DIRTY_PAGES_FLAG_STOP 0x2
#define VFIO_IOMMU_DIRTY_PAGES_FLAG_GET_BITMAP 0x4
struct vfio_iommu_type1_dma_unmap {
  uint32_t argsz, flags;
  uint64_t iova, size;
};
