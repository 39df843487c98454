internal import CLinux
internal import HostKernel
internal import SystemPackage

/// Commands of an iommufd, and of device descriptors towards it.
extension ContractHost {
  func allocateIOAS(_ iommufd: Int32) throws(Errno) -> UInt32 {
    try call(iommufd, IOMMU_IOAS_ALLOC, [12, 0, 0])[2]
  }

  func destroy(_ iommufd: Int32, _ identifier: UInt32) throws(Errno) {
    try call(iommufd, IOMMU_DESTROY, [8, identifier])
  }

  @discardableResult
  func bind(_ device: Int32, _ iommufd: Int32) throws(Errno) -> UInt32 {
    try call(device, VFIO_DEVICE_BIND_IOMMUFD, [24, 0, UInt32(bitPattern: iommufd), 0, 0, 0])[3]
  }

  @discardableResult
  func attach(_ device: Int32, _ identifier: UInt32) throws(Errno) -> UInt32 {
    try call(device, VFIO_DEVICE_ATTACH_IOMMUFD_PT, [12, 0, identifier])[2]
  }

  func detach(_ device: Int32) throws(Errno) {
    try call(device, VFIO_DEVICE_DETACH_IOMMUFD_PT, [8, 0])
  }

  func allocateTable(
    _ iommufd: Int32, _ device: UInt32, _ parent: UInt32, flags: UInt32 = 0
  ) throws(Errno) -> UInt32 {
    var command = [UInt32](repeating: 0, count: 12)
    command[0] = 48
    command[1] = flags
    command[2] = device
    command[3] = parent
    return try call(iommufd, IOMMU_HWPT_ALLOC, command)[4]
  }

  /// What the IOMMU behind a device calls the type of its information.
  func hardwareType(_ iommufd: Int32, _ device: UInt32) throws(Errno) -> UInt32 {
    try call(iommufd, IOMMU_GET_HW_INFO, [40, 0, device, 0, 0, 0, 0, 0, 0, 0])[6]
  }

  @discardableResult
  func map(
    _ iommufd: Int32, _ ioas: UInt32, _ address: UInt64, length: UInt64 = 4096,
    at iova: UInt64? = nil, flags: UInt32 = 6
  ) throws(Errno) -> UInt64 {
    var command = iommu_ioas_map()
    command.size = 40
    command.flags = flags | (iova == nil ? 0 : 1)
    command.ioas_id = ioas
    command.user_va = address
    command.length = length
    command.iova = iova ?? 0
    try kernel.control(iommufd, UInt(IOMMU_IOAS_MAP), on: &command)
    return command.iova
  }

  func unmap(
    _ iommufd: Int32, _ ioas: UInt32, at iova: UInt64, length: UInt64
  ) throws(Errno) -> UInt64 {
    var command = iommu_ioas_unmap(size: 24, ioas_id: ioas, iova: iova, length: length)
    try kernel.control(iommufd, UInt(IOMMU_IOAS_UNMAP), on: &command)
    return command.length
  }

  /// A device bound to a context, as a descriptor and an object.
  struct Bound {
    var descriptor: Int32
    var identifier: UInt32
  }

  func bound(_ fixture: Fixture, _ iommufd: Int32) throws -> Bound {
    let descriptor = try node(fixture)
    return Bound(descriptor: descriptor, identifier: try bind(descriptor, iommufd))
  }
}
