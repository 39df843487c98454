internal import CLinux

/// A mock device of a kernel that is built with `CONFIG_IOMMUFD_TEST`: behind the mock IOMMU, alone in
/// a group that no function can join, bound and attached from its creation to its destruction.
final class MockDevice {
  let group = GroupState(number: 0, iommu: .mock)
  /// `MOCK_FLAGS_DEVICE_*` it was made with.
  private let flags: UInt32
  /// The entries that an invalidation of its virtual IOMMU clears.
  var cache = [UInt32](
    repeating: UInt32(IOMMU_TEST_DEV_CACHE_DEFAULT), count: Int(MOCK_DEV_CACHE_NUM))

  /// Nil for flags that the kernel does not know.
  init?(flags: UInt32) {
    guard flags & ~UInt32(MOCK_FLAGS_DEVICE_NO_DIRTY | MOCK_FLAGS_DEVICE_PASID) == 0 else {
      return nil
    }
    self.flags = flags
  }

  var supportsDirtyTracking: Bool { flags & UInt32(MOCK_FLAGS_DEVICE_NO_DIRTY) == 0 }

  var pasidLimit: UInt32 {
    flags & UInt32(MOCK_FLAGS_DEVICE_PASID) == 0 ? 0 : group.iommu.pasidLimit
  }
}

extension HostIOMMU {
  /// The IOMMU of all mock devices.
  static let mock = HostIOMMU(
    name: "the mock IOMMU", kind: .mock, firstAddress: UInt64(MOCK_APERTURE_START),
    lastAddress: UInt64(MOCK_APERTURE_LAST), pageSizes: UInt64(MOCK_PAGE_SIZE), reserved: [],
    pasidLimit: 1 << UInt32(MOCK_PASID_WIDTH), supportsDirtyTracking: true, supportsNesting: true)
}
