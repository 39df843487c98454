// The mock devices of a kernel with CONFIG_IOMMUFD_TEST: one command whose words after the header mean
// something else for each operation. The kernel keeps the header private, so the lab cannot compare
// these declarations with its own; what the cases get from it is the proof.
#pragma once
#include <stdint.h>

#define IOMMU_TEST_CMD 0x3BA0

#define IOMMU_TEST_OP_MOCK_DOMAIN 2
#define IOMMU_TEST_OP_MOCK_DOMAIN_REPLACE 10
#define IOMMU_TEST_OP_MOCK_DOMAIN_FLAGS 12
#define IOMMU_TEST_OP_MD_CHECK_IOTLB 14
#define IOMMU_TEST_OP_TRIGGER_IOPF 15
#define IOMMU_TEST_OP_DEV_CHECK_CACHE 16
#define IOMMU_TEST_OP_TRIGGER_VEVENT 17
#define IOMMU_TEST_OP_PASID_ATTACH 18
#define IOMMU_TEST_OP_PASID_DETACH 20

#define MOCK_APERTURE_START 0x1000000
#define MOCK_APERTURE_LAST 0x7FFFFFFF
#define MOCK_PAGE_SIZE 2048
#define MOCK_FLAGS_DEVICE_NO_DIRTY 0x1
#define MOCK_FLAGS_DEVICE_PASID 0x4
#define MOCK_NESTED_DOMAIN_IOTLB_NUM 4
#define MOCK_DEV_CACHE_NUM 4
#define MOCK_PASID_WIDTH 20

#define IOMMU_HW_INFO_TYPE_SELFTEST 0xFEEDBEEF
#define IOMMU_HW_INFO_SELFTEST_REGVAL 0xDEADBEEF
#define IOMMU_HWPT_DATA_SELFTEST 0xDEAD
#define IOMMU_TEST_DEV_CACHE_DEFAULT 0xBADDAD
#define IOMMU_HWPT_INVALIDATE_DATA_SELFTEST 0xDEADBEEF
#define IOMMU_VIOMMU_INVALIDATE_DATA_SELFTEST 0xDEADBEEF
#define IOMMU_TEST_INVALIDATE_FLAG_ALL 0x1
#define IOMMU_VIOMMU_TYPE_SELFTEST 0xDEADBEEF
#define IOMMU_VEVENTQ_TYPE_SELFTEST 0xBEEFBEEF

/// The whole command; an operation that needs less ignores the rest.
struct iommu_test_cmd {
  uint32_t size, op, id, __reserved;
  uint32_t words[12];
  uint32_t last, __padding;
};
struct iommu_test_mock_domain_flags {
  uint32_t size, op, id, __reserved, out_stdev_id, out_hwpt_id, out_idev_id, dev_flags;
};
struct iommu_test_mock_domain_replace {
  uint32_t size, op, id, __reserved, pt_id;
};
/// One layout for two operations: what entry `index` of the table or device `id` has to hold.
struct iommu_test_check_entry {
  uint32_t size, op, id, __reserved, index, value;
};
struct iommu_test_trigger_iopf {
  uint32_t size, op, id, __reserved, dev_id, pasid, grpid, perm;
  uint64_t addr;
};
struct iommu_test_trigger_vevent {
  uint32_t size, op, id, __reserved, dev_id;
};
/// The object is that of the mock device.
struct iommu_test_pasid {
  uint32_t size, op, id, __reserved, pasid, pt_id;
};
struct iommu_test_hw_info {
  uint32_t flags, test_reg;
};
struct iommu_hwpt_selftest {
  uint32_t iotlb, pagetable_type;
};
struct iommu_hwpt_invalidate_selftest {
  uint32_t flags, iotlb_id;
};
struct iommu_viommu_invalidate_selftest {
  uint32_t flags, vdev_id, cache_id;
};
struct iommu_viommu_event_selftest {
  uint32_t virt_id;
};
