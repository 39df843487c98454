// The iommufd user ABI of Linux 7.2. See vfio.h for why it is declared here.
#pragma once
#include <stdint.h>

#define IOMMU_DESTROY 0x3B80
#define IOMMU_IOAS_ALLOC 0x3B81
#define IOMMU_IOAS_ALLOW_IOVAS 0x3B82
#define IOMMU_IOAS_COPY 0x3B83
#define IOMMU_IOAS_IOVA_RANGES 0x3B84
#define IOMMU_IOAS_MAP 0x3B85
#define IOMMU_IOAS_UNMAP 0x3B86
#define IOMMU_OPTION 0x3B87
#define IOMMU_VFIO_IOAS 0x3B88
#define IOMMU_HWPT_ALLOC 0x3B89
#define IOMMU_GET_HW_INFO 0x3B8A
#define IOMMU_HWPT_SET_DIRTY_TRACKING 0x3B8B
#define IOMMU_HWPT_GET_DIRTY_BITMAP 0x3B8C
#define IOMMU_HWPT_INVALIDATE 0x3B8D
#define IOMMU_FAULT_QUEUE_ALLOC 0x3B8E
#define IOMMU_IOAS_MAP_FILE 0x3B8F
#define IOMMU_VIOMMU_ALLOC 0x3B90
#define IOMMU_VDEVICE_ALLOC 0x3B91
#define IOMMU_IOAS_CHANGE_PROCESS 0x3B92
#define IOMMU_VEVENTQ_ALLOC 0x3B93
#define IOMMU_HW_QUEUE_ALLOC 0x3B94

struct iommu_destroy {
  uint32_t size, id;
};
struct iommu_ioas_alloc {
  uint32_t size, flags, out_ioas_id;
};
struct iommu_iova_range {
  uint64_t start, last;
};
struct iommu_ioas_iova_ranges {
  uint32_t size, ioas_id, num_iovas, __reserved;
  uint64_t allowed_iovas, out_iova_alignment;
};
struct iommu_ioas_allow_iovas {
  uint32_t size, ioas_id, num_iovas, __reserved;
  uint64_t allowed_iovas;
};
#define IOMMU_IOAS_MAP_FIXED_IOVA 0x1
#define IOMMU_IOAS_MAP_WRITEABLE 0x2
#define IOMMU_IOAS_MAP_READABLE 0x4
struct iommu_ioas_map {
  uint32_t size, flags, ioas_id, __reserved;
  uint64_t user_va, length, iova;
};
struct iommu_ioas_map_file {
  uint32_t size, flags, ioas_id;
  int32_t fd;
  uint64_t start, length, iova;
};
struct iommu_ioas_copy {
  uint32_t size, flags, dst_ioas_id, src_ioas_id;
  uint64_t length, dst_iova, src_iova;
};
struct iommu_ioas_unmap {
  uint32_t size, ioas_id;
  uint64_t iova, length;
};
#define IOMMU_OPTION_RLIMIT_MODE 0
#define IOMMU_OPTION_HUGE_PAGES 1
#define IOMMU_OPTION_OP_SET 0
#define IOMMU_OPTION_OP_GET 1
struct iommu_option {
  uint32_t size, option_id;
  uint16_t op, __reserved;
  uint32_t object_id;
  uint64_t val64;
};
#define IOMMU_VFIO_IOAS_GET 0
#define IOMMU_VFIO_IOAS_SET 1
#define IOMMU_VFIO_IOAS_CLEAR 2
struct iommu_vfio_ioas {
  uint32_t size, ioas_id;
  uint16_t op, __reserved;
};
#define IOMMU_HWPT_ALLOC_NEST_PARENT 0x1
#define IOMMU_HWPT_ALLOC_DIRTY_TRACKING 0x2
#define IOMMU_HWPT_FAULT_ID_VALID 0x4
#define IOMMU_HWPT_ALLOC_PASID 0x8
#define IOMMU_HWPT_DATA_NONE 0
#define IOMMU_HWPT_DATA_VTD_S1 1
#define IOMMU_VTD_S1_SRE 0x1
#define IOMMU_VTD_S1_EAFE 0x2
#define IOMMU_VTD_S1_WPE 0x4
struct iommu_hwpt_vtd_s1 {
  uint64_t flags, pgtbl_addr;
  uint32_t addr_width, __reserved;
};
struct iommu_hwpt_alloc {
  uint32_t size, flags, dev_id, pt_id, out_hwpt_id, __reserved, data_type, data_len;
  uint64_t data_uptr;
  uint32_t fault_id, __reserved2;
};
#define IOMMU_HW_INFO_TYPE_NONE 0
#define IOMMU_HW_INFO_TYPE_INTEL_VTD 1
#define IOMMU_HW_INFO_TYPE_ARM_SMMUV3 2
#define IOMMU_HW_INFO_TYPE_AMD 4
#define IOMMU_HW_INFO_FLAG_INPUT_TYPE 0x1
#define IOMMU_HW_CAP_DIRTY_TRACKING 0x1
#define IOMMU_HW_CAP_PCI_PASID_EXEC 0x2
#define IOMMU_HW_CAP_PCI_PASID_PRIV 0x4
#define IOMMU_HW_CAP_PCI_ATS_NOT_SUPPORTED 0x8
struct iommu_hw_info {
  uint32_t size, flags, dev_id, data_len;
  uint64_t data_uptr;
  // The kernel has a union with in_data_type here.
  uint32_t out_data_type;
  uint8_t out_max_pasid_log2, __reserved[3];
  uint64_t out_capabilities;
};
struct iommu_hw_info_vtd {
  uint32_t flags, __reserved;
  uint64_t cap_reg, ecap_reg;
};
struct iommu_hwpt_set_dirty_tracking {
  uint32_t size, flags, hwpt_id, __reserved;
};
struct iommu_hwpt_get_dirty_bitmap {
  uint32_t size, hwpt_id, flags, __reserved;
  uint64_t iova, length, page_size, data;
};
#define IOMMU_HWPT_INVALIDATE_DATA_VTD_S1 0
#define IOMMU_VTD_INV_FLAGS_LEAF 0x1
struct iommu_hwpt_vtd_s1_invalidate {
  uint64_t addr, npages;
  uint32_t flags, __reserved;
};
struct iommu_hwpt_invalidate {
  uint32_t size, hwpt_id;
  uint64_t data_uptr;
  uint32_t data_type, entry_len, entry_num, __reserved;
};
struct iommu_fault_alloc {
  uint32_t size, flags, out_fault_id, out_fault_fd;
};
#define IOMMU_PGFAULT_FLAGS_PASID_VALID 0x1
#define IOMMU_PGFAULT_FLAGS_LAST_PAGE 0x2
#define IOMMU_PGFAULT_PERM_READ 0x1
#define IOMMU_PGFAULT_PERM_WRITE 0x2
#define IOMMU_PGFAULT_PERM_EXEC 0x4
#define IOMMU_PGFAULT_PERM_PRIV 0x8
struct iommu_hwpt_pgfault {
  uint32_t flags, dev_id, pasid, grpid, perm, __reserved;
  uint64_t addr;
  uint32_t length, cookie;
};
#define IOMMUFD_PAGE_RESP_SUCCESS 0
#define IOMMUFD_PAGE_RESP_INVALID 1
struct iommu_hwpt_page_response {
  uint32_t cookie, code;
};
struct iommu_viommu_alloc {
  uint32_t size, flags, type, dev_id, hwpt_id, out_viommu_id, data_len, __reserved;
  uint64_t data_uptr;
};
struct iommu_vdevice_alloc {
  uint32_t size, viommu_id, dev_id, out_vdevice_id;
  uint64_t virt_id;
};
struct iommu_ioas_change_process {
  uint32_t size, __reserved;
};
#define IOMMU_VEVENTQ_FLAG_LOST_EVENTS 0x1
struct iommufd_vevent_header {
  uint32_t flags, sequence;
};
struct iommu_veventq_alloc {
  uint32_t size, flags, viommu_id, type, veventq_depth, out_veventq_id, out_veventq_fd, __reserved;
};
struct iommu_hw_queue_alloc {
  uint32_t size, flags, viommu_id, type, index, out_hw_queue_id;
  uint64_t nesting_parent_iova, length;
};
