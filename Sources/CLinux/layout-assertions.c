#include "CLinux.h"
#include "layout-assertions.h"

// Not in the kernel's exported headers, and so not in the list that the lab compiles against them.
ABI_SIZE(iommu_test_cmd, 72);
ABI_FIELD(iommu_test_cmd, op, 4);
ABI_FIELD(iommu_test_cmd, id, 8);
ABI_FIELD(iommu_test_cmd, words, 16);
ABI_FIELD(iommu_test_cmd, last, 64);
ABI_SIZE(iommu_test_mock_domain_flags, 32);
ABI_FIELD(iommu_test_mock_domain_flags, out_stdev_id, 16);
ABI_FIELD(iommu_test_mock_domain_flags, out_hwpt_id, 20);
ABI_FIELD(iommu_test_mock_domain_flags, out_idev_id, 24);
ABI_FIELD(iommu_test_mock_domain_flags, dev_flags, 28);
ABI_FIELD(iommu_test_mock_domain_replace, pt_id, 16);
ABI_FIELD(iommu_test_check_entry, index, 16);
ABI_FIELD(iommu_test_check_entry, value, 20);
ABI_SIZE(iommu_test_trigger_iopf, 40);
ABI_FIELD(iommu_test_trigger_iopf, dev_id, 16);
ABI_FIELD(iommu_test_trigger_iopf, pasid, 20);
ABI_FIELD(iommu_test_trigger_iopf, grpid, 24);
ABI_FIELD(iommu_test_trigger_iopf, perm, 28);
ABI_FIELD(iommu_test_trigger_iopf, addr, 32);
ABI_FIELD(iommu_test_trigger_vevent, dev_id, 16);
ABI_FIELD(iommu_test_pasid, pasid, 16);
ABI_FIELD(iommu_test_pasid, pt_id, 20);
ABI_SIZE(iommu_test_hw_info, 8);
ABI_SIZE(iommu_hwpt_selftest, 8);
ABI_SIZE(iommu_hwpt_invalidate_selftest, 8);
ABI_SIZE(iommu_viommu_invalidate_selftest, 12);
ABI_FIELD(iommu_viommu_invalidate_selftest, vdev_id, 4);
ABI_FIELD(iommu_viommu_invalidate_selftest, cache_id, 8);
ABI_SIZE(iommu_viommu_event_selftest, 4);
