internal import CLinux
internal import HostKernel
internal import SystemPackage

/// Groups and containers.
extension ContractHost {
  /// A group with a native container, or an iommufd in its place.
  func usableGroup(
    _ fixture: Fixture, container: Int32, backend: UInt? = 3
  ) throws -> Int32 {
    let group = try group(fixture)
    try setContainer(group, container)
    if let backend { try call(container, VFIO_SET_IOMMU, value: backend) }
    return group
  }

  func setContainer(_ group: Int32, _ container: Int32) throws(Errno) {
    try call(group, VFIO_GROUP_SET_CONTAINER, [UInt32(bitPattern: container)])
  }

  /// A device descriptor from a group, by the text that names it.
  func device(_ group: Int32, _ name: String) throws(Errno) -> Int32 {
    var bytes = Array(name.utf8) + [0]
    return adopt(try call(group, VFIO_GROUP_GET_DEVICE_FD, &bytes))
  }

  /// A device descriptor from its group.
  func device(_ group: Int32, _ fixture: Fixture) throws -> Int32 {
    try device(group, "\(address(fixture))")
  }
}
